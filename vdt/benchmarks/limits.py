"""The limit of the machine: operations of a forward pass, and the rate of a large matrix product."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..config import MaskSpec, VDTConfig

PEAK_SIDES = {"cpu": 2048, "cuda": 8192}  # of the square matrices that show the peak


def forward_flops(config: VDTConfig, *, batch: int, num_frames: int, height: int, width: int) -> int:
    """Multiplications and additions in the matrix products of one pass over latents (batch, num_frames, C, h, w)."""
    patches = (height // config.patch_size) * (width // config.patch_size)
    tokens = batch * num_frames * patches
    d, patch = config.hidden_size, config.patch_size**2
    linear = linear_flops(config) / 2
    attention = attention_flops(config, num_frames=num_frames, patches=patches) / 2
    ends = patch * (config.in_channels + _mask_channels(config) + config.out_channels) * d
    condition = batch * d * d * (config.depth * (9 if config.temporal_adaln else 6) + 2)
    return int(2 * (tokens * (config.depth * (linear + attention) + ends) + condition))


def _mask_channels(config: VDTConfig) -> int:
    return sum(isinstance(spec, MaskSpec) and spec.embed for spec in config.conditioning)


def linear_flops(config: VDTConfig) -> float:
    """Operations of the linear layers for one token in one block: two attentions of 4 matrices, temporal_fc, MLP."""
    return 2 * (9 + 2 * config.mlp_ratio) * config.hidden_size**2


def attention_flops(config: VDTConfig, *, num_frames: int, patches: int) -> int:
    """Operations of the products of queries, keys and values for one token in one block: they grow with the clip."""
    return 2 * 2 * (num_frames + patches) * config.hidden_size


def matmul_call(dtype: torch.dtype, device: torch.device) -> Callable[[], object]:
    """A product of two large square matrices of random numbers, into memory that is already allocated."""
    side, generator = _peak_side(device), torch.Generator().manual_seed(0)
    a, b = (torch.randn(side, side, generator=generator).to(device, dtype) for _ in range(2))
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out)


def matmul_flops(device: torch.device | str = "cpu") -> int:
    """Operations of one such product."""
    return 2 * _peak_side(torch.device(device)) ** 3


def _peak_side(device: torch.device) -> int:
    return PEAK_SIDES.get(device.type, PEAK_SIDES["cpu"])
