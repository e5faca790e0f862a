"""What the machine could do at best: the operations of a forward pass, and how many of them matrix products reach."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..config import VDTConfig

PEAK_SIDE = 2048  # of the square matrices that show the peak


def forward_flops(config: VDTConfig, *, batch: int, num_frames: int, height: int, width: int) -> int:
    """Multiplications and additions in the matrix products of one pass over latents (batch, num_frames, C, h, w)."""
    patches = (height // config.patch_size) * (width // config.patch_size)
    tokens = batch * num_frames * patches
    d, patch = config.hidden_size, config.patch_size**2
    linear = linear_flops(config) / 2
    attention = attention_flops(config, num_frames=num_frames, patches=patches) / 2
    ends = patch * (config.in_channels + int(config.mask_embed) + config.out_channels) * d
    condition = batch * d * d * (config.depth * (9 if config.temporal_adaln else 6) + 2)
    return int(2 * (tokens * (config.depth * (linear + attention) + ends) + condition))


def linear_flops(config: VDTConfig) -> float:
    """Of the linear layers for one token in one block: two attentions of 4 matrices each, temporal_fc, MLP."""
    return 2 * (9 + 2 * config.mlp_ratio) * config.hidden_size**2


def attention_flops(config: VDTConfig, *, num_frames: int, patches: int) -> int:
    """Of the products of queries, keys and values, for one token in one block; the rest grows with tokens alone."""
    return 2 * 2 * (num_frames + patches) * config.hidden_size


def matmul_call(dtype: torch.dtype, device: torch.device) -> Callable[[], object]:
    """One product of two large square matrices, into memory that is there already."""
    a, b = (torch.full((PEAK_SIDE, PEAK_SIDE), 0.5, dtype=dtype, device=device) for _ in range(2))
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out)


def matmul_flops() -> int:
    """Of one such product."""
    return 2 * PEAK_SIDE**3
