"""A mask edited by hand in time and space: which frames are given, and strokes on ranges of frames, as one JSON text.

web/js/timeline/ does the same in the editor (text.js, outline.js, raster.js); a test compares them pixel by pixel.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..bounds import MAX_COORDINATE, MAX_FRAMES, MAX_POINTS, SHOWN, shown
from ..interruption import poll
from .shapes import Numbers, Pixels, Shape, draw_shape

# T frames, H x W pixels; bool masks are True = generate. Points are (x, y) in fractions of width and height.

VERSIONS = (1, 2)  # the second one added oval, poly, hard and keys
KINDS: dict[int, tuple[Shape, ...]] = {1: ("rect", "brush"), 2: ("rect", "oval", "poly", "brush")}
LEAST: dict[Shape, int] = {"rect": 4, "oval": 4, "poly": 6, "brush": 2}  # numbers of an outline
GIVEN, GENERATED, PARTLY = "012"  # states of a frame
_RANGE = re.compile(r"(\d+)(?:-(\d+))?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """One shape on a range of frames; it adds to what is generated, or erases from it.

    The outline stands as it is in the first frame, goes evenly from keyframe to keyframe, and then stays. `move` is the
    way of older texts: how far it has gone at its last frame, evenly from its first one on.
    """

    first: int
    last: int
    kind: Shape
    outline: Numbers  # x, y, x, y, …: two corners (rect, oval), or the points of a poly or a brush
    radius: float = 0.0  # of the brush, in fractions of the shorter side
    hardness: float = 1.0  # of the brush: 1 is a sharp rim, below it thins out from this share of the radius on
    erase: bool = False
    move: tuple[float, float] = (0.0, 0.0)
    keys: tuple[tuple[int, Numbers], ...] = ()

    @property
    def is_moving(self) -> bool:
        """Whether it covers other pixels from frame to frame."""
        return bool(self.keys) or self.move != (0.0, 0.0)

    def outline_at(self, frame: int) -> Numbers:
        """The numbers of its outline in a frame."""
        if not self.keys:
            share = (frame - self.first) / (self.last - self.first) if self.last > self.first else 0.0
            return tuple(value + self.move[place % 2] * share for place, value in enumerate(self.outline))
        before, start = self.first, self.outline
        for after, end in self.keys:
            if frame < after:
                share = (frame - before) / (after - before)
                return tuple(a + (b - a) * share for a, b in zip(start, end, strict=True))
            before, start = after, end
        return start

    def cover(self, frame: int, height: int, width: int) -> Pixels:
        """The pixels it covers in a frame, (H, W): those whose middle lies inside."""
        return draw_shape(
            self.kind, self.outline_at(frame), (height, width), radius=self.radius, hardness=self.hardness
        )


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """All edits: the frames that are given (None leaves them to the task), then strokes in their order."""

    given: tuple[int, ...] | None = None
    strokes: tuple[Stroke, ...] = ()


def parse_timeline(text: str) -> Timeline:
    """Read {"v": 1, "given": "0-3,8", "paint": [{"on": "4-7", "rect": [x0, y0, x1, y1]}, …]}; empty text edits nothing.

    A stroke has `rect` or `oval` (two corners), `poly` [x, y, …], or `brush` [x, y, …] with its radius `r` and perhaps
    `hard`; and perhaps `erase`, and `keys` [[frame, x, y, …], …] or `move` [dx, dy].

    Raises:
        ValueError: says what cannot be read.
    """
    if not text.strip():
        return Timeline()
    try:
        return _timeline(json.loads(text))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        words = {KeyError: f"it lacks {error}", RecursionError: "it is nested too deep"}
        said = words.get(type(error), "an entry is of the wrong kind")
        raise ValueError(f"the timeline cannot be read ({said}): clear it to start anew") from error
    except ValueError as error:
        said = str(error).partition(";")[0]  # Python's advice on long numbers is none for users
        raise ValueError(f"the timeline cannot be read: {said}") from error


def _timeline(values: dict[str, Any]) -> Timeline:
    version = values["v"]
    if isinstance(version, bool) or version not in VERSIONS:
        raise ValueError(f"its version is {shown(version)}, expected 1 or 2: update the pack")
    given = values.get("given")
    frames = None if given is None else tuple(index for a, b in _ranges(given) for index in range(a, b + 1))
    strokes = tuple(_stroke(entry, int(version)) for entry in _list(values.get("paint", [])))
    points = sum(len(stroke.outline) // 2 * (1 + len(stroke.keys)) for stroke in strokes)
    if points > MAX_POINTS:
        raise ValueError(f"its strokes have {points} points, expected at most {MAX_POINTS:,}")
    return Timeline(given=frames, strokes=strokes)


def apply_timeline(mask: Tensor, timeline: Timeline) -> Tensor:
    """Edit a task's mask, bool (T, H, W); frames beyond the end of the clip are passed over."""
    frames, height, width = mask.shape
    edited = mask.clone()
    if timeline.given is not None:
        edited[:] = True
        edited[[index for index in timeline.given if index < frames]] = False
    for stroke in timeline.strokes:
        covered = None  # what does not move is drawn once
        for frame in range(stroke.first, min(stroke.last, frames - 1) + 1):
            poll()
            if covered is None or stroke.is_moving:
                covered = torch.from_numpy(stroke.cover(frame, height, width))
            edited[frame][covered] = not stroke.erase
    return edited


