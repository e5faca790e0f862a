"""Areas of random blocks, as in BEiT (arXiv 2106.08254)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# T frames, h and w latent rows and columns.
# ruff: noqa: N803 -- T is the letter for frames in the whole library

_MAX_BLOCKS = 64


def spatial_block(
    T: int,
    h: int,
    w: int,
    *,
    ratio: float = 0.5,
    generator: torch.Generator,
    aspect: tuple[float, float] = (0.3, 3.3),
    min_cells: int = 4,
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


def _add_cells(block: Tensor, fresh: Tensor, limit: int) -> None:
    new = (fresh & ~block).flatten().nonzero()[:limit, 0]
    block.view(-1)[new] = True
