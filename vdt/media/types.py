"""The records of video and sound that all of the library passes around."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


class VideoError(ValueError):
    """A video file that cannot be read or written; the message is one sentence for the user."""


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a file says about its video stream; sizes are those of the upright frames."""

    width: int
    height: int
    fps: Fraction | None  # constant, or on average; None for still images
    frames: int | None  # None where the container does not count them
    duration: float | None  # seconds
    rotation: int  # degrees counter-clockwise that reading applies: 0, 90, 180 or 270
    mirrored: bool = False  # left to right, before the rotation


@dataclass(frozen=True, kw_only=True, eq=False)
class Sound:
    """Samples (channels, n), nominally in [-1, 1], so many a second."""

    samples: NDArray[np.float32]
    rate: int

    def fitted(self, start: float, seconds: float) -> Sound:
        """The part from `start` on that lasts `seconds`: silence where there is no more."""
        first, count = round(start * self.rate), max(1, round(seconds * self.rate))
        part = self.samples[:, first : first + count]
        return Sound(samples=np.pad(part, ((0, 0), (0, count - part.shape[1]))), rate=self.rate)

    def delayed(self, seconds: float) -> Sound:
        """The same after so much silence."""
        return Sound(samples=np.pad(self.samples, ((0, 0), (round(seconds * self.rate), 0))), rate=self.rate)


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoClip:
    """A clip in memory: frames uint8 (T, H, W, 3), frames a second, and its sound, if any."""

    frames: NDArray[np.uint8]
    fps: float
    sound: Sound | None = None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.frames.shape[1:3]
        return height, width
