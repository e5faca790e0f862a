"""Still places of generated frames, shown as the given frame nearest in time shows them.

The autoencoder loses detail and tints what is far from what moves; a place that the model left as it was needs none of
that. Measured on long clips (LOG.md, 2026-11-25): colour drift, flicker and the seam after the given frames all shrink.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

# Frames are uint8 (H, W, 3). Differences are in levels of 255.

STILL = 24.0  # a place that changes by so much, or more, has changed
SHARPNESS = 4  # of the step from still to changed
SIGMA, RADIUS = 1.0, 2  # of the blur over places, in pixels


@dataclass(frozen=True, kw_only=True, eq=False)
class Anchor:
    """A frame that is given whole: its place in the clip, itself, and what the autoencoder makes of it."""

    index: int
    given: np.ndarray
    decoded: np.ndarray


def anchor_places(generated: Tensor) -> list[int]:
    """The frames of a mask, bool (T, ...), that `hold_still` needs: those given whole beside others."""
    new = generated.flatten(1).any(1).tolist()
    beside = [before or after for before, after in zip([False, *new], [*new[1:], False], strict=False)]
    return [index for index, (own, next_to) in enumerate(zip(new, beside, strict=True)) if next_to and not own]


def pair_anchors(places: Sequence[int], given: np.ndarray, decoded: np.ndarray) -> list[Anchor]:
    """Anchors of given frames and what the autoencoder makes of them, (n, H, W, 3) each."""
    each = zip(places, given, decoded, strict=True)
    return [Anchor(index=place, given=frame, decoded=shown) for place, frame, shown in each]


def hold_still(
    frames: np.ndarray,
    places: Sequence[int],
    anchors: Sequence[Anchor],
    threshold: float = STILL,
    *,
    onto: np.ndarray | None = None,
) -> np.ndarray:
    """Frames (n, H, W, 3) at `places` of a clip with their still parts taken from the anchors, in order, around them.

    A place is still where the frame and the decoded anchor differ little; between two anchors both count, by their
    distance in time. Elsewhere `onto`, frames of the same size, is shown: the frames themselves if it is None.
    A threshold of 0 holds nothing.
    """
    shown = frames if onto is None else onto
    if threshold <= 0 or not anchors:
        return shown
    each = zip(frames, shown, places, strict=True)
    return np.stack([_held(frame, other, at, anchors, threshold) for frame, other, at in each])


def _held(frame: np.ndarray, onto: np.ndarray, at: int, anchors: Sequence[Anchor], threshold: float) -> np.ndarray:
    after = bisect(anchors, at, key=lambda anchor: anchor.index)
    sides = anchors[max(0, after - 1) : after + 1]  # one at an end of the clip
    mixed = np.zeros(frame.shape, np.float32)
    for anchor in sides:
        share = 1.0 if len(sides) == 1 else 1 - abs(at - anchor.index) / (sides[1].index - sides[0].index)
        still = _stillness(frame, anchor.decoded, threshold)[..., None]
        mixed += share * (still * anchor.given + (1 - still) * onto)
    return mixed.round().astype(np.uint8)


def _stillness(frame: np.ndarray, anchor: np.ndarray, threshold: float) -> np.ndarray:
    """1 where nothing has changed, 0 where something has or is next to it: float32 (H, W)."""
    change = np.abs(frame.astype(np.float32) - anchor).mean(-1)  # (H, W)
    grown = F.max_pool2d(torch.from_numpy(change)[None, None], 3, stride=1, padding=1)  # a soft edge has changed too
    window = torch.exp(-0.5 * (torch.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    window /= window.sum()
    padded = F.pad(grown, (RADIUS,) * 4, mode="replicate")
    blurred = F.conv2d(F.conv2d(padded, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    return rearrange(torch.exp(-((blurred / threshold) ** SHARPNESS)), "1 1 h w -> h w").numpy()
