"""Large pictures in overlapping tiles: where the tiles lie, and how their results are joined to one picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from ..models.conditioning import Conditioning
from ..models.conditioning.record import NOTHING
from ..models.step_cache import CachedModel
from .memory import TILES_AT_ONCE

# h x w latent cells; a tile is a square of cells, or less where the picture is narrower.

SHARED = 4  # neighbouring tiles share at least one in so many of their cells


@dataclass(frozen=True)
class Tile:
    """A part of a picture, in cells."""

    top: int
    left: int
    height: int
    width: int

    def of(self, x: Tensor, scale: int = 1) -> Tensor:
        """The part of x (..., h, w), which has `scale` values for each cell along a side."""
        rows = slice(self.top * scale, (self.top + self.height) * scale)
        return x[..., rows, self.left * scale : (self.left + self.width) * scale]


def plan_tiles(size: tuple[int, int], side: int) -> list[Tile]:
    """Tiles of at most `side` x `side` that cover a picture of `size` cells, row by row, at even distances."""
    if side < 1 or min(size) < 1:
        raise ValueError(f"got tiles of {side} cells for a picture of {size}, expected 1 or more")
    height, width = (min(side, length) for length in size)
    return [Tile(top, left, height, width) for top in _starts(size[0], height) for left in _starts(size[1], width)]


def join_tiles(pieces: Iterable[tuple[Tile, Tensor]], size: tuple[int, int], *, scale: int = 1) -> Tensor:
    """One picture (..., h scale, w scale) of tiles (..., height scale, width scale), blended where they overlap.

    A tile weighs less towards its edges, where it knows least of what lies around.
    """
    total = weights = torch.zeros(())
    for tile, piece in pieces:
        if total.ndim == 0:
            total = piece.new_zeros(*piece.shape[:-2], size[0] * scale, size[1] * scale)
            weights = torch.zeros_like(total[(0,) * (total.ndim - 2)])
        weight = _slope(piece.shape[-2], piece)[:, None] * _slope(piece.shape[-1], piece)
        tile.of(total, scale).add_(piece * weight)
        tile.of(weights, scale).add_(weight)
    return total / weights


class TiledModel(nn.Module):
    """A VDT that sees a large clip in tiles and joins its predictions (MultiDiffusion, arXiv 2302.08113).

    Tiles have the size the model was trained with, unless `side`, in cells, says otherwise. With a threshold
    `step_cache` each group of tiles skips steps of its own, see `CachedModel`; such a model serves one run of a
    sampler.
    """

    def __init__(self, model: Any, side: int = 0, *, step_cache: float = 0.0, at_once: int = 0) -> None:
        super().__init__()
        self.model = model
        self.at_once = at_once  # tiles in one pass of the model; 0 is TILES_AT_ONCE
        self.config = model.config
        self.side = side or model.config.input_size
        self.step_cache = step_cache
        self.cached: dict[int, CachedModel] = {}

    def forward(self, x: Tensor, t: Tensor, conditioning: Conditioning = NOTHING) -> Tensor:
        """As `VDT.forward`; a clip that is not larger than one tile goes to the model as it is."""
        size = (x.shape[-2], x.shape[-1])
        if max(size) <= self.side:
            return self._of_group(0)(x, t, conditioning)
        tiles = iter(plan_tiles(size, self.side))
        pieces: list[tuple[Tile, Tensor]] = []
        while group := list(islice(tiles, self.at_once or TILES_AT_ONCE)):
            seen = torch.cat([tile.of(x) for tile in group])  # (n B, T, C, height, width)
            cropped = Conditioning.cat([conditioning.crop(tile.of) for tile in group])
            times = t.repeat(len(group), *[1] * (t.ndim - 1))
            made = self._of_group(len(pieces))(seen, times, cropped)
            pieces += zip(group, made.chunk(len(group)), strict=True)
        return join_tiles(pieces, size)

    def _of_group(self, first: int) -> Any:
        """What predicts the tiles that are seen together, by the number of the first of them."""
        if not self.step_cache:
            return self.model
        if first not in self.cached:
            self.cached[first] = CachedModel(self.model, self.step_cache)
        return self.cached[first]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin along one side: as few as share enough, the last one flush with the end."""
    if length <= side:
        return [0]
    step = max(1, side - side // SHARED)
    count = -(-(length - side) // step)
    return [round(index * (length - side) / count) for index in range(count + 1)]


def _slope(length: int, like: Tensor) -> Tensor:
    """Weights of one side: rising from either end to the middle."""
    place = torch.arange(1, length + 1, device=like.device, dtype=like.dtype)
    return torch.minimum(place, length + 1 - place)