def frame_states(mask: Tensor) -> str:
    """One digit for each frame of a mask (T, H, W): 0 given, 1 generated, 2 partly."""
    flat = mask.flatten(1)
    states = zip(flat.all(1).tolist(), flat.any(1).tolist(), strict=True)
    return "".join(GENERATED if all_ else PARTLY if any_ else GIVEN for all_, any_ in states)


def _stroke(entry: dict[str, Any], version: int) -> Stroke:
    ranges = _ranges(entry["on"])
    if len(ranges) != 1:
        raise ValueError(f"a stroke lies on {len(ranges)} ranges of frames, expected 1")
    first, last = ranges[0]
    kind: Shape = next((each for each in KINDS[version] if each in entry), "brush")
    outline = _outline(entry[kind], kind)
    move = tuple(_number(value) for value in _list(entry.get("move", [0, 0])))
    if len(move) != 2:
        raise ValueError(f"a stroke moves by {len(move)} numbers, expected 2")
    return Stroke(
        first=first,
        last=last,
        kind=kind,
        outline=outline,
        radius=_number(entry["r"]) if kind == "brush" else 0.0,
        hardness=_hardness(entry.get("hard", 1)) if kind == "brush" and version > 1 else 1.0,
        erase=bool(entry.get("erase", False)),
        move=(move[0], move[1]),
        keys=_keys(entry, first, len(outline)) if version > 1 else (),
    )


def _outline(values: Any, kind: Shape) -> Numbers:
    numbers = tuple(_number(value) for value in _list(values))
    least = LEAST[kind]
    if len(numbers) % 2 or len(numbers) < least or (least == 4 and len(numbers) != 4):
        raise ValueError(f"a stroke has {len(numbers)} numbers, expected x and y of each of its points")
    return numbers


def _keys(entry: dict[str, Any], first: int, length: int) -> tuple[tuple[int, Numbers], ...]:
    """Keyframes after the first frame, in order, each with an outline of as many numbers."""
    if "keys" not in entry:
        return ()
    if "move" in entry:
        raise ValueError("a stroke has keys and move, expected one of them")
    keys: list[tuple[int, Numbers]] = []
    for key in _list(entry["keys"]):
        frame, *rest = _list(key) or [None]
        before = keys[-1][0] if keys else first
        if isinstance(frame, bool) or not isinstance(frame, (int, float)) or frame != int(_number(frame)):
            raise ValueError(f"{shown(frame)} is no frame of a keyframe")
        if not before < frame < MAX_FRAMES:
            raise ValueError(f"a keyframe is at frame {shown(frame)}, expected one after {before}")
        if len(rest) != length:
            raise ValueError(f"a keyframe has {len(rest)} numbers, expected {length} as its stroke has")
        keys.append((int(frame), tuple(_number(value) for value in rest)))
    return tuple(keys)


def _hardness(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError(f"the hardness of a brush is {shown(value)}, expected 0 to 1")
    return number


def _list(values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise TypeError(values)
    return values


def _ranges(text: str) -> list[tuple[int, int]]:
    """Pairs of first and last frame of a list such as "0-3,8"; an empty list is one."""
    found: list[tuple[int, int]] = []
    total = 0
    for piece in filter(None, (part.strip() for part in text.split(","))):
        match = _RANGE.fullmatch(piece)
        if match is None:
            raise ValueError(f"{shown(piece)} is no frame or range, write it like 0-3")
        first, last = _frame(match[1]), _frame(match[2] or match[1])
        if last < first:
            raise ValueError(f"{piece!r} is no frame or range, write it like 0-3")
        found.append((first, last))
        total += last - first + 1
        if total > MAX_FRAMES:
            raise ValueError(f"it names more than {MAX_FRAMES:,} frames, expected each once")
    return found


def _frame(digits: str) -> int:
    """The number of a frame, before anything is made of it."""
    if len(digits) > len(str(MAX_FRAMES)) + 1 or int(digits) >= MAX_FRAMES:
        raise ValueError(f"frame {digits[:SHOWN]} is beyond the longest clip, expected 0 to {MAX_FRAMES - 1:,}")
    return int(digits)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise ValueError(f"{shown(value)} is no number")
    if not abs(value) <= MAX_COORDINATE:
        raise ValueError(
            f"{shown(value)} lies far outside the picture, expected at most {MAX_COORDINATE:g} of its sides"
        )
    return float(value)
