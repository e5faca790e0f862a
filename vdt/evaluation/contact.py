"""Decides from pixels alone whether the ball meets its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .metrics import blur
from .readout import Floats, likeness, tint

if TYPE_CHECKING:
    from ..data.scenes import SceneClip

Masks = NDArray[np.bool_]

# In 64ths of the frame's width. On 139 true val clips these two give 99 % right; heavy blur and noise leave it there.
CONTACT_GAP = 1.5  # between the outlines, at most
CONTACT_SHIFT = 0.3  # of a target that stood still, at least


def touches(frames: NDArray[np.uint8], clip: SceneClip, known: Masks) -> bool:
    """Whether ball and target meet in the generated frames.

    Their outlines must come within CONTACT_GAP. A target that stood still must also be pushed from its place by
    CONTACT_SHIFT, since a ball may pass before or behind it.

    Args:
        frames: (T, H, W, 3) uint8, a generated or a true clip.
        clip: the scene, of which only the two colours are used.
        known: (T,) bool, True where the frame was given.
    """
    unit = frames.shape[2] / 64
    ball, target = (likeness(frames, clip.colours[index]) for index in (0, 1))
    gaps = np.array([outline_gap(b > 0.5, t > 0.5) for b, t in zip(ball, target, strict=True)])
    near = ~known & (gaps <= CONTACT_GAP * unit)
    if not near.any():
        return False
    picture = blur(tint(frames, clip.colours[1])[..., None], sigma=0.8 * unit, radius=round(3 * unit))[..., 0]
    hidden, region = _grown(ball > 0.3, round(2 * unit)), _grown(target > 0.5, round(3 * unit))
    given = np.flatnonzero(known)
    if len(given) > 1 and _shift(picture, hidden, region, given[:1], int(given[-1])) >= 2 * CONTACT_SHIFT * unit:
        return True  # it was moving on its own, so only nearness can tell
    later = np.flatnonzero(~known & (np.arange(len(known)) >= near.argmax()))
    return max(_shift(picture, hidden, region, given, int(t)) for t in later) >= CONTACT_SHIFT * unit


def outline_gap(first: Masks, second: Masks) -> float:
    """Pixels between two masks (H, W); 0 if they adjoin, infinite if one is empty."""
    a, b = np.argwhere(first), np.argwhere(second)
    if not len(a) or not len(b):
        return float("inf")
    squared = ((a[:, None] - b[None]) ** 2).sum(-1)
    return max(float(np.sqrt(squared.min())) - 1, 0.0)


def _shift(picture: Floats, hidden: Masks, region: Masks, reference: NDArray[np.intp], frame: int) -> float:
    """Pixels a target moved between its mean look in the reference frames and one frame (Lucas and Kanade 1981).

    Only pixels near the target's place in the reference, and not behind the ball, take part: blur is even and noise
    blind in direction, so neither looks like a shift.
    """
    shown = ~hidden[reference]
    mean = (picture[reference] * shown).sum(0) / np.maximum(shown.sum(0), 1)
    part = region[reference].any(0) & shown.any(0) & ~hidden[frame]
    if part.sum() < 6:
        return 0.0
    gradient = np.stack([g[part] for g in np.gradient(mean)], axis=1)
    change = (mean - picture[frame])[part]
    return float(np.linalg.norm(np.linalg.solve(gradient.T @ gradient + 0.01 * np.eye(2), gradient.T @ change)))


def _grown(masks: Masks, steps: int) -> Masks:
    """Masks (T, H, W) grown by steps px in the four directions."""
    for _ in range(steps):
        padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
        masks = masks | padded[:, 2:, 1:-1] | padded[:, :-2, 1:-1] | padded[:, 1:-1, 2:] | padded[:, 1:-1, :-2]
    return masks
