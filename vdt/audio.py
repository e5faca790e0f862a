"""The sound of a clip, cut or padded to the length of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from .video import VideoError


@dataclass(frozen=True, kw_only=True, eq=False)
class Sound:
    """Samples (channels, n) in [-1, 1], so many a second."""

    samples: NDArray[np.float32]
    rate: int

    def fitted(self, start: float, seconds: float) -> Sound:
        """The part from `start` on that lasts `seconds`: silence where there is no more."""
        first, count = round(start * self.rate), max(1, round(seconds * self.rate))
        part = self.samples[:, first : first + count]
        return Sound(samples=np.pad(part, ((0, 0), (0, count - part.shape[1]))), rate=self.rate)


def read_sound(path: str | Path, *, start: float, seconds: float) -> Sound | None:
    """The first sound track of a file from `start` on, exactly `seconds` long; None if there is none.

    Only what is needed is decoded. VideoError if the track is damaged.
    """
    try:
        with av.open(str(Path(path).absolute())) as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
            parts: list[NDArray[np.float32]] = []
            needed = round((start + seconds) * stream.rate)
            for frame in container.decode(stream):
                parts.extend(piece.to_ndarray().astype(np.float32) for piece in resampler.resample(frame))
                if sum(part.shape[1] for part in parts) >= needed:
                    break
            rate, channels = int(stream.rate), len(stream.layout.channels)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            f"the sound of '{path}' cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    whole = np.concatenate(parts, axis=1) if parts else np.zeros((channels, 0), np.float32)
    return Sound(samples=whole, rate=rate).fitted(start, seconds)
