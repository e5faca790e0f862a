"""Images and short clips set at places of a longer clip; what lies between them is to be generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..bounds import check_clip
from ..media.frames import PLACEHOLDER, FitMode, fit_frames
from .tasks import over_cells

LOOP_LEAD = 8  # frames of its beginning that a loop ends with, so that the way back lies inside of it


@dataclass(frozen=True, kw_only=True, eq=False)
class Keyframe:
    """uint8 frames (n, H, W, 3) at an index: from 0 on where the first of them stands, negative where the last does."""

    frames: np.ndarray
    index: int


@dataclass(frozen=True, kw_only=True, eq=False)
class KeyframeClip:
    """A grey clip, uint8 (T, H, W, 3), with the given frames in it; mask bool (T, H, W), True = generate."""

    frames: np.ndarray
    mask: Tensor


def place_keyframes(
    keyframes: Sequence[Keyframe], length: int, size: tuple[int, int], mode: FitMode = "crop"
) -> KeyframeClip:
    """Set keyframes into a clip of `length` frames of `size` (height, width).

    Raises ValueError for a keyframe that leaves the clip or stands where another does, and if none is left to generate.
    """
    check_clip(length, size)
    clip = np.full((length, *size, 3), PLACEHOLDER, np.uint8)
    owner: dict[int, int] = {}
    for number, keyframe in enumerate(keyframes, start=1):
        places = _places(keyframe, number, length)
        taken = [place for place in places if place in owner]
        if taken:
            raise ValueError(
                f"images {owner[taken[0]]} and {number} both stand at frame {taken[0]} of {length}: move one of them"
            )
        owner.update(dict.fromkeys(places, number))
        clip[places.start : places.stop] = fit_frames(keyframe.frames, size, mode)
    if len(owner) == length:
        raise ValueError(f"the images fill all {length} frames: nothing is left to generate, so make the clip longer")
    return _clip(clip, [place not in owner for place in range(length)])


def _places(keyframe: Keyframe, number: int, length: int) -> range:
    count = len(keyframe.frames)
    start = keyframe.index if keyframe.index >= 0 else length + keyframe.index - count + 1
    if start < 0 or start + count > length:
        what = f"frame {keyframe.index}" if count == 1 else f"{count} frames at {keyframe.index}"
        raise ValueError(
            f"image {number} ({what}) does not fit into a clip of {length} frames: "
            f"use 0 to {length - count} for its first frame, or -1 to {count - length - 1} for its last"
        )
    return range(start, start + count)


def connect_clips(first: np.ndarray, second: np.ndarray | None, count: int) -> KeyframeClip:
    """One clip, `count` frames to generate, then the other: uint8 frames (n, H, W, 3) and (m, H, W, 3).

    Without a second one the first becomes a loop: it begins at `loop_start`, so that its end leads to its beginning
    inside of the result, and the last frame of that is followed by its first one as they were in the clip.
    """
    if second is None:
        start = loop_start(len(first))
        first, second = first[start:], first[:start]
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(
            f"the first clip is {_shown(first)}, the second {_shown(second)}: bring both to one size with VDT Encode"
        )
    if count < 1:
        raise ValueError(f"got {count} frames between the clips, expected 1 or more")
    check_clip(len(first) + count + len(second), first.shape[1:3])
    missing = np.full((count, *first.shape[1:]), PLACEHOLDER, np.uint8)
    generated = [False] * len(first) + [True] * count + [False] * len(second)
    return _clip(np.concatenate([first, missing, second]), generated)


def loop_start(length: int) -> int:
    """The frame of a clip of so many frames that its loop starts with; ValueError for fewer than 2."""
    if length < 2:
        raise ValueError(f"a loop needs a clip of 2 frames or more, got {length}: give a longer one, or a second clip")
    return min(LOOP_LEAD, length // 2)


def spread_frames(frames: np.ndarray, every: int) -> KeyframeClip:
    """A clip (n, H, W, 3) with every - 1 frames to generate between each two of its own."""
    if every < 2 or len(frames) < 2:
        raise ValueError(
            f"got every = {every} and a clip of {len(frames)} frames, expected 2 or more of each: there is nothing "
            f"between them otherwise"
        )
    check_clip((len(frames) - 1) * every + 1, frames.shape[1:3])
    clip = np.full(((len(frames) - 1) * every + 1, *frames.shape[1:]), PLACEHOLDER, np.uint8)
    clip[::every] = frames
    return _clip(clip, [index % every != 0 for index in range(len(clip))])


def _clip(frames: np.ndarray, generated: Sequence[bool]) -> KeyframeClip:
    """A clip of which whole frames are generated."""
    return KeyframeClip(frames=frames, mask=over_cells(torch.tensor(generated), *frames.shape[1:3]))


def _shown(frames: np.ndarray) -> str:
    return f"{frames.shape[2]}x{frames.shape[1]}"
