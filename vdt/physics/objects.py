"""What became of each object of a scene: is it there, is its outline right, has it kept its colour.

In a picture an object is found by its hue, which no other thing in a scene has; so an object that dissolves loses area
and outline, and one that changes colour is gone. In the true picture the simulator's silhouette says which pixels can
be it, and the same hue, with its soft edge, which are: so the truth scores exactly 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..evaluation.records import Floats, Frames, Mask
from .ball_tracker import VISIBLE_SHARE

if TYPE_CHECKING:
    from .scenes import SceneClip

HUE_TOLERANCE = 0.07  # of the circle of hues; the objects of a scene lie 0.33 or more apart
LEAST_SATURATION = 0.45  # floor, sky and scenery stay below 0.25
PRESENT_AREA = 0.3  # of the true area
SRGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])  # D65


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectScore:
    """One object in the generated frames of one clip; every value (T,), NaN where the true object is hardly in view.

    iou: of the region found with the true one. present: 1 if it has 30 % of the true area, else 0. delta_e: CIE76
    distance of the mean colours inside the true silhouette, generated and true. levels: mean absolute difference in
    levels of the mean colours of the region found and of the true one, wherever it is; NaN where none is found.
    """

    iou: Floats
    present: Floats
    delta_e: Floats
    levels: Floats


def score_object(frames: Frames, clip: SceneClip, number: int, generated: Mask) -> ObjectScore:
    """Compare object `number` of a clip (0 is the tracked ball, 1 its target) with the truth.

    Args:
        frames: uint8 (T, H, W, 3), a version of the clip.
        clip: the scene with its truth.
        number: of the object.
        generated: bool (T,): only these frames are scored.
    """
    silhouettes = clip.silhouettes[number]
    found = object_region(frames, clip.colours[number])
    true, true_lab, true_rgb = _truth(clip, number)
    area = true.sum((1, 2))
    scored = generated & (clip.visible[number] >= VISIBLE_SHARE) & (area > 0)
    values = {
        "iou": (found & true).sum((1, 2)) / np.maximum((found | true).sum((1, 2)), 1),
        "present": (found.sum((1, 2)) >= PRESENT_AREA * area).astype(np.float64),
        "delta_e": np.linalg.norm(lab(mean_colour(frames, silhouettes)) - true_lab, axis=-1),
        "levels": np.abs(mean_colour(frames, found) - true_rgb).mean(-1),
    }
    return ObjectScore(**{name: np.where(scored, value, np.nan) for name, value in values.items()})


@lru_cache(maxsize=2)  # every method is compared with the same truth, of ball and target
def _truth(clip: SceneClip, number: int) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """The true region of an object, the Lab colour of its silhouette and the RGB of its region, by frame."""
    silhouettes = clip.silhouettes[number]
    true = object_region(clip.frames, clip.colours[number]) & widened(silhouettes)
    return true, lab(mean_colour(clip.frames, silhouettes)), mean_colour(clip.frames, true)


def object_region(frames: Frames, colour: ArrayLike) -> NDArray[np.bool_]:
    """The pixels of an object's hue, bool (T, H, W); frames uint8 (T, H, W, 3), colour RGB 0..255."""
    hue, saturation = hue_and_saturation(frames)
    (own,), _ = hue_and_saturation(np.asarray(colour, dtype=np.float64).reshape(1, 3))
    apart = np.abs(hue - own)
    return (np.minimum(apart, 1 - apart) <= HUE_TOLERANCE) & (saturation >= LEAST_SATURATION)


def widened(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Masks (T, H, W) with a border of one pixel, corners included."""
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    rows = padded[:, 2:] | padded[:, 1:-1] | padded[:, :-2]
    return rows[:, :, 2:] | rows[:, :, 1:-1] | rows[:, :, :-2]  # type: ignore[no-any-return]


def mean_colour(frames: Frames, region: NDArray[np.bool_]) -> Floats:
    """Mean RGB of a region of each frame, (T, 3) in levels; NaN where it is empty."""
    count = region.sum((1, 2))
    sums = np.einsum("thwc,thw->tc", frames.astype(np.float64), region)
    return np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], np.nan)


def lab(rgb: Floats) -> Floats:
    """CIE L*a*b* under D65 of sRGB levels (..., 3)."""
    encoded = rgb / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    xyz = linear @ SRGB_TO_XYZ.T / WHITE
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def hue_and_saturation(rgb: NDArray[np.generic]) -> tuple[Floats, Floats]:
    """Hue in turns, 0 to 1, and saturation, 0 to 1, of levels (..., 3)."""
    values = rgb.astype(np.float64)
    red, green, blue = np.moveaxis(values, -1, 0)
    top = values.max(-1)
    chroma = top - values.min(-1)
    safe = np.where(chroma > 0, chroma, 1)
    hue = np.select(
        [top == red, top == green], [((green - blue) / safe) % 6, (blue - red) / safe + 2], (red - green) / safe + 4
    )
    return hue / 6, chroma / np.maximum(top, 1)
