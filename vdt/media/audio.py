"""The sound of a clip, cut or padded to the length of its frames."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from .types import Sound, VideoError


def read_sound(
    path: str | Path, *, start: float = 0.0, seconds: float | None = None, rate: int | None = None
) -> Sound | None:
    """The first sound track of a file, whole, or exactly `seconds` of it from `start` on; None if there is none.

    It is resampled to `rate` if that is given. Only what is needed is decoded. VideoError if the track is damaged.
    """
    try:
        with av.open(str(Path(path).absolute())) as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            rate, channels = rate or int(stream.rate), len(stream.layout.channels)
            needed = None if seconds is None else round((start + seconds) * rate)
            parts = list(_decode(container, stream, rate, needed))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            f"the sound of '{path}' cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    whole = Sound(samples=np.concatenate([np.zeros((channels, 0), np.float32), *parts], axis=1), rate=rate)
    return whole if seconds is None else whole.fitted(start, seconds)


def _decode(container: Any, stream: Any, rate: int, needed: int | None) -> Iterator[NDArray[np.float32]]:
    """Pieces of samples (channels, n), until so many are there or the track ends."""
    resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate)
    count = 0
    for frame in chain(container.decode(stream), [None]):  # None: what the resampler has kept back
        for piece in resampler.resample(frame):
            count += piece.samples
            yield piece.to_ndarray().astype(np.float32)
        if needed is not None and count >= needed:
            return
