"""Areas of random blocks, as in BEiT (arXiv 2106.08254)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..bounds import MAX_SEED, whole

# T frames, h and w latent rows and columns.
# ruff: noqa: N803 -- T is the letter for frames in the whole library

ASPECT = (0.3, 3.3)  # height / width of a block, at least and at most
MIN_CELLS = 4  # of a block, and of an area
_MAX_BLOCKS = 64


def generator_of(seed: int) -> torch.Generator:
    """The generator of a mask's seed; ValueError for what is none."""
    return torch.Generator().manual_seed(whole("seed", seed, 0, MAX_SEED))


def spatial_block(
    T: int,
    h: int,
    w: int,
    *,
    ratio: float = 0.5,
    generator: torch.Generator,
    aspect: tuple[float, float] = ASPECT,
    min_cells: int = MIN_CELLS,
    first: int = 0,
    last: int = 0,
) -> Tensor:
    """Generate the same area of blocks in all frames but the `first` and `last` few; bool (T, h, w).

    Blocks as in BEiT (arXiv 2106.08254): overlapping rectangles of random place and height/width ratio
    within `aspect`, until exactly round(ratio * h * w) cells are covered, at least `min_cells` and never all.
    """
    if min(T, h, w) < 1:
        raise ValueError(f"a mask needs at least 1 frame, row and column, got (T, h, w) = ({T}, {h}, {w})")
    if not 0.0 < ratio < 1.0:
        raise ValueError(f"spatial_block got ratio={ratio}: expected more than 0 and less than 1")
    if h * w < 2:
        raise ValueError(f"spatial_block needs a grid of 2 cells or more, got {h}x{w}: use a temporal task")
    if first < 0 or last < 0 or first + last >= T:
        raise ValueError(
            f"spatial_block got first={first} and last={last} given of {T} frames: together they must leave one"
        )
    mask = torch.zeros(T, h, w, dtype=torch.bool)
    mask[first : T - last] = _blocks(h, w, ratio, generator, aspect, min_cells)
    return mask


def pick(low: int, high: int, generator: torch.Generator) -> int:
    """A whole number from `low` to `high`, both among them."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def uniform(low: float, high: float, generator: torch.Generator) -> float:
    """A number between `low` and `high`."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def _blocks(
    h: int, w: int, ratio: float, generator: torch.Generator, aspect: tuple[float, float], min_cells: int
) -> Tensor:
    target = min(max(round(ratio * h * w), min_cells, 1), h * w - 1)
    block = torch.zeros(h, w, dtype=torch.bool)
    for _ in range(_MAX_BLOCKS):
        remaining = target - int(block.sum())
        if remaining == 0:
            return block
        area = pick(min(min_cells, remaining), remaining, generator)
        tall = math.exp(uniform(math.log(aspect[0]), math.log(aspect[1]), generator))
        rows = min(h, max(1, round(math.sqrt(area * tall))))
        columns = min(w, max(1, round(math.sqrt(area / tall))))
        top, left = pick(0, h - rows, generator), pick(0, w - columns, generator)
        fresh = torch.zeros_like(block)
        fresh[top : top + rows, left : left + columns] = True
        _add_cells(block, fresh, remaining)
    _add_cells(block, torch.ones_like(block), target - int(block.sum()))  # the draws kept missing the last cells
    return block


def random_blocks(
    ratio: Tensor,
    h: int,
    w: int,
    generator: torch.Generator,
    aspect: tuple[float, float] = ASPECT,
    min_cells: int = MIN_CELLS,
) -> Tensor:
    """Areas of blocks as in `spatial_block`, drawn all at once: ratios (n,) to bool (n, h, w)."""
    target = (ratio * h * w).round().clamp(max(min_cells, 1)).clamp(max=h * w - 1).long()
    area = torch.zeros(len(target), h * w, dtype=torch.bool)
    row, column = torch.arange(h)[:, None], torch.arange(w)
    low, high = math.log(aspect[0]), math.log(aspect[1])
    for _ in range(_MAX_BLOCKS):
        remaining = target - area.sum(1)
        if not remaining.any():
            break
        draws = torch.rand(4, len(target), generator=generator, dtype=torch.float64)
        least = remaining.clamp(max=min_cells)
        size = (least + (draws[0] * (remaining - least + 1)).long()).double()
        tall = torch.exp(low + (high - low) * draws[1])
        rows = (size * tall).sqrt().round().clamp(1, h).long()
        columns = (size / tall).sqrt().round().clamp(1, w).long()
        top, left = (draws[2] * (h - rows + 1)).long(), (draws[3] * (w - columns + 1)).long()
        top, left, rows, columns = (value[:, None, None] for value in (top, left, rows, columns))
        fresh = (row >= top) & (row < top + rows) & (column >= left) & (column < left + columns)
        area = _grown(area, fresh.flatten(1), remaining)
    return _grown(area, torch.ones_like(area), target - area.sum(1)).reshape(-1, h, w)


def _grown(area: Tensor, fresh: Tensor, most: Tensor) -> Tensor:
    """Areas (n, cells) with the first cells of `fresh` that are not in them yet, at most so many (n,)."""
    new = fresh & ~area
    return area | (new & (new.cumsum(1) <= most[:, None]))


def _add_cells(block: Tensor, fresh: Tensor, limit: int) -> None:
    new = (fresh & ~block).flatten().nonzero()[:limit, 0]
    block.view(-1)[new] = True
