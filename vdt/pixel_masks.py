"""Masks as large as the frames, as users wire and paint them: made for a task, fitted, combined, as latent cells."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import reduce, repeat
from torch import Tensor

from . import masks
from .frames import grid_of

# T frames, H x W pixels, h x w latent cells; bool masks are True = generate, painted ones float 0..1 with 1 = generate.

TASK_NAMES: tuple[str, ...] = (
    "predict",
    "backward",
    "interpolate",
    "image_to_video",
    "frames",
    "spatial",
    "random",
    "unconditional",
)
OPERATIONS: tuple[str, ...] = ("union", "intersection", "difference", "invert")
Size = tuple[int, int, int]  # frames, height, width


def task_mask(
    task: str,
    size: Size,
    *,
    given: int = 8,
    every: int = 4,
    frame: int = 0,
    known: str = "0-3,-1",
    seed: int = 0,
    painted: Tensor | None = None,
    downscale: int = 8,
) -> Tensor:
    """The mask of a task for a clip of that size, bool (T, H, W); each task reads its own setting only.

    Args:
        task: one of TASK_NAMES.
        size: frames, height and width of the clip.
        given: frames given by predict and backward.
        every: distance of the frames given by interpolate.
        frame: where image_to_video has its image; negative from the end.
        known: list of given frames such as "0-3,-1".
        seed: of the task random, and of spatial where nothing is painted.
        painted: bool (T or 1, H, W). The task spatial is this mask; every other task generates only inside it.
        downscale: side of a latent cell in pixels.

    Raises:
        ValueError: an unknown task, a setting the clip is too short for, or a painted mask of another size.
    """
    frames = size[0]
    fitted = None if painted is None else fit_mask(painted, size)
    if task == "spatial":
        return _random_block(size, seed, downscale) if fitted is None else fitted
    makers: dict[str, Callable[[], Tensor]] = {
        "predict": lambda: masks.predict(frames, 1, 1, given=given),
        "backward": lambda: masks.backward(frames, 1, 1, given=given),
        "interpolate": lambda: masks.interpolate(frames, 1, 1, every=every),
        "image_to_video": lambda: masks.image_to_video(frames, 1, 1, frame=frame),
        "frames": lambda: masks.frames(frames, 1, 1, given=known),
        "random": lambda: masks.random_frames(frames, 1, 1, generator=_generator(seed)),
        "unconditional": lambda: masks.unconditional(frames, 1, 1),
    }
    if task not in makers:
        raise ValueError(f"unknown task {task!r}: expected one of {', '.join(TASK_NAMES)}")
    mask = makers[task]().expand(size)
    return mask.clone() if fitted is None else mask & fitted


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
        raise ValueError(
            f"the mask is {_shown(tuple(mask.shape))}, the latent is {_shown(grid)} cells: "
            f"make the mask for the images that were encoded, such as {grid[2] * 8}x{grid[1] * 8} pixels"
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
    rows, columns = grid_of(size[1:], downscale)
    cells = masks.spatial_block(size[0], rows, columns, generator=_generator(seed))
    return to_pixels(cells, size, downscale=downscale)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _cell_side(pixels: tuple[int, ...], cells: tuple[int, ...], downscale: int) -> int | None:
    """Pixels along the side of a cell: 1 for a mask of cells, `downscale`, or a whole ratio; None if none fits."""
    (height, rows), (width, columns) = zip(pixels[1:], cells[1:], strict=True)
    for side in (1, downscale, height // rows):
        if side > 0 and grid_of((height, width), side) == (rows, columns):
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
