"""Static-background hold: still places of generated frames are shown as the nearest given frame shows them.

The autoencoder loses detail and shifts colours everywhere, also where nothing moves; there the given frame is at hand.
Measured on long clips (LOG.md, 2026-11-25): colour drift, flicker and the seam after the given frames all shrink.
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

from ..interruption import poll

# Frames are uint8 (H, W, 3). Differences are in levels of 255.

SHARPNESS = 4  # of the step from still to changed
SIGMA, RADIUS = 1.0, 2  # of the blur over places, in pixels


@dataclass(frozen=True, kw_only=True, eq=False)
class ReferenceFrame:
    """A frame that is given whole: its place in the clip, itself, and what the codec makes of it."""

    index: int
    given: np.ndarray
    decoded: np.ndarray


def reference_places(generated: Tensor) -> list[int]:
    """The frames that serve as references under a mask, bool (T, ...): those given whole, next to generated ones."""
    new = [False, *generated.flatten(1).any(1).tolist(), False]
    return [index - 1 for index in range(1, len(new) - 1) if not new[index] and (new[index - 1] or new[index + 1])]


def hold_background(
    frames: np.ndarray,
    places: Sequence[int],
    references: Sequence[ReferenceFrame],
    threshold: float,
    *,
    onto: np.ndarray | None = None,
) -> np.ndarray:
    """Frames whose still places show what the reference frames around them show, and whose other places show `onto`.

    A place is still where the frame and what the codec makes of the reference differ by less than about `threshold`
    levels. Between two references both count, by their distance in time.

    Args:
        frames: uint8 (n, H, W, 3), as the codec decoded them.
        places: where each of them stands in the clip.
        references: in the order of their places.
        threshold: in levels of 255; 0 or less holds nothing.
        onto: uint8 (n, H, W, 3), shown where something has changed; None is the frames themselves.
    """
    shown = frames if onto is None else onto
    if threshold <= 0 or not references:
        return shown
    each = zip(frames, shown, places, strict=True)
    return np.stack([_held(frame, other, at, references, threshold) for frame, other, at in each])


def _held(
    frame: np.ndarray, onto: np.ndarray, at: int, references: Sequence[ReferenceFrame], threshold: float
) -> np.ndarray:
    poll()
    after = bisect(references, at, key=lambda reference: reference.index)
    sides = references[max(0, after - 1) : after + 1]  # one at an end of the clip
    mixed = np.zeros(frame.shape, np.float32)
    for reference in sides:
        share = 1.0 if len(sides) == 1 else 1 - abs(at - reference.index) / (sides[1].index - sides[0].index)
        still = _stillness(frame, reference.decoded, threshold)[..., None]
        mixed += share * (still * reference.given + (1 - still) * onto)
    return mixed.round().astype(np.uint8)


def _stillness(frame: np.ndarray, reference: np.ndarray, threshold: float) -> np.ndarray:
    """1 where nothing has changed, 0 where something has or is next to it: float32 (H, W)."""
    change = np.abs(frame.astype(np.float32) - reference).mean(-1)  # (H, W)
    grown = F.max_pool2d(torch.from_numpy(change)[None, None], 3, stride=1, padding=1)  # a soft edge has changed too
    window = torch.exp(-0.5 * (torch.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    window /= window.sum()
    padded = F.pad(grown, (RADIUS,) * 4, mode="replicate")
    blurred = F.conv2d(F.conv2d(padded, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    return rearrange(torch.exp(-((blurred / threshold) ** SHARPNESS)), "1 1 h w -> h w").numpy()
