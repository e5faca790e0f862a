"""One pass of the network: ours, the plain one, and the time of its matrix products at the machine's best rate."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..config import VDTConfig
from ..models.linear import has_products
from ..models.transformer import VDT
from ..training.parallel.network import prepare
from ..training.recipe import OptimRecipe
from .limits import forward_flops, matmul_call, matmul_flops
from .peer import build_peer, has_peer, peer_call, peer_flops
from .plain import plain_forward
from .timing import in_turns

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@torch.inference_mode()
def bench_forward(
    config: VDTConfig,
    *,
    num_frames: int = 16,
    size: int = 32,
    batch: int = 1,
    rounds: int = 5,
    device: str = "cpu",
    compiled: bool = False,
) -> dict[str, Any]:
    """Seconds per pass over latents (batch, num_frames, C, size, size) in each precision that the machine has.

    "plain_s" is the plain path in float32 in both, "limit_s" the pass's operations at the rate of a large matrix
    product in that precision. Where diffusers is installed, "peer" has its Latte transformer in float32.
    """
    generator = torch.Generator().manual_seed(0)
    model = VDT(config, generator).eval().to(device)
    for parameter in model.parameters():  # zero-initialised gates would hide what a trained model computes
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)
    x = torch.randn(batch, num_frames, config.in_channels, size, size, generator=generator).to(device)
    t = torch.full((batch,), 500, device=device)
    flops = forward_flops(config, batch=batch, num_frames=num_frames, height=size, width=size)
    record: dict[str, Any] = {"flops": flops, "shape": list(x.shape), "compiled": compiled}
    for name, dtype in PRECISIONS.items():
        if device == "cpu" and not has_products(dtype):
            continue  # PyTorch then takes minutes for one large product
        ours = VDT(config).eval().to(device, dtype)
        ours.load_state_dict(model.state_dict())
        prepare(ours, OptimRecipe(compile=compiled))
        inputs = x.to(dtype)
        seconds = in_turns(
            {
                "ours_s": lambda ours=ours, inputs=inputs: ours(inputs, t),  # type: ignore[misc]
                "plain_s": lambda: plain_forward(model, x, t),
                "matmul": matmul_call(dtype, torch.device(device)),
            },
            rounds=rounds,
        )
        rate = matmul_flops(device) / seconds.pop("matmul")
        record[name] = {**seconds, "limit_s": flops / rate, "peak_gflops": rate / 1e9}
    if has_peer():
        record["peer"] = _compare_with_peer(config, model, x, t, flops, rounds)
    return record


def _compare_with_peer(
    config: VDTConfig, model: VDT, x: Tensor, t: Tensor, flops: int, rounds: int
) -> dict[str, float]:
    """Seconds of both, and of their operations (ours: `flops`) at the machine's rate."""
    batch, frames, _, height, width = x.shape
    peer = build_peer(config, num_frames=frames, size=height).to(x.device)
    product = matmul_call(x.dtype, x.device)
    seconds = in_turns(
        {"ours_s": lambda: model(x, t), "peer_s": peer_call(peer, x, t), "matmul": product}, rounds=rounds
    )
    rate = matmul_flops(x.device) / seconds.pop("matmul")
    patches = (height // config.patch_size) * (width // config.patch_size)
    theirs = peer_flops(config, batch=batch, num_frames=frames, patches=patches)
    return {**seconds, "ours_limit_s": flops / rate, "peer_limit_s": theirs / rate}


def forward_table(record: dict[str, Any]) -> str:
    """Markdown: one row per precision."""
    lines = [
        "| forward | ours, s | plain float32, s | limit, s | speed-up | of the limit |",
        "|---|---|---|---|---|---|",
    ]
    for name in (name for name in PRECISIONS if name in record):
        ours, plain, limit = (record[name][key] for key in ("ours_s", "plain_s", "limit_s"))
        lines.append(
            f"| {name} | {ours:.3f} | {plain:.3f} | {limit:.3f} | {plain / ours:.2f} x faster | {ours / limit:.2f} x |"
        )
    if peer := record.get("peer"):
        lines += ["", "| float32, equal width, depth and tokens | s | limit, s | of the limit |", "|---|---|---|---|"]
        for name, label in (("ours", "ours"), ("peer", "Latte of diffusers")):
            second, limit = peer[f"{name}_s"], peer[f"{name}_limit_s"]
            lines.append(f"| {label} | {second:.3f} | {limit:.3f} | {second / limit:.2f} x |")
    return "\n".join([*lines, ""])
