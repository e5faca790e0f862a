"""Frames as files that pages and chats play without a player: GIF, animated WebP, and PNG files in a zip."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ..media.types import VideoError

if TYPE_CHECKING:
    from PIL import Image

# Frames are uint8 (H, W, 3) of one size.

GIF_TICK = 10  # milliseconds: GIF counts time in hundredths of a second
WEBP_QUALITY = 90  # of frames that are not kept exactly
EXACT_SIDE = 512  # pixels; frames with a longer side are not kept exactly as WebP


def write_gif(frames: Iterable[np.ndarray], fps: float) -> bytes:
    """A looping GIF, each frame with its own 256 colours; VideoError where there are no frames.

    A frame lasts whole hundredths of a second, 2 at least; over the clip they keep to the rate.
    """
    from PIL import Image

    pictures = (Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE) for frame in frames)
    return _write(pictures, "GIF", _durations(min(fps, 50.0), GIF_TICK), disposal=1, optimize=False)


def write_webp(frames: Iterable[np.ndarray], fps: float) -> bytes:
    """A looping WebP, exact where frames are small; VideoError where there are no frames."""
    from PIL import Image

    first, frames = _first(frames)
    exact = max(first.shape[:2]) <= EXACT_SIDE
    options = {"lossless": True} if exact else {"quality": WEBP_QUALITY}
    return _write((Image.fromarray(frame) for frame in frames), "WEBP", _durations(fps, 1), method=2, **options)


def write_png_zip(frames: Iterable[np.ndarray], stem: str) -> bytes:
    """PNG files {stem}_00000.png and so on in a zip; VideoError where there are no frames."""
    from PIL import Image

    _, frames = _first(frames)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for index, frame in enumerate(frames):
            picture = io.BytesIO()
            Image.fromarray(frame).save(picture, format="PNG")
            archive.writestr(f"{stem}_{index:05}.png", picture.getvalue())
    return whole.getvalue()


def _write(pictures: Iterator[Image.Image], kind: str, durations: Iterator[int], **options: object) -> bytes:
    made = list(pictures)
    if not made:
        raise VideoError("there are no frames to write")
    whole = io.BytesIO()
    times = [time for time, _ in zip(durations, made, strict=False)]
    made[0].save(whole, format=kind, save_all=True, append_images=made[1:], duration=times, loop=0, **options)
    return whole.getvalue()


def _durations(fps: float, tick: int) -> Iterator[int]:
    """Milliseconds of each frame in whole ticks, so that the sum is never off by more than one."""
    if not 0 < fps < float("inf"):
        raise ValueError(f"fps must be more than 0, got {fps}")
    index = 0
    while True:
        start, end = (round(place * 1000 / fps / tick) for place in (index, index + 1))
        yield max(1, end - start) * tick
        index += 1


def _first(frames: Iterable[np.ndarray]) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    rest = iter(frames)
    first = next(rest, None)
    if first is None:
        raise VideoError("there are no frames to write")
    return first, chain([first], rest)
