"""Masks as large as the frames, as users wire and paint them: made for a task, fitted, combined, as latent cells."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import reduce, repeat
from torch import Tensor

from ..media.frames import latent_grid_size
from .blocks import generator_of, spatial_block
from .tasks import Spatial, Task, over_cells

# T frames, H x W pixels, h x w latent cells; bool masks are True = generate, painted ones float 0..1 with 1 = generate.

OPERATIONS: tuple[str, ...] = ("union", "intersection", "difference", "invert")
Size = tuple[int, int, int]  # frames, height, width


@dataclass(frozen=True, eq=False)
class ClipMask:
    """What of a clip is generated: bool pixels (T, H, W) and the cells (T, h, w) that hold any of them."""

    pixels: Tensor
    cells: Tensor

    @classmethod
    def of(cls, mask: Tensor, size: tuple[int, int], *, downscale: int) -> ClipMask:
        """From a bool mask (T, ...) of pixels or cells of a clip of that height and width; ValueError for others."""
        grid = latent_grid_size(size, downscale)
        if mask.dtype != torch.bool or mask.ndim != 3 or tuple(mask.shape[1:]) not in (size, grid):
            raise ValueError(
                f"expected a bool mask (T, {size[0]}, {size[1]}) of pixels or (T, {grid[0]}, {grid[1]}) of latent "
                f"cells, got {mask.dtype} {tuple(mask.shape)}: make it of the size of the frames"
            )
        mask = mask.cpu()
        return cls(
            pixels=to_pixels(mask, (len(mask), *size), downscale=downscale),
            cells=to_cells(mask, (len(mask), *grid), downscale=downscale),
        )


def task_mask(
    task: Task,
    size: Size,
    *,
    painted: Tensor | None = None,
    seed: int = 0,
    downscale: int = 8,
) -> Tensor:
    """The mask of a task for a clip of that size, bool (T, H, W).

    Args:
        task: see `make_task`.
        size: frames, height and width of the clip.
        painted: bool (T or 1, H, W). The task spatial is this mask; every other task generates only inside it.
        seed: of the random blocks of the task spatial where nothing is painted.
        downscale: side of a latent cell in pixels.

    Raises:
        ValueError: a setting the clip is too short for, or a painted mask of another size.
    """
    fitted = None if painted is None else fit_mask(painted, size)
    if isinstance(task, Spatial):
        return _random_block(size, seed, downscale) if fitted is None else fitted
    mask = over_cells(task.frame_mask(size[0]), *size[1:])
    return mask if fitted is None else mask & fitted


def fit_mask(mask: Tensor, size: Size) -> Tensor:
    """Repeat a mask (1, H, W) over all frames, pass one (T, H, W); ValueError names both shapes for any other."""
    if mask.ndim != 3:
        raise ValueError(f"expected a mask (frames, height, width), got the shape {tuple(mask.shape)}")
    if tuple(mask.shape[1:]) != size[1:]:
        raise ValueError(f"the mask is {_shown(tuple(mask.shape))}, the clip is {_shown(size)}: resize the mask")
    return mask.expand(_broadcast(len(mask), size, tuple(mask.shape)), *size[1:]).clone()


def to_cells(mask: Tensor, grid: Size, *, downscale: int = 8) -> Tensor:
    """Latent cells (T, h, w) of a bool mask of pixels or cells; a cell is generated if any of its pixels is.

    The last cells of a row or column may have less than `downscale` pixels.
    """
    factor = _cell_side(tuple(mask.shape), grid, downscale)
    if factor is None:
        fitting = f"{grid[2] * downscale}x{grid[1] * downscale}"
        raise ValueError(
            f"the mask is {_shown(tuple(mask.shape))}, the latent is {_shown(grid)} cells: "
            f"make the mask for the images that were encoded, such as {fitting} pixels"
        )
    below, right = grid[1] * factor - mask.shape[1], grid[2] * factor - mask.shape[2]
    whole = F.pad(mask, (0, right, 0, below))
    cells = reduce(whole, "t (h i) (w j) -> t h w", "max", i=factor, j=factor)
    return cells.expand(_broadcast(len(mask), grid, tuple(mask.shape)), *grid[1:]).clone()


def to_pixels(mask: Tensor, size: Size, *, downscale: int = 8) -> Tensor:
    """Pixels (T, H, W) of a bool mask of pixels or latent cells; a cell covers all of its pixels."""
    factor = _cell_side(size, tuple(mask.shape), downscale)
    if factor is None:
        raise ValueError(
            f"the mask is {_shown(tuple(mask.shape))}, the frames are {_shown(size)}: make it for these frames"
        )
    pixels = repeat(mask, "t h w -> t (h i) (w j)", i=factor, j=factor)[:, : size[1], : size[2]]
    return pixels.expand(_broadcast(len(mask), size, tuple(mask.shape)), *size[1:]).clone()


def combine(a: Tensor, operation: str, b: Tensor | None = None) -> Tensor:
    """Union, intersection, difference (a without b) or inversion of float masks (T, H, W); one frame goes with many.

    Soft masks stay soft. Raises ValueError for another operation, a missing b, or masks that do not fit each other.
    """
    if operation not in OPERATIONS:
        raise ValueError(f"unknown operation {operation!r}: expected one of {', '.join(OPERATIONS)}")
    if operation == "invert":
        return 1 - a
    if b is None:
        raise ValueError(f"the operation {operation} needs the second mask b: connect it, or use invert")
    size = (max(len(a), len(b)), *a.shape[1:])
    first, second = fit_mask(a, size), fit_mask(b, size).to(a)
    if operation == "union":
        return torch.maximum(first, second)
    return torch.minimum(first, second if operation == "intersection" else 1 - second)


def _random_block(size: Size, seed: int, downscale: int) -> Tensor:
    rows, columns = latent_grid_size(size[1:], downscale)
    cells = spatial_block(size[0], rows, columns, generator=generator_of(seed))
    return to_pixels(cells, size, downscale=downscale)


def _cell_side(pixels: tuple[int, ...], cells: tuple[int, ...], downscale: int) -> int | None:
    """Pixels along the side of a cell: 1 for a mask of cells, `downscale`, or a whole ratio; None if none fits."""
    (height, rows), (width, columns) = zip(pixels[1:], cells[1:], strict=True)
    for side in (1, downscale, height // rows):
        if side > 0 and latent_grid_size((height, width), side) == (rows, columns):
            return side
    return None


def _broadcast(frames: int, size: Size, shape: tuple[int, ...]) -> int:
    if frames not in (1, size[0]):
        raise ValueError(
            f"the mask is {_shown(shape)}, the clip is {_shown(size)}: give one frame for all of them, or one for each"
        )
    return size[0]


def _shown(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} {'frame' if shape[0] == 1 else 'frames'} of {shape[2]}x{shape[1]}"
