"""Seconds of a pass against frames and resolution, and the share of attention in its operations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..config import VDTConfig
from ..evaluation.figures import new_figure, save_figure
from ..models.transformer import VDT
from .limits import attention_flops, forward_flops, linear_flops, matmul_call, matmul_flops
from .timing import in_turns

FRAMES = ((4, 32), (8, 32), (16, 32), (32, 32), (64, 32))  # frames, side of the latents
SIZES = ((16, 8), (16, 16), (16, 32), (16, 64))


@torch.inference_mode()
def bench_scaling(
    config: VDTConfig,
    shapes: Sequence[tuple[int, int]] = tuple(dict.fromkeys(FRAMES + SIZES)),
    *,
    rounds: int = 2,
    device: str = "cpu",
) -> list[dict[str, Any]]:
    """Per shape: seconds of a float32 pass, and of its operations at the machine's rate; the share of attention."""
    model = VDT(config, torch.Generator().manual_seed(0)).eval().to(device)
    t = torch.tensor([500], device=device)
    inputs = {
        shape: torch.randn(1, shape[0], config.in_channels, shape[1], shape[1], device=device) for shape in shapes
    }
    calls: dict[str, Any] = {str(shape): partial(model, x, t) for shape, x in inputs.items()}
    seconds = in_turns({**calls, "matmul": matmul_call(torch.float32, torch.device(device))}, rounds=rounds)
    rate = matmul_flops(device) / seconds["matmul"]
    records = []
    for frames, side in shapes:
        flops = forward_flops(config, batch=1, num_frames=frames, height=side, width=side)
        records.append(
            {
                "num_frames": frames,
                "size": side * 8,
                "seconds": seconds[str((frames, side))],
                "limit_s": flops / rate,
                "attention_share": attention_share(config, frames, side),
            }
        )
    return records


def scaling_table(records: Sequence[dict[str, Any]], config: VDTConfig) -> str:
    """Markdown: one row per shape, and from which size on attention dominates."""
    lines = ["| frames | pixels | seconds | of the limit | attention's share of operations |", "|---|---|---|---|---|"]
    for record in records:
        lines.append(
            f"| {record['num_frames']} | {record['size']} | {record['seconds']:.3f} "
            f"| {record['seconds'] / record['limit_s']:.2f} x | {record['attention_share']:.0%} |"
        )
    reach = even_reach(config)
    side = round((reach - 16) ** 0.5) * config.patch_size * 8
    even = f"at {reach} patches and frames in sum, such as 16 frames of {side} pixels square"
    return "\n".join([*lines, "", f"Attention costs as much as the linear layers of a block {even}.", ""])


def plot_scaling(records: Sequence[dict[str, Any]], config: VDTConfig, path: Path) -> None:
    """Seconds, compared with those of the matrix products alone; and attention's share, up to where it dominates."""
    figure, (time, share) = new_figure(2, sharey=False)
    for label, chosen, longer in (("more frames", FRAMES, 12), ("more pixels", SIZES, 6)):
        points = sorted(
            (_tokens(record["num_frames"], record["size"] // 8), record["seconds"], record["limit_s"])
            for record in records
            if (record["num_frames"], record["size"] // 8) in chosen
        )
        tokens, seconds, limits = zip(*points, strict=True)
        (line,) = time.plot(tokens, seconds, marker="o", label=label)
        time.plot(tokens, limits, linestyle=":", color=line.get_color(), label=f"{label}, products alone")
        frames, side = chosen[0]
        beyond = [(frames << n, side) if chosen is FRAMES else (frames, side << n) for n in range(longer)]
        share.plot([_tokens(*shape) for shape in beyond], [attention_share(config, *shape) for shape in beyond])
    share.axhline(0.5, color="#999999", linewidth=1)
    time.set(xlabel="tokens", ylabel="seconds of a pass", xscale="log", yscale="log")
    share.set(xlabel="tokens", ylabel="attention's share of operations", xscale="log", ylim=(0, 1))
    for axis in (time, share):
        axis.grid(alpha=0.25)
    time.legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def attention_share(config: VDTConfig, num_frames: int, side: int) -> float:
    """The share of attention in the operations of a pass over latents of side x side."""
    flops = forward_flops(config, batch=1, num_frames=num_frames, height=side, width=side)
    patches = (side // config.patch_size) ** 2
    each = attention_flops(config, num_frames=num_frames, patches=patches)
    return num_frames * patches * config.depth * each / flops


def even_reach(config: VDTConfig) -> int:
    """Patches and frames, in sum, at which attention costs as much as the linear layers of a block."""
    return round(linear_flops(config) / attention_flops(config, num_frames=1, patches=0))


def _tokens(num_frames: int, side: int) -> int:
    return num_frames * (side // 2) ** 2
