"""A clip as one square picture, as template browsers show it: four frames, and a strip of all: what is generated."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from .contact_sheet import GENERATED, GIVEN, PAPER

SIDE = 512
_SHOWN, _COLUMNS = 4, 2  # more frames would be too small to tell apart
_GAP, _BORDER, _CONTOUR = 6, 7, 4
_STRIP = 40  # height of the strip: a cell for each frame, orange as far as it is generated
_DIMMED = 0.55  # brightness of what is given beside a generated part


def thumbnail(frames: np.ndarray, mask: Tensor) -> np.ndarray:
    """Draw a clip; uint8 (512, 512, 3).

    Args:
        frames: uint8 (T, H, W, 3); evenly spaced frames are shown, the first and the last among them.
        mask: bool (T, H, W), True = generated: whole frames get an orange border, parts of frames an orange contour.

    Raises ValueError if the mask is not of the frames.
    """
    from PIL import Image

    if tuple(mask.shape) != frames.shape[:3]:
        raise ValueError(f"the mask is {tuple(mask.shape)}, the frames are {frames.shape[:3]}: use the clip's own mask")
    shown = np.linspace(0, len(frames) - 1, min(len(frames), _SHOWN)).round().astype(int).tolist()
    columns = 1 if len(shown) == 1 else _COLUMNS
    rows = -(-len(shown) // columns)
    width, height = (SIDE - _GAP) // columns - _GAP, (SIDE - _STRIP - 2 * _GAP) // rows - _GAP
    sheet = Image.new("RGB", (SIDE, SIDE), PAPER)
    for place, index in enumerate(shown):
        tile = Image.fromarray(_tile(frames[index], mask[index].numpy(), (width, height)))
        row, column = divmod(place, columns)
        left, top = _GAP + column * (width + _GAP), _GAP + row * (height + _GAP)
        sheet.paste(tile, (left + (width - tile.width) // 2, top + (height - tile.height) // 2))
    sheet.paste(Image.fromarray(_strip(mask.float().mean((1, 2)).numpy())), (_GAP, SIDE - _STRIP - _GAP))
    return np.asarray(sheet).copy()


def _strip(shares: np.ndarray) -> np.ndarray:
    """A cell for each frame, from the bottom up orange as far as it is generated."""
    width = SIDE - 2 * _GAP
    strip = np.empty((_STRIP, width, 3), np.uint8)
    strip[:] = PAPER
    edges = np.linspace(0, width, len(shares) + 1).round().astype(int)
    for start, end, share in zip(edges[:-1], edges[1:], shares, strict=True):
        gap = 3 if end - start > 8 else 0
        strip[:, start : end - gap] = GIVEN
        strip[_STRIP - round(_STRIP * float(share)) :, start : end - gap] = GENERATED
    return strip


def _tile(frame: np.ndarray, generated: np.ndarray, room: tuple[int, int]) -> np.ndarray:
    """One frame with its border, as large as the room allows: width and height."""
    from PIL import Image

    height, width = frame.shape[:2]
    scale = min((room[0] - 2 * _BORDER) / width, (room[1] - 2 * _BORDER) / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = np.array(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))
    if generated.any() and not generated.all():
        large = np.array(Image.fromarray(generated).resize(size, Image.Resampling.NEAREST))
        picture[~large] = (picture[~large] * _DIMMED).astype(np.uint8)
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
