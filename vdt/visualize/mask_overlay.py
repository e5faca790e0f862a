"""What a mask does, drawn over the frames: generated pixels striped, their cells tinted, on the model's grid."""

from __future__ import annotations

import numpy as np
import torch
from einops import repeat
from torch import Tensor

from ..masks.frame_lists import describe_mask
from ..masks.pixel import to_cells
from ..media.frames import latent_grid_size
from .contact_sheet import GENERATED, PAPER
from .latent_preview import frame_grid

# T frames, H x W pixels. A cell is generated if any of its pixels is.

FRAME_SIDE = 128  # frames are enlarged to about this, so that single cells can be told apart
STRIP_FRAMES = 64
CELL_TINT, GRID_TINT = 0.25, 0.6
STRIPE_PERIOD, STRIPE_WIDTH = 16, 6  # pixels of the enlarged frames, along a row: seen on sheets shown at a third
GROUND = (38, 40, 44)  # between the stripes, as on the mask timeline: what is generated has no picture yet
_CAPTION, _MARGIN, _FONT_SIZE = 24, 6, 14


def overlay(frames: np.ndarray, mask: Tensor, *, cell: int = 8) -> np.ndarray:
    """Draw stripes for the masked pixels, as the mask timeline does, and tint the rest of their cells under its grid.

    Args:
        frames: uint8 (T, H, W, 3).
        mask: bool (T, H, W), True = generate.
        cell: side of a latent cell in pixels.

    Returns uint8 (T, kH, kW, 3), enlarged by a whole k. Raises ValueError if the mask has another size.
    """
    if tuple(mask.shape) != frames.shape[:3]:
        raise ValueError(f"the mask is {tuple(mask.shape)}, the frames are {frames.shape[:3]}: make the mask for them")
    factor = max(1, FRAME_SIDE // max(frames.shape[1:3]))
    generated = _cells(mask, cell)
    generated, masked, large = (
        each.repeat(factor, axis=1).repeat(factor, axis=2) for each in (generated, mask.numpy(), frames)
    )
    size = large.shape[1:3]
    strength = np.where(generated, np.where(_grid(size, cell * factor), GRID_TINT, CELL_TINT), 0.0)[..., None]
    tinted = (large + strength * (np.array(GENERATED) - large.astype(np.float32))).round().astype(np.uint8)
    return np.where(masked[..., None], _stripes(size), tinted)


def mask_preview(frames: np.ndarray, mask: Tensor, *, cell: int = 8) -> np.ndarray:
    """Frames under `overlay` in one picture with a line that says what is given: uint8 (H', W', 3); see `picked`."""
    from PIL import Image, ImageDraw, ImageFont

    shown = picked(len(frames))
    grid = frame_grid(overlay(frames[shown], mask[shown], cell=cell))
    sheet = Image.new("RGB", (grid.shape[1], grid.shape[0] + _CAPTION), PAPER)
    sheet.paste(Image.fromarray(grid), (0, _CAPTION))
    text = describe_mask(torch.from_numpy(_cells(mask, cell))).replace("–", "-")  # noqa: RUF001 - the font has none
    font = ImageFont.load_default(size=_FONT_SIZE)
    ImageDraw.Draw(sheet).text((_MARGIN, _CAPTION / 2), text, font=font, fill=(32, 34, 37), anchor="lm")
    return np.asarray(sheet).copy()


def frame_strip(frames: np.ndarray, *, side: int = 96) -> np.ndarray:
    """Frames uint8 (T, H, W, 3) side by side, (side, n w, 3); of long clips STRIP_FRAMES evenly spaced ones."""
    from PIL import Image

    width = max(1, round(side * frames.shape[2] / frames.shape[1]))
    pictures = [
        Image.fromarray(frames[index]).resize((width, side), Image.Resampling.BILINEAR) for index in picked(len(frames))
    ]
    return np.concatenate([np.asarray(picture) for picture in pictures], axis=1)


def picked(count: int) -> list[int]:
    """The frames of a clip that are shown: of a long one STRIP_FRAMES evenly spaced ones."""
    return np.linspace(0, count - 1, min(count, STRIP_FRAMES)).round().astype(int).tolist()


def _cells(mask: Tensor, cell: int) -> np.ndarray:
    """The mask rounded outwards to whole cells, bool (T, H, W); cells at the edge may be cut."""
    frames, height, width = mask.shape
    cells = to_cells(mask, (frames, *latent_grid_size((height, width), cell)), downscale=cell)
    return repeat(cells, "t h w -> t (h i) (w j)", i=cell, j=cell)[:, :height, :width].numpy()


def _stripes(size: tuple[int, ...]) -> np.ndarray:
    """Diagonal stripes, uint8 (H, W, 3)."""
    at = (np.arange(size[0])[:, None] + np.arange(size[1])) % STRIPE_PERIOD
    return np.where((at < STRIPE_WIDTH)[..., None], np.array(GENERATED), np.array(GROUND)).astype(np.uint8)


def _grid(size: tuple[int, ...], step: int) -> np.ndarray:
    """True on the lines that part cells: (H, W)."""
    return (np.arange(size[0]) % step == 0)[:, None] | (np.arange(size[1]) % step == 0)
