"""A clip as one square picture, as template browsers show it: its frames in a grid, what was generated outlined."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from .contact_sheet import GENERATED, GIVEN, PAPER

SIDE = 512
MAX_FRAMES = 16  # more would be too small to tell apart
_GAP, _BORDER, _CONTOUR = 4, 4, 2


def thumbnail(frames: np.ndarray, mask: Tensor) -> np.ndarray:
    """Draw a clip; uint8 (512, 512, 3).

    Args:
        frames: uint8 (T, H, W, 3); of long clips evenly spaced frames are shown, the first and the last among them.
        mask: bool (T, H, W), True = generated: whole frames get an orange border, parts of frames an orange contour.

    Raises ValueError if the mask is not of the frames.
    """
    from PIL import Image

    if tuple(mask.shape) != frames.shape[:3]:
        raise ValueError(f"the mask is {tuple(mask.shape)}, the frames are {frames.shape[:3]}: use the clip's own mask")
    shown = np.linspace(0, len(frames) - 1, min(len(frames), MAX_FRAMES)).round().astype(int).tolist()
    columns = math.ceil(math.sqrt(len(shown)))
    rows = math.ceil(len(shown) / columns)
    pitch = (SIDE - _GAP) / columns
    sheet = Image.new("RGB", (SIDE, SIDE), PAPER)
    for place, index in enumerate(shown):
        tile = Image.fromarray(_tile(frames[index], mask[index].numpy(), int(pitch) - _GAP))
        row, column = divmod(place, columns)
        top = (SIDE - pitch * rows) / 2 + pitch * (row + 0.5)
        left = _GAP / 2 + pitch * (column + 0.5)
        sheet.paste(tile, (round(left - tile.width / 2), round(top - tile.height / 2)))
    return np.asarray(sheet).copy()


def _tile(frame: np.ndarray, generated: np.ndarray, side: int) -> np.ndarray:
    """One frame with its border, its longer side `side`."""
    from PIL import Image

    height, width = frame.shape[:2]
    inner = side - 2 * _BORDER
    scale = inner / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = np.array(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))
    if generated.any() and not generated.all():
        large = np.array(Image.fromarray(generated).resize(size, Image.Resampling.NEAREST))
        picture[_contour(large)] = GENERATED
    colour = GENERATED if generated.all() else GIVEN
    tile = np.empty((size[1] + 2 * _BORDER, size[0] + 2 * _BORDER, 3), np.uint8)
    tile[:] = colour
    tile[_BORDER:-_BORDER, _BORDER:-_BORDER] = picture
    return tile


def _contour(mask: np.ndarray) -> np.ndarray:
    """The pixels of a region (H, W) that lie within the line's width of its edge."""
    inside = np.pad(mask, _CONTOUR, mode="edge")
    core = np.ones_like(mask)
    for dy in range(2 * _CONTOUR + 1):
        for dx in range(2 * _CONTOUR + 1):
            core &= inside[dy : dy + mask.shape[0], dx : dx + mask.shape[1]]
    return mask & ~core
