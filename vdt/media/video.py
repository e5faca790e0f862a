"""Video files: describe them, read them as an iterator at any frame rate, write h264 mp4; memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from .encoding import encode_video
from .files import atomic_path
from .filters import deinterlaced, numbered_scenes
from .opening import existing_file, reason
from .pictures import heif_alpha
from .probing import inspect, simple_rate
from .timeline import resampled, timed_frames
from .types import Sound, VideoError, VideoInfo

# Frames are uint8 (H, W, 3) RGB arrays as they are to be seen: what the file says of turning, mirroring and the shape
# of its pixels is done on reading.


def probe(path: str | Path) -> VideoInfo:
    """Describe the pictures of a file; decodes at least one frame. VideoError if there is none."""
    pictures = inspect(existing_file(path))
    width, height = pictures.upright.size
    return VideoInfo(
        width=width,
        height=height,
        fps=pictures.rate,
        frames=pictures.frames,
        duration=pictures.duration,
        rotation=pictures.upright.rotation,
        mirrored=pictures.upright.mirrored,
    )


def read_frames(
    path: str | Path,
    *,
    fps: float | Fraction | None = None,
    start: float = 0.0,
    max_frames: int | None = None,
    alpha: bool = False,
) -> Iterator[np.ndarray]:
    """Read upright uint8 (H, W, 3) RGB frames one at a time; still images are clips of one frame.

    Args:
        path: any file PyAV can decode, or an animated WebP; frames that change size are scaled to that of the first.
        fps: resample to this rate by time stamps: at each tick the nearest frame, so that frames of a slower
            or variable rate repeat and those of a faster one drop out. None keeps every frame.
        start: seconds into the clip.
        max_frames: stop after so many frames; nothing more is decoded.
        alpha: frames are (H, W, 4), opaque (255) where the file has no alpha.

    Raises:
        VideoError: the file is missing, is no video, has no frames from `start` on, or is damaged.
    """
    return (pixels for _, pixels in _read(path, fps, start, max_frames, alpha=alpha))


def read_scenes(path: str | Path, *, fps: float | Fraction | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """As `read_frames`, each frame with the number of its scene, which grows at every cut that FFmpeg finds."""
    return _read(path, fps, 0.0, None, scenes=True)


def write_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    fps: float | Fraction,
    *,
    crf: int = 16,
    metadata: Mapping[str, str] | None = None,
    sound: Sound | None = None,
) -> VideoInfo:
    """Write uint8 (H, W, 3) RGB frames as an h264 yuv420p mp4 and return what was written.

    Odd sizes are padded to even ones by repeating the last row or column. The file appears under its name
    only when complete; nothing is left behind when `frames` raises.

    Args:
        path: ends in .mp4; its folder must exist.
        frames: of one size; taken one at a time.
        fps: frames per second.
        crf: x264 quality, 0 (lossless but for colour subsampling) to 51.
        metadata: free tags stored in the file.
        sound: as AAC; more than two channels are mixed down to two; its length is its own.

    Raises:
        VideoError: not an .mp4 name, no frames, or frames of another kind.
        WriteError: the folder is missing or not writable.
    """
    path, rate = Path(path), _rate(fps)
    if path.suffix.lower() != ".mp4":
        raise VideoError(f"cannot write '{path}': videos are written as .mp4 files")
    if not 0 <= crf <= 51:
        raise ValueError(f"crf must be 0 to 51, got {crf}")
    with atomic_path(path) as temporary:
        try:
            return encode_video(temporary, _checked(frames), rate, crf=crf, metadata=metadata or {}, sound=sound)
        except av.error.FFmpegError as error:
            raise VideoError(f"cannot write '{path}': {reason(error)}") from error


def _read(
    path: str | Path,
    fps: float | Fraction | None,
    start: float,
    max_frames: int | None,
    *,
    alpha: bool = False,
    scenes: bool = False,
) -> Iterator[tuple[int, np.ndarray]]:
    """Refuse at once what makes no sense; nothing is read before the first frame is asked for."""
    path = existing_file(path)
    rate = None if fps is None else _rate(fps)
    if not 0.0 <= start < float("inf"):
        raise ValueError(f"start must be 0 seconds or more, got {start}")
    if max_frames is not None and max_frames < 1:
        raise ValueError(f"max_frames must be 1 or more, got {max_frames}")
    seconds = Fraction(start).limit_denominator(1_000_000)
    return islice(_arrays(path, rate, seconds, alpha=alpha, scenes=scenes), max_frames)


def _arrays(
    path: Path, rate: Fraction | None, start: Fraction, *, alpha: bool, scenes: bool
) -> Iterator[tuple[int, np.ndarray]]:
    pictures = inspect(path)
    timed = deinterlaced(timed_frames(path, pictures, start))
    if scenes:
        timed = numbered_scenes(timed)
    if rate is not None and not pictures.still:  # a still image is one frame at any rate
        timed = resampled(timed, rate, start, path)
    opacity = heif_alpha(path) if alpha and pictures.still else None
    for item in timed:
        pixels = pictures.upright.array(item.frame, alpha=alpha)
        if opacity is not None:
            pixels[..., 3] = pictures.upright.oriented(_sized(opacity, item.frame))
        yield item.scene, pixels


def _sized(levels: np.ndarray, frame: Any) -> np.ndarray:
    """Levels (H, W) at the size of a frame."""
    if levels.shape == (frame.height, frame.width):
        return levels
    gray = av.VideoFrame.from_ndarray(levels, format="gray")
    return gray.reformat(width=frame.width, height=frame.height).to_ndarray()


def _rate(fps: float | Fraction) -> Fraction:
    if not 0 < fps < float("inf"):
        raise ValueError(f"fps must be more than 0, got {fps}")
    return simple_rate(Fraction(fps))


def _checked(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    shape: tuple[int, ...] | None = None
    for index, frame in enumerate(frames):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise VideoError(f"frame {index} is {frame.dtype} {frame.shape}, expected uint8 (H, W, 3)")
        shape = shape or frame.shape
        if frame.shape != shape:
            raise VideoError(f"frame {index} is {frame.shape}, but frame 0 is {shape}: all must have one size")
        yield frame
    if shape is None:
        raise VideoError("there are no frames to write")
