"""What a file says about its pictures, and what its first packets show where it says nothing or is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import av
import av.error

from .opening import is_still, may_jump, note, opened, picture_stream, reason
from .packets import demux
from .pictures import Grid, heif_grid, heif_matrix, webp_delays, webp_frames
from .types import VideoError
from .upright import Upright

_SEEN = 120  # packets that are looked at
_DECODED = 32  # frames of them that are decoded where their order is in doubt: decoders reorder 16 at most
_SAME = Fraction(1, 10)  # an average rate that is off by less is taken from the file
_MILLISECOND = Fraction(1, 1000)
_HDR = {16: "PQ", 18: "HLG"}  # AVCOL_TRC_*


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """The stream of pictures of a file, and how its frames are to be read."""

    index: int  # of the stream
    upright: Upright
    origin: Fraction | None  # stamp of the first picture in seconds; None where frames have no stamps
    rate: Fraction | None  # frames a second, None for a still image
    constant: bool  # or the rate is an average
    still: bool
    by_order: bool  # see `packets.decode`
    jumps: bool  # stamps may start anew
    frames: int | None  # None where the file does not count them
    duration: float | None  # seconds
    grid: Grid | None = None  # of a picture that is cut into tiles
    delays: tuple[Fraction, ...] = ()  # of an animated WebP: how long each frame is shown


def inspect(path: Path) -> Pictures:
    """Look at the first packets of a file and decode at least one frame; VideoError where that cannot be done."""
    if delays := webp_delays(path):
        return _animation(path, delays)
    if grid := heif_grid(path):
        return _still(grid.upright, grid)
    with opened(path) as container:
        stream = picture_stream(container, path)
        still, jumps = is_still(container, stream), may_jump(container)
        try:
            start = _Start.of(container, stream, jumps=jumps)
        except (av.error.FFmpegError, ValueError) as error:
            raise VideoError(f"'{path}' is damaged after 0 frames: {reason(error)}") from error
        if start.first is None:
            raise VideoError(f"'{path}' holds no frames")
        _note_what_is_shown(path, start.first, stream)
        rate, constant = (None, False) if still else _own_rate(stream, start)
        upright = Upright.of(start.first, stream)
        if still and upright.is_plain:  # up to FFmpeg 7 decoders say nothing of it
            upright = upright.turned(heif_matrix(path))
        return Pictures(
            index=stream.index,
            upright=upright,
            origin=start.origin,
            rate=rate,
            constant=constant,
            still=still,
            by_order=start.by_order,
            jumps=jumps,
            frames=1 if still else stream.frames or None,
            duration=None if still else _duration(container, stream),
        )


def _animation(path: Path, delays: Sequence[Fraction]) -> Pictures:
    first = next(webp_frames(path))
    stamps = list(accumulate(delays, initial=Fraction(0)))
    average = average_rate(stamps[:-1], delays[-1])
    constant = constant_rate(stamps[:-1], _MILLISECOND, [1 / delays[0], *likely_rates(stamps)])
    return Pictures(
        index=0,
        upright=Upright(width=first.width, height=first.height),
        origin=Fraction(0),
        rate=constant or (average and simple_rate(average)),
        constant=constant is not None,
        still=False,
        by_order=False,
        jumps=False,
        frames=len(delays),
        duration=float(stamps[-1]),
        delays=tuple(delays),
    )


def _still(upright: Upright, grid: Grid) -> Pictures:
    return Pictures(
        index=0,
        upright=upright,
        origin=None,
        rate=None,
        constant=False,
        still=True,
        by_order=False,
        jumps=False,
        frames=1,
        duration=None,
        grid=grid,
    )


@dataclass(kw_only=True)
class _Start:
    """The first packets of a stream; times in seconds."""

    first: Any = None  # the first frame
    sent: list[Fraction]  # stamps of packets in the order of decoding
    shown: list[Fraction | None]  # stamps of frames in the order of showing
    last_length: Fraction = Fraction(0)  # of what is shown last
    whole: bool = True  # there are no more packets
    only_decoding: bool = False  # the container only has stamps of decoding, and frames may be shown in another order

    @classmethod
    def of(cls, container: Any, stream: Any, *, jumps: bool) -> _Start:
        """Read them, and decode until a frame is there; some more if the order of their stamps is in doubt."""
        start = cls(sent=[], shown=[])
        context = stream.codec_context
        for count, packet in enumerate(demux(container, stream, jumps=jumps)):
            start._take(packet)
            doubt = context.has_b_frames and start._grows()
            if len(start.shown) < (_DECODED if doubt else 1):
                for frame in packet.decode():
                    start.first = start.first or frame
                    start.shown.append(None if frame.pts is None else frame.pts * Fraction(frame.time_base))
            if start.shown and count >= _SEEN:
                start.whole = False
                break
        start.only_decoding = container.format.name == "avi" and bool(context.has_b_frames)
        return start

    @property
    def by_order(self) -> bool:
        """Whether stamps only tell the order of decoding, which is not that of showing, or frames have lost them."""
        if self.shown[:1] == [None]:
            return bool(self.sent)
        as_shown = _grow([stamp for stamp in self.shown if stamp is not None])
        return self._grows() and (self.only_decoding or not as_shown)

    @property
    def origin(self) -> Fraction | None:
        return min(self.sent, default=None) if self.by_order else self.shown[0]

    def _take(self, packet: Any) -> None:
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None:
            time = stamp * Fraction(packet.time_base)
            if time >= max(self.sent, default=time):
                self.last_length = (packet.duration or 0) * Fraction(packet.time_base)
            self.sent.append(time)

    def _grows(self) -> bool:
        return _grow(self.sent)


def constant_rate(stamps: Sequence[Fraction], tick: Fraction, candidates: Sequence[Fraction]) -> Fraction | None:
    """The first of some rates at which frames have these stamps, but for rounding to ticks; None if none fits.

    Args:
        stamps: of the first frames in seconds, sorted.
        tick: the finest step of stamps.
        candidates: frames a second.
    """
    for slack in (Fraction(51, 100), Fraction(1)):  # rounded to the nearest tick, or down
        for rate in candidates:
            if all(abs(stamp - stamps[0] - n / rate) <= slack * tick for n, stamp in enumerate(stamps)):
                return rate
    return None


def average_rate(stamps: Sequence[Fraction], last_length: Fraction) -> Fraction | None:
    """Frames a second of frames with sorted stamps and the length of the last one; None if that is not known."""
    span = stamps[-1] - stamps[0] if stamps else Fraction(0)
    length = last_length or (span / (len(stamps) - 1) if len(stamps) > 1 else Fraction(0))
    return len(stamps) / (span + length) if span + length else None


def simple_rate(rate: Fraction) -> Fraction:
    """A rate as a fraction that containers can hold; one below 1 is the inverse of such a length of a frame."""
    return rate.limit_denominator(1001) if rate >= 1 else 1 / (1 / rate).limit_denominator(1001)


def likely_rates(stamps: Sequence[Fraction]) -> list[Fraction]:
    """Constant rates that frames with sorted stamps may have: a whole one, that of NTSC, or what they show."""
    span = stamps[-1] - stamps[0]
    shown = simple_rate((len(stamps) - 1) / span) if span else Fraction(0)
    whole = Fraction(round(shown))
    return [rate for rate in (whole, whole * 1000 / 1001, shown) if rate]


def _own_rate(stream: Any, start: _Start) -> tuple[Fraction | None, bool]:
    """The constant rate of a stream, else its average; what stamps show counts more than what the file says."""
    stated = [Fraction(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate]
    stamps = sorted(set(start.sent))
    if len(stamps) < 2:
        return (stated[0] if stated else None), False
    measured = average_rate(stamps, start.last_length)
    whole = [Fraction(round(measured))] if measured and measured >= 1 else []
    constant = constant_rate(stamps, Fraction(stream.time_base), [*stated, *whole, *likely_rates(stamps)])
    if constant is not None:
        return constant, True
    if start.whole and start.last_length and measured is not None:
        return simple_rate(measured), False
    if stream.average_rate and measured is not None:
        far = abs(Fraction(stream.average_rate) / measured - 1)
        if far < _SAME or (not start.whole and far < 1):
            return Fraction(stream.average_rate), False
    return measured and simple_rate(measured), False


def _duration(container: Any, stream: Any) -> float | None:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _note_what_is_shown(path: Path, frame: Any, stream: Any) -> None:
    curve = _HDR.get(int(stream.codec_context.color_trc or 0))
    if curve:
        note(f"'{path}' is HDR ({curve}): it is read without tone mapping, so its colours look pale")
    if frame.interlaced_frame:
        note(f"'{path}' is interlaced: its two fields are made into whole pictures with FFmpeg's bwdif")


def _grow(stamps: Sequence[Fraction]) -> bool:
    return all(before < after for before, after in pairwise(stamps))
