"""Images and short clips set at places of a longer clip; what lies between them is to be generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .frames import FitPolicy, fit_frames
from .planner import PLACEHOLDER


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
    keyframes: Sequence[Keyframe], length: int, size: tuple[int, int], policy: FitPolicy = "crop"
) -> KeyframeClip:
    """Set keyframes into a clip of `length` frames of `size` (height, width).

    Raises ValueError for a keyframe that leaves the clip or stands where another does, and if none is left to generate.
    """
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
        clip[places.start : places.stop] = fit_frames(keyframe.frames, size, policy)
    if len(owner) == length:
        raise ValueError(f"the images fill all {length} frames: nothing is left to generate, so make the clip longer")
    generate = torch.tensor([place not in owner for place in range(length)])
    return KeyframeClip(frames=clip, mask=generate[:, None, None].expand(length, *size).clone())


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
