"""Whether the ball meets its target: decided from pixels alone, and compared with the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..evaluation.metrics import blur
from ..evaluation.records import Floats, Frames, Mask
from .ball_tracker import colour_similarity, tint

if TYPE_CHECKING:
    from .scenes import SceneClip

Masks = NDArray[np.bool_]

# In 64ths of the frame's width. On 139 true val clips these two are right in 99 %, heavily blurred and noisy or not.
CONTACT_GAP = 1.5  # between the outlines, at most
CONTACT_SHIFT = 0.3  # of a target that stood still, at least


def touches(frames: Frames, clip: SceneClip, generated: Mask) -> bool:
    """Whether ball and target meet in the generated frames.

    Args:
        frames: (T, H, W, 3) uint8, a generated or a true clip.
        clip: the scene, of which only the two colours are used.
        generated: (T,) bool.
    """
    return pixels_touch(frames, clip.colours, generated)


def pixels_touch(frames: Frames, colours: Sequence[ArrayLike] | NDArray[np.generic], generated: Mask) -> bool:
    """Whether two things of these colours, ball and target, meet in the generated frames.

    Their outlines must come within CONTACT_GAP. A target that stood still must also be pushed from its place by
    CONTACT_SHIFT, since a ball may pass in front of it or behind it.
    """
    unit = frames.shape[2] / 64
    ball, target = (colour_similarity(frames, colours[index]) for index in (0, 1))
    gaps = np.array([outline_gap(b > 0.5, t > 0.5) for b, t in zip(ball, target, strict=True)])
    near = generated & (gaps <= CONTACT_GAP * unit)
    if not near.any():
        return False
    picture = blur(tint(frames, colours[1])[..., None], sigma=0.8 * unit, radius=round(3 * unit))[..., 0]
    hidden, region = _dilated(ball > 0.3, round(2 * unit)), _dilated(target > 0.5, round(3 * unit))
    given = np.flatnonzero(~generated)
    if len(given) > 1 and _shift(picture, hidden, region, given[:1], int(given[-1])) >= 2 * CONTACT_SHIFT * unit:
        return True  # it was moving on its own, so only nearness can tell
    later = np.flatnonzero(generated & (np.arange(len(generated)) >= near.argmax()))
    return max(_shift(picture, hidden, region, given, int(t)) for t in later) >= CONTACT_SHIFT * unit


def contact_to_predict(clip: SceneClip, generated: Mask) -> bool | None:
    """Whether ball and target truly meet after the given frames.

    None where there is nothing to predict: no target, contact already in the given frames, or given frames that are
    not just the first ones.
    """
    given = int((~generated).sum())
    if len(clip.colours) < 2 or generated[:given].any() or 0 <= clip.contact_frame < given:
        return None
    return given <= clip.contact_frame < len(generated)


def outline_gap(first: Masks, second: Masks) -> float:
    """Pixels between two masks (H, W); 0 if they adjoin, infinite if one is empty."""
    a, b = np.argwhere(first), np.argwhere(second)
    if not len(a) or not len(b):
        return float("inf")
    squared = ((a[:, None] - b[None]) ** 2).sum(-1)
    return max(float(np.sqrt(squared.min())) - 1, 0.0)


def _shift(picture: Floats, hidden: Masks, region: Masks, reference: NDArray[np.intp], frame: int) -> float:
    """Pixels a target moved between the mean of the reference frames and one frame (Lucas and Kanade 1981).

    Only pixels near the target's place in the reference, and not behind the ball, take part. Blur and noise have no
    direction, so neither looks like a shift.
    """
    shown = ~hidden[reference]
    mean = (picture[reference] * shown).sum(0) / np.maximum(shown.sum(0), 1)
    part = region[reference].any(0) & shown.any(0) & ~hidden[frame]
    if part.sum() < 6:
        return 0.0
    gradient = np.stack([g[part] for g in np.gradient(mean)], axis=1)
    change = (mean - picture[frame])[part]
    return float(np.linalg.norm(np.linalg.solve(gradient.T @ gradient + 0.01 * np.eye(2), gradient.T @ change)))


def _dilated(masks: Masks, steps: int) -> Masks:
    """Masks (T, H, W) dilated by `steps` px in the four directions."""
    for _ in range(steps):
        padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
        masks = masks | padded[:, 2:, 1:-1] | padded[:, :-2, 1:-1] | padded[:, 1:-1, 2:] | padded[:, 1:-1, :-2]
    return masks
