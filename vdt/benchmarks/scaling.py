"""Seconds of a pass against frames and resolution, beside the share that attention has in its operations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..config import VDTConfig
from ..evaluation.plots import new_figure, save_figure
from ..model import build_model
from .limits import attention_flops, forward_flops, matmul_call, matmul_flops
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
    """Per shape: seconds of a float32 pass, of its operations at the machine's rate, and attention's share of these."""
    model = build_model(config, torch.Generator().manual_seed(0)).eval().to(device)
    t = torch.tensor([500], device=device)
    inputs = {
        shape: torch.randn(1, shape[0], config.in_channels, shape[1], shape[1], device=device) for shape in shapes
    }
    calls: dict[str, Any] = {str(shape): partial(model, x, t) for shape, x in inputs.items()}
    seconds = in_turns({**calls, "matmul": matmul_call(torch.float32, torch.device(device))}, rounds=rounds)
    rate = matmul_flops() / seconds["matmul"]
    records = []
    for frames, side in shapes:
        flops = forward_flops(config, batch=1, num_frames=frames, height=side, width=side)
        patches = (side // config.patch_size) ** 2
        attention = frames * patches * config.depth * attention_flops(config, num_frames=frames, patches=patches)
        records.append(
            {
                "num_frames": frames,
                "size": side * 8,
                "seconds": seconds[str((frames, side))],
                "limit_s": flops / rate,
                "attention_share": attention / flops,
            }
        )
    return records


def scaling_table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: one row per shape."""
    lines = ["| frames | pixels | seconds | of the limit | attention's share of operations |", "|---|---|---|---|---|"]
    for record in records:
        lines.append(
            f"| {record['num_frames']} | {record['size']} | {record['seconds']:.3f} "
            f"| {record['seconds'] / record['limit_s']:.2f} x | {record['attention_share']:.0%} |"
        )
    return "\n".join([*lines, ""])


def plot_scaling(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Both axes logarithmic; where the lines leave slope 1 in tokens, attention has taken over."""
    figure, (axis,) = new_figure(1)
    for label, chosen in (("more frames", FRAMES), ("more pixels", SIZES)):
        points = sorted(
            (record["num_frames"] * (record["size"] // 16) ** 2, record["seconds"], record["limit_s"])
            for record in records
            if (record["num_frames"], record["size"] // 8) in chosen
        )
        tokens, seconds, limits = zip(*points, strict=True)
        (line,) = axis.plot(tokens, seconds, marker="o", label=label)
        axis.plot(tokens, limits, linestyle=":", color=line.get_color(), label=f"{label}, limit")
    axis.set(xlabel="tokens", ylabel="seconds of a pass", xscale="log", yscale="log")
    axis.grid(alpha=0.25)
    axis.legend(frameon=False, fontsize=8)
    save_figure(figure, path)
