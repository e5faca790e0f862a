"""Bounds of what graphs, files and requests may ask of the studio, and the checks that hold them, in one place.

Numbers are held against these before they become sizes; each check raises ValueError with what it got, what it expected
and what to do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from vdt.bounds import MAX_FRAMES, MAX_SIDE, check_bytes, shown

MAX_NODES = 10_000  # of a graph, subgraphs taken apart
MAX_LEVELS = 64  # of subgraphs within each other, and of lists and objects within a value
MAX_PIXELS = 89_478_485  # of one picture: where Pillow begins to warn of decompression bombs
MAX_TEXT = 64 << 20  # bytes of a graph in a file
MAX_INT = 2**64 - 1  # a whole number that no input states a bound for: the largest seed
MAX_PREVIEW = 2048  # pixels along the side of a preview
MAX_WAITING = 10_000  # prompts in the queue
MAX_NAME = 255  # bytes of a file name, as all common file systems have it
VALUE_BYTES = 4  # of one number of an IMAGE or MASK


class LimitError(ValueError):
    """More than the studio takes on; one sentence for the user."""


def check_picture(name: str, width: int, height: int, frames: int = 1) -> None:
    """Refuse a picture file before it is decoded, by the size that its header states."""
    if width * height > MAX_PIXELS:
        raise LimitError(
            f"'{name}' is {width}x{height}, {width * height / 1e6:.0f} million pixels, expected at most "
            f"{MAX_PIXELS / 1e6:.0f}: make it smaller"
        )
    if frames > MAX_FRAMES:
        raise LimitError(f"'{name}' has {frames} frames, expected at most {MAX_FRAMES}: cut it")
    check_memory(f"'{name}'", (frames, height, width, 4), factor=2)


def check_batch(what: str, frames: int, height: int, width: int, channels: int = 3) -> None:
    """Refuse a batch of images or masks that no machine, or not this one, can hold."""
    if not (0 < frames <= MAX_FRAMES and 0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise LimitError(
            f"{what} would be {shown(frames)} frames of {shown(width)}x{shown(height)}, expected at most {MAX_FRAMES} "
            f"frames and 1 to {MAX_SIDE} pixels a side"
        )
    check_memory(what, (frames, height, width, channels))


def check_memory(what: str, shape: Sequence[int], *, factor: float = 1.0) -> None:
    """Refuse float numbers of this shape, `factor` times over, that do not fit into free memory."""
    size = f"{shape[0]} frames of {shape[2]}x{shape[1]}"
    check_bytes(factor * VALUE_BYTES * math.prod(shape), f"{what} of {size} takes", error=LimitError)


def depth_of(value: Any) -> int:
    """How many lists and objects stand within each other; stops counting beyond what is allowed."""
    level, values = 0, [value]
    while values and level <= MAX_LEVELS:
        containers = [item for item in values if isinstance(item, (dict, list))]
        values = [item for each in containers for item in (each.values() if isinstance(each, dict) else each)]
        level += bool(containers)
        if not containers:
            break
    return level
