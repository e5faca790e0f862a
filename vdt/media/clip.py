"""A video file as a clip in memory, brought to one size and length."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from .audio import read_sound
from .frames import DEFAULT_FPS, FitMode, fit_frames
from .types import VideoClip
from .video import probe, read_frames


def read_video(
    path: str | Path,
    *,
    size: int | tuple[int, int] | None = None,
    frames: int | None = None,
    fps: float | None = None,
    start: float = 0.0,
    fit: FitMode = "crop",
    sound: bool = False,
) -> VideoClip:
    """Read a video or an image, in memory.

    Args:
        path: any file that FFmpeg can decode.
        size: height and width in pixels, or one number for a square; None keeps the file's own.
        frames: read at most so many.
        fps: resample to this rate by time stamps; None is the file's own rate, and 8 for images.
        start: seconds into the clip.
        fit: how pictures are brought to the size, see `fit_frames`.
        sound: read the sound too, as long as the frames.

    Raises:
        VideoError: the file is missing, is no video, or is damaged.
    """
    rate = fps or float(probe(path).fps or DEFAULT_FPS)
    reader = read_frames(path, fps=rate, start=start, max_frames=frames)
    first = next(reader)
    wished = (size, size) if isinstance(size, int) else size or (first.shape[0], first.shape[1])
    pictures = fit_frames(chain([first], reader), wished, fit)
    heard = read_sound(path, start=start, seconds=len(pictures) / rate) if sound else None
    return VideoClip(frames=pictures, fps=rate, sound=heard)
