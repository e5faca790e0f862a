"""From a container to decoded frames with stamps on one time line, whatever stamps the file has."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av.error

from ..interruption import poll

_BACK = Fraction(1, 10)  # FFmpeg's own limits: stamps that step back further than this start anew,
_AHEAD = 10  # seconds; and so do those of pictures that leap further than this
_MOST_DELAYED = 64  # packets that may wait in a decoder; stamps that wait longer belong to frames that never came


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A frame of pictures or sound, and its place on the time line of the file in seconds; None if it has none."""

    frame: Any
    stamp: Fraction | None


def decode(
    packets: Iterator[Any], index: int, *, by_order: bool = False, on_error: Callable[[Exception], None] | None = None
) -> Iterator[Decoded]:
    """Decode the packets of one stream.

    Args:
        packets: from `demux`, or straight from PyAV.
        index: of the stream; packets of others are passed over.
        by_order: the n-th frame has the n-th stamp. Decoders put frames into the order in which they are shown, so
            this is right where a container (AVI) has no other stamps than those of the order of decoding.
        on_error: is told what PyAV says of a packet that cannot be decoded, which leaves a hole; None raises it.
    """
    waiting: deque[Fraction] = deque()
    for packet in packets:
        poll()
        if packet.stream.index != index:
            continue
        stamp = packet.pts if packet.pts is not None else packet.dts
        if by_order and stamp is not None:
            waiting.append(stamp * Fraction(packet.time_base))
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError) as error:
            if on_error is None:
                raise
            on_error(error)
            continue
        for frame in frames:
            own = None if frame.pts is None or frame.time_base is None else frame.pts * Fraction(frame.time_base)
            yield Decoded(frame=frame, stamp=waiting.popleft() if waiting else own)
        while len(waiting) > _MOST_DELAYED:
            waiting.popleft()


def demux(container: Any, *streams: Any, jumps: bool) -> Iterator[Any]:
    """The packets of streams; where stamps may jump they are moved so that every stream goes on where it was."""
    line = _TimeLine()
    packets = container.demux(*streams)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, IndexError):  # PyAV stumbles at the end where streams have come up within the file
            return
        if jumps and packet.dts is not None:
            line.place(packet)
        yield packet


@dataclass
class _Clock:
    """Of one stream, in seconds: what is added to its stamps, the last one, and the one that should follow."""

    offset: Fraction = field(default_factory=Fraction)
    last: Fraction | None = None
    following: Fraction = field(default_factory=Fraction)


class _TimeLine:
    """Joined recordings have stamps that start anew. The first stream to do so says by how much all are moved.

    So pictures and sound stay together after a joint, as FFmpeg's own command keeps them.
    """

    def __init__(self) -> None:
        self._clocks: dict[int, _Clock] = {}
        self._offset = Fraction(0)  # after the last joint

    def place(self, packet: Any) -> None:
        """Move the stamps of a packet."""
        base = Fraction(packet.time_base)
        clock = self._clocks.setdefault(packet.stream.index, _Clock(offset=self._offset))
        raw = packet.dts * base
        if clock.last is not None:
            self._follow(clock, raw, leads=packet.stream.type == "video")
        clock.last = raw + clock.offset
        clock.following = clock.last + _length(packet)
        if clock.offset:
            moved = round(clock.offset / base)
            packet.dts += moved
            packet.pts = None if packet.pts is None else packet.pts + moved

    def _follow(self, clock: _Clock, raw: Fraction, *, leads: bool) -> None:
        ahead = raw + clock.offset - clock.following
        assert clock.last is not None
        back = raw + clock.offset + _BACK < clock.last
        other = raw + self._offset - clock.following
        if clock.offset != self._offset and abs(other) < abs(ahead):
            clock.offset = self._offset  # another stream was first at the joint
        elif back or (leads and ahead > _AHEAD):
            self._offset = clock.offset = clock.following - raw


def _length(packet: Any) -> Fraction:
    if packet.duration:
        return packet.duration * Fraction(packet.time_base)
    rate = getattr(packet.stream, "average_rate", None)
    return 1 / Fraction(rate) if rate else Fraction(0)
