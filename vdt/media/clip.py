"""A video file as a clip: one rate, one length, and its sound. The command line and the nodes read files through here.

`open_clip` streams frames as the file has them, `read_video` keeps them in memory at one size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from .audio import read_sound
from .frames import DEFAULT_FPS, FitMode, fit_frames
from .types import Sound, VideoClip, VideoInfo
from .video import probe, read_frames


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenClip:
    """A clip that is read frame by frame: uint8 (H, W, 3), their rate, what the file says, and the sound, if any."""

    frames: Iterator[np.ndarray]
    fps: float
    info: VideoInfo
    sound: Sound | None = None


def open_clip(
    path: str | Path, *, frames: int | None = None, fps: float | None = None, start: float = 0.0, sound: bool = False
) -> OpenClip:
    """A video or an image from `start` seconds on, frame by frame.

    Frames are read by their time stamps at a constant rate, so that one of variable rate keeps in step with its sound.

    Args:
        path: any file that FFmpeg can decode.
        frames: at most so many; None is to the end.
        fps: resample to this rate; None or 0 is the file's own, its average where that varies, and 8 for images.
        start: seconds into the clip.
        sound: read the sound too, as long as so many frames, or all of it.

    Raises:
        VideoError: the file is missing, is no video, or is damaged; some of it only as the frames are read.
    """
    info = probe(path)
    rate = fps or float(info.fps or DEFAULT_FPS)
    return OpenClip(
        frames=read_frames(path, fps=rate, start=start, max_frames=frames),
        fps=rate,
        info=info,
        sound=read_sound(path, start=start, seconds=frames and frames / rate) if sound else None,
    )


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
    clip = open_clip(path, frames=frames, fps=fps, start=start)
    first = next(clip.frames)
    wished = (size, size) if isinstance(size, int) else size or (first.shape[0], first.shape[1])
    pictures = fit_frames(chain([first], clip.frames), wished, fit)
    heard = read_sound(path, start=start, seconds=len(pictures) / clip.fps) if sound else None
    return VideoClip(frames=pictures, fps=clip.fps, sound=heard)
