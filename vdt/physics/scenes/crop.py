"""Scenes in other shapes than squares: the middle of a larger picture, with its truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .render import SceneClip


def crop_scene(clip: SceneClip, height: int, width: int) -> SceneClip:
    """The middle (height, width) of a clip, which is at least as large.

    Centres move with the picture, and an object is in view by the share of its silhouette that is left. contact_frame
    stays: what happens beyond the edges happens all the same.
    """
    rows, columns = clip.frames.shape[1:3]
    if (rows, columns) == (height, width):
        return clip
    top, left = (rows - height) // 2, (columns - width) // 2
    part = (..., slice(top, top + height), slice(left, left + width))
    silhouettes = clip.silhouettes[part]
    whole = clip.silhouettes.sum((2, 3))
    share = np.divide(silhouettes.sum((2, 3)), whole, out=np.zeros(whole.shape), where=whole > 0)
    return replace(
        clip,
        frames=clip.frames[:, top : top + height, left : left + width],
        centres=clip.centres - np.array([left, top], np.float32),
        visible=(clip.visible * share).astype(np.float32),
        silhouettes=silhouettes,
    )
