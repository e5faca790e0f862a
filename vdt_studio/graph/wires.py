"""Wires as the editor draws them, and the points that lead them around nodes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..errors import GraphError

TITLE = 30  # a node's title stands above its place
CLEAR = 7  # wires keep this far from nodes that they do not end at
_INSIDE = 14  # how far the editor draws a wire into the nodes that it ends at
_MAX_OFFSET, _SHARE = 80.0, 0.25  # of the editor's curves: how far their handles reach
_T = np.linspace(0, 1, 25)  # where curves are looked at
_SHARES = np.stack([(1 - _T) ** 3, 3 * (1 - _T) ** 2 * _T, 3 * (1 - _T) * _T**2, _T**3])  # of a curve's four handles
_DOT = 22  # bends are drawn as discs; their middles stand this far apart
_STEP = 12  # between heights at which wires may turn
_POINT_COST = 80  # as much as a detour of this length

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A node; its title lies above `top`."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    def edges(self, margin: float) -> tuple[float, float, float, float]:
        """Left, right, top and bottom of the node with its title and a margin."""
        return self.left - margin, self.right + margin, self.top - TITLE - margin, self.bottom + margin

    def holds(self, point: Point) -> bool:
        """Whether a point lies in the node or its title, or hardly beside them."""
        left, right, top, bottom = self.edges(CLEAR)
        return left < point[0] < right and top < point[1] < bottom


@dataclass(frozen=True)
class Wire:
    """From an output, whose place is a point, to an input; `ends` are the ids of their nodes."""

    id: int
    start: Point
    end: Point
    ends: tuple[int, int]


def bend(wires: Sequence[Wire], boxes: Mapping[int, Box]) -> dict[int, list[Point]]:
    """For each wire that would run behind a node, points that lead it around on a short way; GraphError if none do."""
    found: dict[int, list[Point]] = {}
    dots: list[Point] = []
    for wire in sorted(wires, key=lambda wire: (_is_hidden(wire, (), boxes), wire.end[0] - wire.start[0], wire.id)):
        ways = sorted(_ways(wire, boxes), key=lambda points: _cost(wire, points))
        free = (points for points in ways if _is_apart(points, dots))
        points = next((points for points in free if not _is_hidden(wire, points, boxes)), None)
        if points is None:
            raise GraphError(f"no way around the nodes for wire {wire.id}: make room in the table of places")
        if points:
            found[wire.id] = list(points)
            dots += points
    return dict(sorted(found.items()))


def curve(wire: Wire, points: Sequence[Point]) -> np.ndarray:
    """Places along a wire through some points, as the editor draws it: (2, N), x and y."""
    stations = [wire.start, *points, wire.end]
    tangents = [(1.0, 0.0), *(_tangent(*three) for three in zip(stations, stations[1:], stations[2:])), (1.0, 0.0)]  # noqa: B905
    handles = []
    for place, (a, b) in enumerate(pairwise(stations)):
        length = math.dist(a, b) * _SHARE
        leave = length if place == 0 else min(_MAX_OFFSET, length)
        arrive = length if place == len(points) else min(_MAX_OFFSET, length)
        (ax, ay), (bx, by) = tangents[place], tangents[place + 1]
        handles.append((a, (a[0] + ax * leave, a[1] + ay * leave), (b[0] - bx * arrive, b[1] - by * arrive), b))
    return np.einsum("kt,skc->cst", _SHARES, np.array(handles)).reshape(2, -1)


def _tangent(before: Point, point: Point, after: Point) -> Point:
    """The middle of the directions to a point and from it."""
    arriving = math.atan2(point[1] - before[1], point[0] - before[0])
    half = (arriving - math.atan2(after[1] - point[1], after[0] - point[0])) / 2
    if abs(half) > math.pi / 2:
        half += math.pi
    return math.cos(arriving - half), math.sin(arriving - half)


def _is_hidden(wire: Wire, points: Sequence[Point], boxes: Mapping[int, Box]) -> bool:
    """Whether a wire runs behind a node; it may begin and end a little inside of its own."""
    if any(box.holds(point) for point in points for box in boxes.values()):
        return True
    edges = np.array([box.edges(-_INSIDE if number in wire.ends else CLEAR) for number, box in boxes.items()])
    x, y = curve(wire, points)[..., None]
    return bool(((edges[:, 0] < x) & (x < edges[:, 1]) & (edges[:, 2] < y) & (y < edges[:, 3])).any())


def _is_apart(points: Sequence[Point], dots: Iterable[Point]) -> bool:
    return all(math.dist(point, dot) >= _DOT for point in points for dot in dots)


def _cost(wire: Wire, points: Sequence[Point]) -> float:
    """How long a wire is, and how many points one sees on it."""
    return sum(itertools.starmap(math.dist, pairwise((wire.start, *points, wire.end)))) + _POINT_COST * len(points)


def _ways(wire: Wire, boxes: Mapping[int, Box]) -> Iterator[tuple[Point, ...]]:
    """None, or up to four points behind the origin's column and before the target's, which may be the same."""
    yield ()
    rows = _rows(boxes)
    after = [wire.start[0] + step for step in (23, 16, 12, 30)]
    before = [wire.end[0] - step for step in (23, 16, 12, 30)]
    yield from (((x, y),) for y in rows for x in (*before, *after))
    yield from (((x, y), (x, wire.end[1])) for y in rows for x in before)
    yield from (((x, wire.start[1]), (x, y)) for y in rows for x in after)
    yield from (((a, y), (b, y)) for y in rows for a in after for b in before)
    yield from (((a, y), (b, y), (b, wire.end[1])) for y in rows for a in after for b in before)
    yield from (((a, wire.start[1]), (a, y), (b, y)) for y in rows for a in after for b in before)
    yield from (((a, wire.start[1]), (a, y), (b, y), (b, wire.end[1])) for y in rows for a in after for b in before)


def _rows(boxes: Mapping[int, Box]) -> range:
    """Heights at which a wire may turn."""
    highest = min(box.top for box in boxes.values()) - TITLE
    return range(highest, max(box.bottom for box in boxes.values()) + 2 * _STEP, _STEP)
