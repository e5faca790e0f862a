"""Shapes as pixels: rectangle, oval, polygon and brush, each pixel by whether its middle lies inside.

web/js/timeline/raster.js does the same arithmetic in the same order; a test compares the two pixel by pixel.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..interruption import poll

# H x W pixels; numbers are x, y, x, y, … in fractions of width and height.

Shape = Literal["rect", "oval", "poly", "brush"]
Numbers = tuple[float, ...]
Pixels = NDArray[np.bool_]

# Which pixels of each 4x4 block the thinning rim of a soft brush takes first, as its share of the way to the middle.
_ORDER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
_THIN = (2 * _ORDER + 1) / 32


def draw_shape(kind: Shape, outline: Numbers, size: tuple[int, int], *, radius: float, hardness: float) -> Pixels:
    """The pixels (H, W) that a shape covers; radius (of the shorter side) and hardness are those of a brush."""
    height, width = size
    if kind == "rect":
        return _rectangle(outline, height, width)
    if kind == "oval":
        return _oval(outline, height, width)
    if kind == "poly":
        return _polygon(outline, height, width)
    return _brush(outline, radius * min(height, width), hardness, height, width)


def _middles(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x (W,) and y (H,) of the middles of all pixels, in fractions."""
    return (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height


def _corners(outline: Numbers) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = outline
    return min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)


def _rectangle(outline: Numbers, height: int, width: int) -> Pixels:
    left, right, top, bottom = _corners(outline)
    x, y = _middles(height, width)
    return ((top <= y) & (y < bottom))[:, None] & ((left <= x) & (x < right))


def _oval(outline: Numbers, height: int, width: int) -> Pixels:
    left, right, top, bottom = _corners(outline)
    mx, my, rx, ry = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
    if not (rx > 0 and ry > 0):
        return np.zeros((height, width), bool)
    x, y = _middles(height, width)
    u, v = (x - mx) / rx, ((y - my) / ry)[:, None]
    with np.errstate(over="ignore"):  # of a sliver of a width near zero
        covered: Pixels = u * u + v * v <= 1
    return covered


def _polygon(outline: Numbers, height: int, width: int) -> Pixels:
    """Inside where a line to the right crosses the outline an odd number of times."""
    covered = np.zeros((height, width), bool)
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    points = [(px * width, py * height) for px, py in zip(outline[::2], outline[1::2], strict=True)]
    for (ax, ay), (bx, by) in pairwise([*points, points[0]]):
        poll()
        rows = np.flatnonzero((ay > y) != (by > y))
        if rows.size:
            crossings = (bx - ax) * (y[rows] - ay) / (by - ay) + ax
            covered[rows] ^= x < crossings[:, None]
    return covered


def _brush(outline: Numbers, reach: float, hardness: float, height: int, width: int) -> Pixels:
    """Pixels within reach of the line through the points; the rim of a soft brush takes fewer and fewer of them."""
    covered = np.zeros((height, width), bool)
    points = [(px * width, py * height) for px, py in zip(outline[::2], outline[1::2], strict=True)]
    limit = reach * (1 - _THIN * (1 - hardness))
    squared = np.tile(limit * limit, (height // 4 + 1, width // 4 + 1))[:height, :width]
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[-1]], strict=True):
        poll()
        rows, columns = _within(ay, by, reach, height), _within(ax, bx, reach, width)
        y, x = (np.arange(height)[rows] + 0.5)[:, None], np.arange(width)[columns] + 0.5
        vx, vy = bx - ax, by - ay
        length = vx * vx + vy * vy
        along = ((x - ax) * vx + (y - ay) * vy) / length if length > 0 else np.zeros((1, 1))
        along = np.minimum(1.0, np.maximum(0.0, along))
        dx, dy = x - (ax + along * vx), y - (ay + along * vy)
        covered[rows, columns] |= dx * dx + dy * dy <= squared[rows, columns]
    return covered


def _within(one: float, other: float, reach: float, size: int) -> slice:
    """The pixels along a side that may be within reach of a line."""
    low, high = min(one, other) - abs(reach) - 1, max(one, other) + abs(reach) + 1
    return slice(max(0, int(np.floor(low))), max(0, min(size, int(np.ceil(high)) + 1)))
