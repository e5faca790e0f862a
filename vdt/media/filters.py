"""FFmpeg's own filters on timed frames: fields of interlaced frames made whole, and cuts between scenes found."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import av.error

from .timeline import TimedFrame

_DEINTERLACE = ("bwdif", "mode=send_frame:deint=interlaced")  # one whole picture for each frame that says it has fields
_CUTS = ("scdet", "threshold=10:sc_pass=1")  # lets only the first frame of a scene pass; 10 is FFmpeg's default
_NUMBER = Fraction(1, 1000)  # time base of frames whose stamps are their numbers


def deinterlaced(timed: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
    """The same frames, from the first interlaced one on through FFmpeg's bwdif, which leaves others as they are."""
    graph: _Graph | None = None
    waiting: deque[TimedFrame] = deque()
    for item in timed:
        if graph is not None and not graph.takes(item.frame):
            yield from _finished(graph.flush(), waiting)
            graph = None
        if graph is None and item.frame.interlaced_frame:
            graph = _graph(item.frame, *_DEINTERLACE)
        if graph is None:
            yield item
            continue
        waiting.append(item)
        yield from _finished(graph.filter(item.frame), waiting)
    if graph is not None:
        yield from _finished(graph.flush(), waiting)


def numbered_scenes(timed: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
    """The same frames with the number of their scene, which grows at every cut that FFmpeg's scdet finds.

    The second frame never is a cut: scdet knows no motion before it.
    """
    graph: _Graph | None = None
    scene = seen = 0
    for item in timed:
        if graph is None or not graph.takes(item.frame):
            graph, seen = _graph(item.frame, *_CUTS), 0
        cut = graph is not None and any(graph.filter(item.frame))
        seen += 1
        scene += cut and seen > 2
        yield replace(item, scene=scene)


class _Graph:
    """One filter for frames of one size and format; their stamps are numbered here and mean nothing outside."""

    def __init__(self, frame: Any, name: str, options: str) -> None:
        self._kind = _kind(frame)
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=_NUMBER)
        chosen, sink = self._graph.add(name, options), self._graph.add("buffersink")
        source.link_to(chosen)
        chosen.link_to(sink)
        self._graph.configure()
        self._count = 0

    def takes(self, frame: Any) -> bool:
        """Whether a frame is of the size and format that the filter was made for."""
        return _kind(frame) == self._kind

    def filter(self, frame: Any) -> list[Any]:
        """Frames that come out now that this one went in."""
        frame.pts, frame.time_base = self._count, _NUMBER
        self._count += 1
        self._graph.push(frame)
        return self._pulled()

    def flush(self) -> list[Any]:
        """What the filter has kept back; nothing may follow."""
        self._graph.push(None)
        return self._pulled()

    def _pulled(self) -> list[Any]:
        frames = []
        while True:
            try:
                frames.append(self._graph.pull())
            except (av.error.BlockingIOError, av.error.EOFError):
                return frames


def _graph(frame: Any, name: str, options: str) -> _Graph | None:
    """A filter for frames like this one; None where it takes none, such as frames of two lines."""
    try:
        return _Graph(frame, name, options)
    except (av.error.FFmpegError, ValueError):
        return None


def _kind(frame: Any) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def _finished(frames: list[Any], waiting: deque[TimedFrame]) -> Iterator[TimedFrame]:
    """Filtered frames at the times of those that went in."""
    for frame in frames:
        yield replace(waiting.popleft(), frame=frame)
