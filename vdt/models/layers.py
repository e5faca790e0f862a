"""The parts of the transformer: sin-cos tables, embedders, modulation, MLP and output head.

Letters: B batch, T frames, h x w latent size, p patch side, N = (h/p)(w/p) patches per frame, C channels, D width.
Attribute names are those of the official files, so that their weights load strictly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .linear import linear
from .patches import embed_patches

FREQUENCIES = 256  # width of the sinusoid of a timestep, fixed by the official files
LONGEST_WAVE = 10000.0


# ---- Position tables -------------------------------------------------------------------------------------------------


def sincos_table(positions: Tensor, width: int) -> Tensor:
    """Sine then cosine of each position at `width / 2` geometric frequencies: (L,) -> float64 (L, width)."""
    if width % 2:
        raise ValueError(f"a sin-cos table needs an even width, got {width}: choose another hidden_size")
    exponents = torch.arange(width // 2, dtype=torch.float64, device=positions.device) / (width / 2)
    angles = positions.double()[:, None] * LONGEST_WAVE**-exponents
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def temporal_table(num_frames: int, width: int) -> Tensor:
    """Table of the frames 0..T-1: float32 (1, T, D)."""
    if torch.empty(0).is_meta:  # a shape alone: PyTorch would load its compiler, for a second
        return torch.empty(1, num_frames, width)
    return sincos_table(torch.arange(num_frames), width).float()[None]


def spatial_table(rows: int, columns: int, width: int) -> Tensor:
    """Table of a grid of patches in row-major order, first half column, second half row: float32 (1, N, D)."""
    if torch.empty(0).is_meta:
        return torch.empty(1, rows * columns, width)
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    halves = [sincos_table(axis.flatten(), width // 2) for axis in (column, row)]  # "w first" (MAE, arXiv 2111.06377)
    return torch.cat(halves, dim=1).float()[None]


class Tables:
    """Position tables of a width, computed once for each size, device and precision, and never saved."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._kept: dict[tuple[object, ...], Tensor] = {}

    def __call__(self, function: Callable[..., Tensor], *size: int, like: Tensor) -> Tensor:
        """`spatial_table` or `temporal_table` of a size, on the device and in the precision of a tensor."""
        key = (function, *size, like.device, like.dtype)
        if key not in self._kept:
            with torch.inference_mode(False):  # a table first needed while sampling must serve training too
                self._kept[key] = function(*size, self._width).to(like)
        return self._kept[key]


# ---- Embedders -------------------------------------------------------------------------------------------------------


class PatchEmbed(nn.Module):
    """One token for every p x p patch of every frame."""

    def __init__(self, in_channels: int, hidden_size: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, hidden_size, kernel_size=patch_size, stride=patch_size)

    def forward(self, x: Tensor) -> Tensor:
        """Latents (B, T, C, h, w) to tokens (B, T, N, D)."""
        return embed_patches(self.proj, x)


class TimestepEmbedder(nn.Module):
    """Diffusion timesteps of any shape to vectors, through a cosine-first sinusoid and a small MLP."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(FREQUENCIES, hidden_size), nn.SiLU(), nn.Linear(hidden_size, hidden_size))

    def forward(self, t: Tensor) -> Tensor:
        """Timesteps (...) to vectors (..., D)."""
        half = FREQUENCIES // 2
        exponents = torch.arange(half, dtype=torch.float32, device=t.device) / half
        angles = t.float()[..., None] * torch.exp(-math.log(LONGEST_WAVE) * exponents)
        sinusoid = torch.cat([angles.cos(), angles.sin()], dim=-1)  # (..., 256)
        floats = (parameter.dtype for parameter in self.mlp.parameters() if parameter.is_floating_point())
        return self.mlp(sinusoid.to(next(floats, torch.float32)))  # (..., D); a quantised MLP may have no floats


class LabelEmbedder(nn.Module):
    """The label table of the official files, of which only row 0 was ever trained or read."""

    def __init__(self, num_labels: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding_table = nn.Embedding(num_labels, hidden_size)

    def forward(self) -> Tensor:
        """The vector (D,) of the only label."""
        return self.embedding_table.weight[0]  # (D,)


# ---- Modulation and MLP ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Modulation:
    """What the time condition does to one branch; each (B, 1 or T, 1, D), broadcast over the tokens."""

    shift: Tensor
    scale: Tensor
    gate: Tensor

    def shifted(self, x: Tensor) -> Tensor:
        """The branch's input: x (1 + scale) + shift."""
        return modulate(x, self.shift, self.scale)

    def gated(self, x: Tensor, y: Tensor) -> Tensor:
        """x with the branch's output y added: x + gate y."""
        return torch.addcmul(x, self.gate, y)


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Adaptive layer norm without the norm: x (1 + scale) + shift."""
    return torch.addcmul(shift, x, 1 + scale)


def adaln(hidden_size: int, parts: int) -> nn.Sequential:
    """The layer that turns the time condition (..., D) into `parts` vectors (..., parts D)."""
    return nn.Sequential(nn.SiLU(), nn.Linear(hidden_size, parts * hidden_size))


class Mlp(nn.Module):
    """Two layers with a tanh-approximated GELU between."""

    def __init__(self, hidden_size: int, ratio: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(hidden_size, int(hidden_size * ratio))
        self.fc2 = nn.Linear(int(hidden_size * ratio), hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (..., D) to tokens."""
        return linear(self.fc2, linear(self.fc1, x, gelu=True))


class FinalLayer(nn.Module):
    """Tokens (B, T, N, D) to the pixels of their patches (B, T, N, p p C)."""

    def __init__(self, hidden_size: int, patch_size: int, out_channels: int) -> None:
        super().__init__()
        self.norm_final = nn.LayerNorm(hidden_size, elementwise_affine=False, eps=1e-6)
        self.linear = nn.Linear(hidden_size, patch_size**2 * out_channels)
        self.adaLN_modulation = adaln(hidden_size, 2)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """Tokens (B, T, N, D) and time condition (B, 1 or T, 1, D) to patches (B, T, N, p p C)."""
        shift, scale = self.adaLN_modulation(c).chunk(2, dim=-1)
        return self.linear(modulate(self.norm_final(x), shift, scale))
