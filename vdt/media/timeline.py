"""Frames on a time line: each has a start and a length, strictly one after another, and from there any frame rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av.error

from .opening import opened, reason, sound_streams
from .packets import Decoded, decode, demux
from .pictures import read_grid, webp_frames
from .probing import Pictures
from .types import VideoError

_FALLBACK_RATE = Fraction(25)  # for streams that do not say, only used for the length of the last frame
_MOST_KEPT = 1000  # packets after a key frame; where there are more, all are decoded
_MOST_COPIES = 100_000  # of one frame, one after another
_LONG, _MOST_COPIES_OF_LONG = 1800, 10_000  # seconds that one frame is shown: no pause of a talk, but a time lapse


@dataclass(frozen=True, kw_only=True)
class TimedFrame:
    """A decoded frame; times are in seconds since the first one of the file."""

    frame: Any
    start: Fraction
    length: Fraction
    scene: int = 0  # grows at every cut, where cuts were looked for


def timed_frames(path: Path, pictures: Pictures, start: Fraction) -> Iterator[TimedFrame]:
    """Frames of a file that lie mostly after `start`; seeks there where the file can.

    VideoError if there is none, or when a damaged place is reached.
    """
    if pictures.grid or pictures.delays:
        timed = _from_pictures(path, pictures)
    elif start > 1 and pictures.origin is not None and not pictures.by_order:
        timed = (_after_jumping_packets if pictures.jumps else _after_seek)(path, pictures, start)
    else:
        timed = _from_beginning(path, pictures)
    end = Fraction(0)
    for item in timed:
        end = item.start + item.length
        if item.start + item.length / 2 > start or start == 0:
            return chain([item], timed)
    raise VideoError(f"'{path}' is {float(end):.2f} s long: nothing to read from {float(start):.2f} s on")


def resampled(timed: Iterator[TimedFrame], rate: Fraction, start: Fraction, path: Path) -> Iterator[TimedFrame]:
    """The nearest frame at every tick start + n / rate, at least one; a tick needs half its length of video.

    VideoError where one frame would be repeated for so long that nobody can mean it.
    """
    current = next(timed)
    following = next(timed, None)
    tick = start
    _check_length(current, following, rate, path)
    yield current
    while True:
        tick += 1 / rate
        while following is not None and abs(following.start - tick) < abs(current.start - tick):
            current, following = following, next(timed, None)
            _check_length(current, following, rate, path)
        if following is None and tick + 1 / (2 * rate) > current.start + current.length:
            return
        yield current


def _check_length(frame: TimedFrame, following: TimedFrame | None, rate: Fraction, path: Path) -> None:
    seconds = frame.length if following is None else following.start - frame.start
    copies = seconds * rate
    if copies > _MOST_COPIES or (seconds > _LONG and copies > _MOST_COPIES_OF_LONG):
        raise VideoError(
            f"'{path}' shows one picture for {float(seconds):.0f} s, which is {float(copies):.0f} frames at "
            f"{float(rate):g} a second: read it at a lower frame rate"
        )


def put_in_order(
    decoded: Iterator[Decoded], usual: Fraction, origin: Fraction | None = None, *, constant: bool = False
) -> Iterator[TimedFrame]:
    """Give every frame a start after that of the frame before, and a length.

    A stamp that steps back, or that is missing, follows the frame before. Those after it are moved as far until they
    have caught up, so that a single bad stamp moves nothing else and a joined recording goes on.

    Args:
        decoded: frames in the order in which they are shown.
        usual: length of a frame that does not say, in seconds.
        origin: stamp of the time 0; None is that of the first frame.
        constant: no frame is shorter than the usual one, whatever it says.
    """
    before: TimedFrame | None = None
    moved = Fraction(0)
    for item in decoded:
        origin = item.stamp if origin is None else origin
        raw = None if item.stamp is None or origin is None else item.stamp - origin
        start, moved = _start_after(before, raw, moved)
        length = _length(item.frame, before, start, usual)
        before = TimedFrame(frame=item.frame, start=start, length=max(length, usual) if constant else length)
        yield before


def _start_after(before: TimedFrame | None, raw: Fraction | None, moved: Fraction) -> tuple[Fraction, Fraction]:
    if before is None:
        return raw or Fraction(0), moved
    if raw is None:
        return before.start + before.length, moved
    for shift in (Fraction(0), moved):
        if raw + shift > before.start:
            return raw + shift, shift
    return before.start + before.length, before.start + before.length - raw


def _length(frame: Any, before: TimedFrame | None, start: Fraction, usual: Fraction) -> Fraction:
    """What the frame says; PyAV 14 does not tell: the distance to the frame before."""
    stated = getattr(frame, "duration", None)
    if stated and stated > 0 and frame.time_base:
        return stated * Fraction(frame.time_base)
    return usual if before is None else start - before.start


def _from_pictures(path: Path, pictures: Pictures) -> Iterator[TimedFrame]:
    """The one frame of a picture of tiles, or those of an animation."""
    if pictures.grid:
        yield TimedFrame(frame=read_grid(path, pictures.grid), start=Fraction(0), length=1 / _FALLBACK_RATE)
    start = Fraction(0)
    for frame, delay in zip(webp_frames(path) if pictures.delays else (), pictures.delays, strict=False):
        yield TimedFrame(frame=frame, start=start, length=delay)
        start += delay


def _from_beginning(path: Path, pictures: Pictures) -> Iterator[TimedFrame]:
    with opened(path) as container:
        stream = _stream(container, pictures)
        yield from _in_order(_decoded(container, stream, path, pictures), pictures)


def _after_seek(path: Path, pictures: Pictures, start: Fraction) -> Iterator[TimedFrame]:
    """Frames from the key frame before `start` on; from the beginning where the file cannot seek."""
    with opened(path) as container:
        stream = _stream(container, pictures)
        try:
            container.seek(int(((pictures.origin or 0) + start) / stream.time_base), stream=stream)
            timed = _in_order(_decoded(container, stream, path, pictures), pictures)
            landed = next(timed)
        except (av.error.FFmpegError, VideoError, StopIteration):
            landed = None  # a failed seek leaves the position undefined: open the file again
        if landed is not None and landed.start <= start:
            yield landed
            yield from timed
            return
    yield from _from_beginning(path, pictures)


def _after_jumping_packets(path: Path, pictures: Pictures, start: Fraction) -> Iterator[TimedFrame]:
    """The same where stamps start anew: no index leads there, so packets are read, but not decoded, from the first."""
    with opened(path) as container:
        stream = _stream(container, pictures)
        packets = _from_key_frame(_packets(container, stream, pictures), stream, (pictures.origin or 0) + start)
        timed = _in_order(_checked(decode(packets, stream.index), path), pictures)
        landed = next(timed, None)
        if landed is not None and landed.start <= start:
            yield landed
            yield from timed
            return
    yield from _from_beginning(path, pictures)


def _from_key_frame(packets: Iterator[Any], stream: Any, target: Fraction) -> Iterator[Any]:
    """Packets from the last key frame on that is shown at a time or before it."""
    kept: list[Any] = []
    for packet in packets:
        if packet.stream.index != stream.index:
            continue
        stamp = packet.pts if packet.pts is not None else packet.dts
        time = None if stamp is None else stamp * Fraction(packet.time_base)
        if packet.is_keyframe and time is not None and time <= target:
            kept = []
        kept.append(packet)
        if packet.dts is None or packet.dts * Fraction(packet.time_base) > target or len(kept) > _MOST_KEPT:
            break
    yield from kept
    yield from packets


def _in_order(decoded: Iterator[Decoded], pictures: Pictures) -> Iterator[TimedFrame]:
    return put_in_order(decoded, 1 / (pictures.rate or _FALLBACK_RATE), pictures.origin, constant=pictures.constant)


def _decoded(container: Any, stream: Any, path: Path, pictures: Pictures) -> Iterator[Decoded]:
    packets = _packets(container, stream, pictures)
    return _checked(decode(packets, stream.index, by_order=pictures.by_order), path)


def _packets(container: Any, stream: Any, pictures: Pictures) -> Iterator[Any]:
    """Where stamps may jump, sound is read too: both have one time line."""
    sound = sound_streams(container) if pictures.jumps else []
    return demux(container, stream, *sound, jumps=pictures.jumps)


def _checked(decoded: Iterator[Decoded], path: Path) -> Iterator[Decoded]:
    """At least one frame, and errors of one sentence."""
    count = 0
    try:
        for item in decoded:
            count += 1
            yield item
    except (av.error.FFmpegError, ValueError) as error:
        raise VideoError(f"'{path}' is damaged after {count} frames: {reason(error)}") from error
    if not count:
        raise VideoError(f"'{path}' holds no frames")


def _stream(container: Any, pictures: Pictures) -> Any:
    stream = container.streams[pictures.index]
    stream.thread_type = "AUTO"
    return stream
