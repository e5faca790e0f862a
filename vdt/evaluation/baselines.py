"""Baselines that need no network and know nothing of what a clip shows: hold a given frame, or cross-fade two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .records import Frames, Mask


def copy_last(frames: Frames, generated: Mask) -> Frames:
    """Every generated frame repeats the last given frame before it (the first given one if there is none before).

    Args:
        frames: (T, H, W, 3) uint8; only given frames are read.
        generated: (T,) bool.
    """
    return frames[last_given(generated)]


def linear_blend(frames: Frames, generated: Mask) -> Frames:
    """Every generated frame is the cross-fade of its given neighbours; outside them the nearest one is repeated."""
    given = given_indices(generated)
    position = np.interp(np.arange(len(generated)), given, np.arange(len(given)))
    low = np.floor(position).astype(int)
    share = (position - low)[:, None, None, None]
    high = np.minimum(low + 1, len(given) - 1)
    blended = frames[given[low]] * (1 - share) + frames[given[high]] * share
    return np.round(blended).astype(np.uint8)


def simple_baselines(frames: Frames, generated: Mask) -> dict[str, Frames]:
    """`copy_last`, and `linear_blend` where some generated frames lie between given ones."""
    made = {"copy_last": copy_last(frames, generated)}
    return made | {"linear_blend": linear_blend(frames, generated)} if has_gaps(generated) else made


def has_gaps(generated: Mask) -> bool:
    """Whether some generated frames of a clip, bool (T,), lie between given ones."""
    given = given_indices(generated)
    return bool(generated[given[0] : given[-1]].any())


def last_given(generated: Mask) -> NDArray[np.intp]:
    """For each frame the index of the last given one up to it (of the first given one if there is none), (T,)."""
    return given_indices(generated)[np.maximum(np.cumsum(~generated) - 1, 0)]


def given_indices(generated: Mask) -> NDArray[np.intp]:
    """The indices of the given frames of a mask (T,); ValueError if there are none."""
    given = np.flatnonzero(~generated)
    if not len(given):
        raise ValueError("the analytic baselines need at least one given frame, got none: choose another task")
    return given
