"""Room around a picture: the canvas that a clip is placed in, and the mask of what is to be generated there."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass

import numpy as np
import torch
from torch import Tensor

from ..bounds import check_clip, real

MOST = 400.0  # percent on one side: a clip of 64 pixels becomes one of 320


@dataclass(frozen=True, kw_only=True)
class Sides:
    """By how much a picture grows, in percent of its width (left, right) and its height (top, bottom).

    ValueError unless each is 0 to 400 and at least one is above 0.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0

    def __post_init__(self) -> None:
        for name, side in asdict(self).items():
            if not isinstance(side, float):
                real(name, side)
        shown = f"left {self.left:g}, top {self.top:g}, right {self.right:g}, bottom {self.bottom:g}"
        if not all(0 <= side <= MOST for side in astuple(self)):
            raise ValueError(f"a picture cannot grow by {shown} percent: expected 0 to {MOST:g} on each side")
        if not any(astuple(self)):
            raise ValueError("a picture that grows by nothing has nothing to generate: set a side, such as left 25")

    def margins(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Pixels (top, bottom) and (left, right) around a picture of that size."""
        rows = (round(height * self.top / 100), round(height * self.bottom / 100))
        columns = (round(width * self.left / 100), round(width * self.right / 100))
        return rows, columns


def outpaint(frames: np.ndarray, sides: Sides) -> tuple[np.ndarray, Tensor]:
    """Canvas uint8 (T, H', W', 3) with the frames (T, H, W, 3) in it, and bool (T, H', W'), True = around them.

    The edge of the picture is repeated around it (boundary fill): the autoencoder sees beyond the cells it encodes, and
    black there would darken the given cells along the border.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or not frames.size:
        raise ValueError(f"expected frames uint8 (T, H, W, 3), got {frames.dtype} {frames.shape}")
    rows, columns = sides.margins(*frames.shape[1:3])
    check_clip(len(frames), (frames.shape[1] + sum(rows), frames.shape[2] + sum(columns)), name="canvas")
    around = ((0, 0), rows, columns)
    canvas = np.pad(frames, (*around, (0, 0)), mode="edge")
    if canvas.shape == frames.shape:
        raise ValueError(f"{frames.shape[2]}x{frames.shape[1]} pixels grow by less than one pixel: use more percent")
    return canvas, torch.from_numpy(np.pad(np.zeros(frames.shape[:3], bool), around, constant_values=True))
