"""Masks of any size and length brought to a clip, and marked so that a resize to latent cells loses none of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..media.frames import FitMode, fit_frames, latent_grid_size
from .pixel import to_cells, to_pixels

# T frames, H x W pixels, h x w latent cells. Painted masks are float 0..1, 1 = generate; bool ones True = generate.

WHITE = 128 / 255  # the darkest grey of 8 bits that counts as white


def fit_soft(mask: Tensor, size: tuple[int, int], mode: FitMode = "crop") -> Tensor:
    """A painted mask, float (T, H, W), as float (T, *size): resized, cut or padded as `fit_frames` does with pictures.

    One that has the size passes unchanged; others are rounded to 8 bits. Bars of the mode "fit" are black: given.
    """
    if mask.ndim != 3 or 0 in mask.shape:
        raise ValueError(f"expected a mask (frames, height, width), got the shape {tuple(mask.shape)}")
    if tuple(mask.shape[1:]) == tuple(size):
        return mask
    grey = (mask.float().nan_to_num() * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    pictures = (np.repeat(frame[..., None], 3, axis=-1) for frame in grey)
    return torch.from_numpy(fit_frames(pictures, size, mode)[..., 0].copy()).float() / 255


def fit_painted(mask: Tensor, size: tuple[int, int], mode: FitMode = "crop") -> Tensor:
    """A painted mask, float (T, H, W), as bool (T, *size): `fit_soft`, then all above one half is white.

    Raises ValueError if nothing is left of its white.
    """
    made = fit_soft(mask, size, mode)
    white = made > 0.5 if made is mask else made >= WHITE
    if not white.any() and bool((mask > 0.5).any()):
        raise ValueError(
            f"nothing is left of the white of the mask of {mask.shape[2]}x{mask.shape[1]} at {size[1]}x{size[0]} "
            f"({mode}): paint it larger, nearer to the middle, or choose the fit mode of the clip"
        )
    return white


def take_frames(mask: Tensor, taken: Sequence[int], *, source: int | None, length: int) -> Tensor:
    """The frames of a mask (n, H, W) that belong to the frames `taken` of a source, (len(taken), H, W).

    One frame serves all and stays one. A mask as long as the source (None where nobody knows) goes the way of its
    frames, and one as long as the clip, `length`, has a frame for each of these. ValueError for any other.
    """
    count = len(mask)
    if count == 1:
        return mask
    if count == source:
        return mask[[min(index, count - 1) for index in taken]]
    if count == length:
        return mask[: len(taken)]
    known = "" if source in (None, length) else f", {source} as the source has"
    raise ValueError(
        f"the mask has {count} frames, the clip has {length}: give a mask of one frame for all of them{known}, or "
        f"{length} as the clip has"
    )


def cell_support(mask: Tensor, *, downscale: int = 8) -> Tensor:
    """Pixels, bool (T, H, W), that have to be bright besides those of a mask so that a resize to cells keeps its cells.

    Stock samplers resize a mask bilinearly: of each cell they see no more than the two by two pixels of its middle. The
    result is the rest of every cell that holds a pixel of the mask. For a size that is no multiple of the cells, whose
    last cell hangs over, it is the pixels that such a resize looks at.
    """
    frames, height, width = mask.shape
    rows, columns = latent_grid_size((height, width), downscale)
    cells = to_cells(mask, (frames, rows, columns), downscale=downscale)
    if (height, width) == (rows * downscale, columns * downscale):
        return to_pixels(cells, (frames, height, width), downscale=downscale) & ~mask
    down, across = _looked_at(height, rows), _looked_at(width, columns)
    return (torch.einsum("yi,tij,xj->tyx", down, cells.float(), across) > 0) & ~mask


def _looked_at(pixels: int, cells: int) -> Tensor:
    """float (pixels, cells): 1 where a bilinear resize to so many cells looks, align_corners off, not antialiased."""
    places = ((torch.arange(cells) + 0.5) * pixels / cells - 0.5).clamp(min=0)
    first = places.floor().long()
    seen = torch.zeros(pixels, cells)
    seen[first, torch.arange(cells)] = 1.0
    seen[(first + 1).clamp(max=pixels - 1), torch.arange(cells)] = 1.0
    return seen
