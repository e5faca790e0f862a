"""Video files through PyAV: probe, read as an iterator at any frame rate, write h264 mp4; memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.video.reformatter import Colorspace

from .files import atomic_path
from .types import Sound, VideoError, VideoInfo

# Frames are uint8 (H, W, 3) RGB arrays, upright: rotation stored in the file is applied on reading.

_FALLBACK_RATE = Fraction(25)  # for streams that do not say, only used for the length of the last frame
_ATTACHED_PICTURE = 0x400  # AV_DISPOSITION_ATTACHED_PIC: the cover image of a music file
_NOT_BT601 = (1, 4, 7, 9)  # BT.709, FCC, SMPTE 240M and BT.2020: the same numbers in FFmpeg's AVCOL_SPC and SWS_CS
# Without it x264's AVX-512 code reads memory it never wrote where pictures are narrow, and no two files are alike.
_REPEATABLE = {"x264-params": "cpu-independent=1"}
_BT709, _LIMITED_RANGE = 1, 1  # AVCOL_*_BT709, AVCOL_RANGE_MPEG


@dataclass(frozen=True, kw_only=True)
class _TimedFrame:
    frame: Any
    start: Fraction  # seconds since the first frame
    length: Fraction


def probe(path: str | Path) -> VideoInfo:
    """Describe the first video stream of a file; decodes one frame. VideoError if there is none."""
    path = _existing(path)
    with _opened(path) as (container, stream):
        frame = next(_decode(container, stream, path))
        rotation = _rotation(frame)
        width, height = (frame.height, frame.width) if rotation % 180 else (frame.width, frame.height)
        if _is_still(container):
            return VideoInfo(width=width, height=height, fps=None, frames=1, duration=None, rotation=rotation)
        duration = float(stream.duration * stream.time_base) if stream.duration else None
        if duration is None and container.duration:
            duration = container.duration / av.time_base
        rate = stream.average_rate or None
        return VideoInfo(
            width=width,
            height=height,
            fps=Fraction(rate) if rate else None,
            frames=stream.frames or None,
            duration=duration,
            rotation=rotation,
        )


def read_frames(
    path: str | Path,
    *,
    fps: float | Fraction | None = None,
    start: float = 0.0,
    max_frames: int | None = None,
) -> Iterator[np.ndarray]:
    """Read upright uint8 (H, W, 3) RGB frames one at a time; still images are clips of one frame.

    Args:
        path: any file PyAV can decode; frames that change size are scaled to that of the first.
        fps: resample to this rate by time stamps: at each tick the nearest frame, so that frames of a slower
            or variable rate repeat and those of a faster one drop out. None keeps every frame.
        start: seconds into the clip.
        max_frames: stop after so many frames; nothing more is decoded.

    Raises:
        VideoError: the file is missing, is no video, has no frames from `start` on, or is damaged.
    """
    path = _existing(path)
    rate = None if fps is None else _rate(fps)
    if not 0.0 <= start < float("inf"):
        raise ValueError(f"start must be 0 seconds or more, got {start}")
    if max_frames is not None and max_frames < 1:
        raise ValueError(f"max_frames must be 1 or more, got {max_frames}")
    return islice(_read(path, rate, Fraction(start).limit_denominator(1_000_000)), max_frames)


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
        sound: as AAC, the first two channels at most; its length is its own.

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
            return _encode(temporary, _checked(frames), rate, crf, metadata or {}, sound)
        except av.error.FFmpegError as error:
            raise VideoError(f"cannot write '{path}': {error.strerror or error}") from error


def _read(path: Path, rate: Fraction | None, start: Fraction) -> Iterator[np.ndarray]:
    size: tuple[int, int] | None = None
    with _opened(path) as (container, stream):
        timed = _from(container, stream, path, start)
        if rate is None or _is_still(container):  # a still image is one frame at any rate
            shown: Iterator[Any] = (item.frame for item in timed)
        else:
            shown = _resampled(timed, rate, start)
        for frame in shown:
            size = size or (frame.width, frame.height)
            pixels = frame.to_ndarray(format="rgb24", width=size[0], height=size[1], **_matrix(frame))
            yield np.ascontiguousarray(np.rot90(pixels, _rotation(frame) // 90))


def _resampled(timed: Iterator[_TimedFrame], rate: Fraction, start: Fraction) -> Iterator[Any]:
    """The nearest frame at every tick start + n / rate, at least one; a tick needs half its length of video."""
    current = next(timed)
    following = next(timed, None)
    tick = start
    yield current.frame
    while True:
        tick += 1 / rate
        while following is not None and abs(following.start - tick) < abs(current.start - tick):
            current, following = following, next(timed, None)
        if following is None and tick + 1 / (2 * rate) > current.start + current.length:
            return
        yield current.frame


def _from(container: Any, stream: Any, path: Path, start: Fraction) -> Iterator[_TimedFrame]:
    """Frames that lie mostly after `start`; seeks there where the file can."""
    timed = _timed(_decode(container, stream, path), stream)
    first = next(timed)
    origin, end = _stamp(first.frame), first.start + first.length
    timed = chain([first], timed)
    if start > 1 and origin is not None:
        timed = _after_seek(container, stream, path, origin, start)
    for item in timed:
        end = item.start + item.length
        if item.start + item.length / 2 > start or start == 0:
            yield item
            break
    else:
        raise VideoError(f"'{path}' is {float(end):.2f} s long: nothing to read from {float(start):.2f} s on")
    yield from timed


def _after_seek(container: Any, stream: Any, path: Path, origin: Fraction, start: Fraction) -> Iterator[_TimedFrame]:
    """Frames from the key frame before `start` on; from the beginning where the file cannot seek."""
    try:
        container.seek(int((origin + start) / stream.time_base), stream=stream)
        timed = _timed(_decode(container, stream, path), stream, origin)
        landed = next(timed)
        if landed.start <= start:
            return chain([landed], timed)
    except (av.error.FFmpegError, VideoError):
        pass  # a failed seek leaves the position undefined: open the file again
    return _from_beginning(path)


def _from_beginning(path: Path) -> Iterator[_TimedFrame]:
    with _opened(path) as (container, stream):
        yield from _timed(_decode(container, stream, path), stream)


def _timed(decoded: Iterator[Any], stream: Any, origin: Fraction | None = None) -> Iterator[_TimedFrame]:
    """Give every frame its start and length; a frame without a time stamp follows the one before."""
    usual = 1 / Fraction(stream.average_rate or stream.guessed_rate or _FALLBACK_RATE)
    before: Fraction | None = None
    length = usual
    for frame in decoded:
        stamp = _stamp(frame)
        origin = stamp if origin is None else origin
        if stamp is not None and origin is not None:
            start = stamp - origin
        else:
            start = Fraction(0) if before is None else before + length
        stated = getattr(frame, "duration", None)  # PyAV 14 does not tell: take the distance to the frame before
        gap = usual if before is None or start <= before else start - before
        length = stated * frame.time_base if stated and frame.time_base else gap
        before = start
        yield _TimedFrame(frame=frame, start=start, length=length)


def _stamp(frame: Any) -> Fraction | None:
    return None if frame.pts is None or frame.time_base is None else frame.pts * Fraction(frame.time_base)


def _decode(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """Frames of the stream as PyAV decodes them, at least one."""
    count = 0
    try:
        for frame in container.decode(stream):
            count += 1
            yield frame
    except av.error.FFmpegError as error:
        raise VideoError(f"'{path}' is damaged after {count} frames: {error.strerror or error}") from error
    if not count:
        raise VideoError(f"'{path}' holds no frames")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    try:
        container = av.open(str(path.absolute()))  # absolute: "a:b.mp4" is a file, not a protocol
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"'{path}' cannot be read as a video: {getattr(error, 'strerror', None) or error}") from error
    with container:
        streams = [s for s in container.streams.video if not _is_cover(s)]
        if not streams or container.format.name == "tty":  # FFmpeg draws text files as terminals
            found = "it holds audio only" if container.streams.audio else "it holds no video stream"
            raise VideoError(f"'{path}' is not a video: {found}")
        streams[0].thread_type = "AUTO"
        yield container, streams[0]


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if path.is_dir():
        raise VideoError(f"'{path}' is a folder, expected a video file")
    if not path.exists():
        raise VideoError(f"no such file: '{path}'")
    return path


def _is_cover(stream: Any) -> bool:
    disposition = getattr(stream, "disposition", 0)
    return bool(int(getattr(disposition, "value", disposition)) & _ATTACHED_PICTURE)  # a Flag up to PyAV 14


def _is_still(container: Any) -> bool:
    return container.format.name == "image2" or container.format.name.endswith("_pipe")


def _matrix(frame: Any) -> dict[str, int]:
    """Name the colour matrix, since PyAV 14 takes BT.601 for all unless source and target differ by name."""
    source = int(frame.colorspace)
    return {"src_colorspace": source, "dst_colorspace": Colorspace.ITU601.value} if source in _NOT_BT601 else {}


def _rotation(frame: Any) -> int:
    """Degrees counter-clockwise to turn a decoded frame upright, in quarter turns."""
    return round(getattr(frame, "rotation", 0) / 90) % 4 * 90


def _rate(fps: float | Fraction) -> Fraction:
    if not 0 < fps < float("inf"):
        raise ValueError(f"fps must be more than 0, got {fps}")
    return Fraction(fps).limit_denominator(1001)


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


def _encode(
    path: Path,
    frames: Iterator[np.ndarray],
    rate: Fraction,
    crf: int,
    metadata: Mapping[str, str],
    sound: Sound | None,
) -> VideoInfo:
    flags = {"movflags": "use_metadata_tags+faststart"}
    first = next(frames)
    height, width = (side + side % 2 for side in first.shape[:2])
    with av.open(str(path.absolute()), "w", format="mp4", options=flags) as container:
        container.metadata.update({key: str(value) for key, value in metadata.items()})
        stream: Any = container.add_stream("libx264", rate=rate, options={"crf": str(crf), **_REPEATABLE})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        _tag_colours(stream.codec_context)
        if sound is not None and sound.samples.size:
            _encode_sound(container, sound)
        count = 0
        for array in chain([first], frames):
            padded = np.pad(array, ((0, height - array.shape[0]), (0, width - array.shape[1]), (0, 0)), mode="edge")
            frame = av.VideoFrame.from_ndarray(padded, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
            frame.pts, frame.time_base = count, 1 / rate
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode(None))
    return VideoInfo(width=width, height=height, fps=rate, frames=count, duration=float(count / rate), rotation=0)


def _encode_sound(container: Any, sound: Sound) -> None:
    """All of it before the first picture: it is small, and FFmpeg puts both in the order of their times."""
    samples = np.ascontiguousarray(sound.samples[:2].clip(-1, 1))
    layout = "mono" if len(samples) == 1 else "stereo"
    track = container.add_stream("aac", rate=sound.rate, layout=layout)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
    frame.sample_rate, frame.pts = sound.rate, 0
    container.mux([*track.encode(frame), *track.encode(None)])


def _tag_colours(context: Any) -> None:
    """Say which matrix the frames are converted with; untagged files are guessed by their size, and wrongly."""
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED_RANGE
