"""Quick pictures of latents while they are sampled, by a linear projection, and clips as one grid of frames."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange
from safetensors import safe_open
from torch import Tensor

if TYPE_CHECKING:
    from PIL import Image

# T frames, C latent channels, h x w latent cells, N samples.

PREVIEW_KEY = "preview"  # of the metadata of a model file
GRID_SIDE = 512  # a grid's longer side, in pixels, at least where frames are small


@dataclass(frozen=True, kw_only=True)
class PreviewProjection:
    """RGB in [-1, 1] of one latent cell: its scaled channels times weight (C, 3), plus bias (3)."""

    weight: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...] = (0.0, 0.0, 0.0)

    def __call__(self, latents: Tensor) -> np.ndarray:
        """Frames uint8 (T, h, w, 3) of latents (T, C, h, w), scaled as the model sees them; NaN becomes grey."""
        if latents.ndim != 4 or latents.shape[1] != len(self.weight):
            raise ValueError(f"expected latents (T, {len(self.weight)}, h, w), got {tuple(latents.shape)}")
        cells = rearrange(latents.detach().float().cpu(), "t c h w -> t h w c")
        pixels = cells @ torch.tensor(self.weight) + torch.tensor(self.bias)  # (T, h, w, 3)
        return ((torch.nan_to_num(pixels) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()

    def to_json(self) -> str:
        """The projection as JSON, for the metadata of a model file."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> PreviewProjection:
        """ValueError if the text is no projection."""
        try:
            values = json.loads(text)
            weight = tuple(tuple(float(value) for value in row) for row in values["weight"])
            bias = tuple(float(value) for value in values["bias"])
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"this is no preview projection: {error}") from error
        if len(bias) != 3 or not weight or any(len(row) != 3 for row in weight):
            raise ValueError("this is no preview projection: expected a weight of 3 columns and 3 biases")
        return cls(weight=weight, bias=bias)


def fit_preview(latents: Tensor, pixels: Tensor) -> PreviewProjection:
    """The projection that comes nearest to these frames, by least squares.

    Args:
        latents: (N, C, h, w), scaled as the model sees them.
        pixels: (N, 3, H, W) in [-1, 1], the same frames; H and W are multiples of h and w.
    """
    rows, columns = latents.shape[-2:]
    if len(latents) != len(pixels) or pixels.shape[-2] % rows or pixels.shape[-1] % columns:
        raise ValueError(f"latents {tuple(latents.shape)} and pixels {tuple(pixels.shape)} are not of the same frames")
    means = torch.nn.functional.adaptive_avg_pool2d(pixels.double(), (rows, columns))
    x = rearrange(latents.double(), "n c h w -> (n h w) c")
    y = rearrange(means, "n c h w -> (n h w) c")
    x = torch.cat([x, x.new_ones(len(x), 1)], dim=1)  # (cells, C + 1)
    solution = torch.linalg.lstsq(x, y).solution  # (C + 1, 3)
    return PreviewProjection(weight=_rows(solution[:-1]), bias=_rows(solution[-1:])[0])


def grey_preview(channels: int) -> PreviewProjection:
    """The first channel as grey: for models whose file holds no projection."""
    return PreviewProjection(weight=((0.5, 0.5, 0.5), *[(0.0, 0.0, 0.0)] * (channels - 1)))


def read_preview(source: str | Path | Mapping[str, str], channels: int) -> PreviewProjection:
    """The projection that a model file, or its metadata, holds; grey where there is none for so many channels."""
    metadata = _metadata(source) if isinstance(source, (str, Path)) else source
    try:
        projection = PreviewProjection.from_json(metadata[PREVIEW_KEY])
    except (KeyError, ValueError):
        return grey_preview(channels)  # a preview must never be what stops a model from loading
    return projection if len(projection.weight) == channels else grey_preview(channels)


def frame_grid(frames: np.ndarray, *, side: int = GRID_SIDE, gap: int = 2) -> np.ndarray:
    """All frames uint8 (T, H, W, 3) of a clip in one picture (H', W', 3), row by row; small ones are enlarged.

    Args:
        frames: the clip.
        side: the longer side that the picture should have; frames are enlarged by whole factors, never reduced.
        gap: pixels between frames.
    """
    count, height, width, _ = frames.shape
    columns = min(count, math.ceil(math.sqrt(count * height / width)))
    rows = math.ceil(count / columns)
    factor = max(1, side // max(rows * height, columns * width))
    large = frames.repeat(factor, axis=1).repeat(factor, axis=2)
    canvas = np.zeros((rows * columns, large.shape[1] + gap, large.shape[2] + gap, 3), np.uint8)
    canvas[:count, : large.shape[1], : large.shape[2]] = large
    grid = rearrange(canvas, "(r c) h w d -> (r h) (c w) d", c=columns)
    return np.ascontiguousarray(grid[:-gap, :-gap] if gap else grid)


def preview_image(projection: PreviewProjection, latents: Tensor) -> Image.Image:
    """All frames of scaled latents (T, C, h, w) as one PIL picture, ready for a progress bar."""
    from PIL import Image

    return Image.fromarray(frame_grid(projection(latents)))


def _metadata(path: str | Path) -> Mapping[str, str]:
    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def _rows(values: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(value, 6) for value in row) for row in values.tolist())
