"""A mask edited by hand in time and space: which frames are given, and strokes on ranges of frames, as one JSON text.

web/js/timeline_math.js does the same in the editor; a test compares the two pixel by pixel.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# T frames, H x W pixels; bool masks are True = generate. Points are (x, y) in fractions of width and height.

VERSION = 1
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """One gesture on a range of frames: a rectangle by two corners, or a brush along points; it adds or erases.

    `move` is how far it has gone at its last frame, evenly from its first one on.
    """

    first: int
    last: int
    points: tuple[Point, ...]
    radius: float | None = None  # of the brush, in fractions of the shorter side; None is a rectangle
    erase: bool = False
    move: Point = (0.0, 0.0)

    def cover(self, frame: int, height: int, width: int) -> NDArray[np.bool_]:
        """The pixels it covers in a frame, (H, W): those whose middle lies inside."""
        share = (frame - self.first) / (self.last - self.first) if self.last > self.first else 0.0
        points = [(x + self.move[0] * share, y + self.move[1] * share) for x, y in self.points]
        if self.radius is None:
            return _rectangle(points, height, width)
        return _brush(points, self.radius, height, width)


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """All edits: the frames that are given (None leaves them to the task), then strokes in their order."""

    given: tuple[int, ...] | None = None
    strokes: tuple[Stroke, ...] = ()


def parse_timeline(text: str) -> Timeline:
    """Read {"v": 1, "given": "0-3,8", "paint": [{"on": "4-7", "rect": [x0, y0, x1, y1]}, …]}; empty text edits nothing.

    A stroke has `rect`, or `brush` [x, y, x, y, …] with its radius `r`, and perhaps `erase` and `move` [dx, dy].
    ValueError says what cannot be read.
    """
    if not text.strip():
        return Timeline()
    try:
        values = json.loads(text)
        if values["v"] != VERSION:
            raise ValueError(f"its version is {values['v']!r}, expected {VERSION}: update the pack")
        given = values.get("given")
        frames = None if given is None else tuple(index for a, b in _ranges(given) for index in range(a, b + 1))
        return Timeline(given=frames, strokes=tuple(_stroke(entry) for entry in values.get("paint", [])))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"the timeline cannot be read ({type(error).__name__}: {error}): clear it to start anew"
        ) from error
    except ValueError as error:
        raise ValueError(f"the timeline cannot be read: {error}") from error


def apply_timeline(mask: Tensor, timeline: Timeline) -> Tensor:
    """Edit a task's mask, bool (T, H, W); frames beyond the end of the clip are passed over."""
    frames, height, width = mask.shape
    edited = mask.clone()
    if timeline.given is not None:
        edited[:] = True
        edited[[index for index in timeline.given if index < frames]] = False
    for stroke in timeline.strokes:
        for frame in range(stroke.first, min(stroke.last, frames - 1) + 1):
            edited[frame][torch.from_numpy(stroke.cover(frame, height, width))] = not stroke.erase
    return edited


def frame_states(mask: Tensor) -> str:
    """One digit for each frame of a mask (T, H, W): 0 given, 1 generated, 2 partly."""
    flat = mask.flatten(1)
    return "".join("1" if all_ else "2" if any_ else "0" for all_, any_ in zip(flat.all(1), flat.any(1), strict=True))


def _stroke(entry: dict[str, Any]) -> Stroke:
    ((first, last),) = _ranges(entry["on"])
    rectangle = "rect" in entry
    numbers = [_number(value) for value in entry["rect" if rectangle else "brush"]]
    if not numbers or len(numbers) % 2 or (rectangle and len(numbers) != 4):
        raise ValueError(f"a stroke has {len(numbers)} numbers, expected x and y of each of its points")
    move = [_number(value) for value in entry.get("move", (0, 0))]
    if len(move) != 2:
        raise ValueError(f"a stroke moves by {len(move)} numbers, expected 2")
    return Stroke(
        first=first,
        last=last,
        points=tuple(zip(numbers[::2], numbers[1::2], strict=True)),
        radius=None if rectangle else _number(entry["r"]),
        erase=bool(entry.get("erase", False)),
        move=(move[0], move[1]),
    )


def _ranges(text: str) -> list[tuple[int, int]]:
    """Pairs of first and last frame of a list such as "0-3,8"; an empty list is one."""
    found = []
    for piece in filter(None, (part.strip() for part in text.split(","))):
        match = _RANGE.fullmatch(piece)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise ValueError(f"{piece!r} is no frame or range, write it like 0-3")
        found.append((int(match[1]), int(match[2] or match[1])))
    return found


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _rectangle(corners: list[Point], height: int, width: int) -> NDArray[np.bool_]:
    (x0, y0), (x1, y1) = corners
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    columns = (min(x0, x1) <= x) & (x < max(x0, x1))
    rows = (min(y0, y1) <= y) & (y < max(y0, y1))
    return rows[:, None] & columns


def _brush(points: list[Point], radius: float, height: int, width: int) -> NDArray[np.bool_]:
    """Pixels within the radius of the line through the points."""
    x, y = np.arange(width) + 0.5, (np.arange(height) + 0.5)[:, None]
    reach = radius * min(height, width)
    covered = np.zeros((height, width), bool)
    way = [(px * width, py * height) for px, py in points]
    for (ax, ay), (bx, by) in zip(way, [*way[1:], way[-1]], strict=True):
        vx, vy = bx - ax, by - ay
        length = vx * vx + vy * vy
        along = ((x - ax) * vx + (y - ay) * vy) / length if length > 0 else np.zeros((height, width))
        along = np.minimum(1.0, np.maximum(0.0, along))
        dx, dy = x - (ax + along * vx), y - (ay + along * vy)
        covered |= dx * dx + dy * dy <= reach * reach
    return covered
