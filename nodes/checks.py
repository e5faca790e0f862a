"""What is wrong in a graph before it runs, for `validate_inputs`: the editor marks the node and says the sentence.

A host hands over None for inputs that a wire brings, and nothing for those without one: what nobody can know yet is
right. It leaves the ranges of the inputs that such a check names to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..vdt.bounds import MAX_FRAMES, check_clip, shown, whole
from ..vdt.inference.settings import MIN_WINDOW
from ..vdt.masks.frame_lists import check_frames, resolve_frame
from ..vdt.masks.outpaint import Sides
from ..vdt.masks.pixel import OPERATIONS
from ..vdt.masks.tasks import Frames, make_task
from ..vdt.masks.timeline import parse_timeline
from .host import files

ABSENT: Any = object()  # the default of inputs without a wire


def verdict(check: Callable[..., object], *arguments: Any) -> bool | str:
    """What `validate_inputs` answers: True, or the sentence of the ValueError that a check raises."""
    try:
        check(*arguments)
    except ValueError as error:
        return str(error)
    return True


def mask(task: str | None, known: str | None, timeline: str | None) -> None:
    """Of VDT Mask: a task that there is, a list of frames that reads, a timeline that reads."""
    if task is not None:
        make_task(task)
    if task == Frames.name and known is not None:
        check_frames(known)
    parse_timeline(timeline or "")


def windows(window: int | None, overlap: int | None) -> None:
    """Of samplers: an overlap that leaves something to generate in a window; 0 is the model's own."""
    if window is not None:
        whole("window", window, 0, MAX_FRAMES)
    if overlap is not None:
        whole("overlap", overlap, 0, MAX_FRAMES)
    if not window:
        return
    if window < MIN_WINDOW:
        raise ValueError(f"got a window of {window} frames: use {MIN_WINDOW} or more, or 0 for the model's own")
    if overlap and overlap > window - 2:
        raise ValueError(
            f"got windows of {window} frames that overlap by {overlap}: use an overlap of 1 to {window - 2}, or 0 for "
            f"half of the window"
        )


def source(length: int | None, size: tuple[int | None, int | None], *connected: Any) -> None:
    """Of VDT Encode: something to encode, and a clip of (height, width) that fits the memory; a 0 follows from it."""
    if all(one is ABSENT for one in connected):
        raise ValueError("nothing to encode: connect images or a video")
    for name, side in zip(("height", "width"), size, strict=True):
        if side is not None:
            whole(name, side, 0)
    if length is not None:
        check_clip(length, (size[0] or 1, size[1] or 1), held=8)


def keyframes(length: int | None, size: tuple[int | None, int | None], places: dict[int, int | None]) -> None:
    """Of VDT Keyframes: places, by the number of their image, inside the clip, and no two the same."""
    if length is None:
        return
    check_clip(length, (size[0] or 1, size[1] or 1), held=8)
    owner: dict[int, int] = {}
    for number, index in places.items():
        if index is None:
            continue
        try:
            place = resolve_frame(index, length)
        except ValueError as error:
            raise ValueError(f"image {number}: {error}") from error
        if place in owner:
            raise ValueError(f"images {owner[place]} and {number} both stand at frame {place}: move one of them")
        owner[place] = number


def sides(left: float | None, top: float | None, right: float | None, bottom: float | None) -> None:
    """Of VDT Outpaint: a side that grows; see `Sides`."""
    if left is not None and top is not None and right is not None and bottom is not None:
        Sides(left=left, top=top, right=right, bottom=bottom)


def combination(operation: str | None, other: Any) -> None:
    """Of VDT Mask Combine: two masks, where the operation takes two."""
    if operation is None:
        return
    if operation not in OPERATIONS:
        raise ValueError(f"unknown operation {shown(operation)}: expected one of {', '.join(OPERATIONS)}")
    if operation != "invert" and other is ABSENT:
        raise ValueError(f"{operation} takes two masks: connect b, or choose invert")


def model_file(folder: str, name: str | None) -> None:
    """Of loaders: a file that is there."""
    if name is not None:
        files.model_path(folder, name)
