"""How a thrown ball moves, measured on its track in pixels: gravity, bounces and energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..evaluation.records import Floats, Mask
from .ball_tracker import Track

if TYPE_CHECKING:
    from .scenes import SceneClip

AIRBORNE = 2.0  # px above the lowest centre of the clip from which a ball counts as flying


@dataclass(frozen=True, kw_only=True)
class Motion:
    """The measurements of one clip; NaN where they cannot be taken.

    gravity: median second difference of the height in flight, px per frame squared, positive downwards.
    bounce: speed after a bounce over the speed before it, mean over bounces.
    energy_rise: largest rise of the ball's energy in flight above its lowest value before, over its first value.
    """

    gravity: float
    bounce: float
    energy_rise: float


NOT_MEASURED = Motion(gravity=float("nan"), bounce=float("nan"), energy_rise=float("nan"))


def motion(centres: Floats, present: NDArray[np.bool_], gravity: float | None = None) -> Motion:
    """Measure the motion of centres (T, 2) px, y downwards, of consecutive frames.

    Args:
        centres: tracked centres.
        present: (T,) bool; a clip with a frame without the ball is not measured.
        gravity: of the truth, for the energy; None is the one measured here.
    """
    if len(centres) < 4 or not present.all():
        return NOT_MEASURED
    x, y = centres.T
    height = y.max() - y
    high = height > AIRBORNE
    falls = -np.diff(height, 2)  # at frames 1 to T - 2
    flying = high[1:-1]
    measured = float(np.median(falls[flying])) if flying.sum() >= 2 else float("nan")
    rise = _energy_rise(x, height, high, measured if gravity is None else gravity)
    return Motion(gravity=measured, bounce=_bounce(height, high), energy_rise=rise)


def thrown_motion(track: Track, clip: SceneClip, generated: Mask) -> Motion:
    """`motion` of a thrown ball that is predicted forwards, from the last two given frames on.

    NOT_MEASURED for other scenes and tasks; the energy is taken in the truth's own gravity.
    """
    given = int((~generated).sum())
    if clip.family != "projectile" or generated[:given].any():
        return NOT_MEASURED
    start = max(0, given - 2)
    truth = motion(clip.centres[0, start:].astype(np.float64), clip.visible[0, start:] > 0.9)
    return motion(track.centres[start:], track.present[start:], truth.gravity)


def _bounce(height: Floats, high: NDArray[np.bool_]) -> float:
    """A bounce is a turn upwards near the floor, with two frames on either side."""
    speed = np.diff(height)
    ratios = [
        speed[t : t + 2].max() / -speed[t - 2 : t].min()
        for t in range(2, len(height) - 2)
        if height[t] <= height[t - 1] and height[t] < height[t + 1] and not high[t] and speed[t - 2 : t].min() < -0.5
    ]
    return float(np.mean(ratios)) if ratios else float("nan")


def _energy_rise(x: Floats, height: Floats, high: NDArray[np.bool_], gravity: float) -> float:
    free = high[:-2] & high[1:-1] & high[2:]  # no bounce between the frames that a speed is taken from
    if not gravity > 0 or free.sum() < 2:
        return float("nan")
    kinetic = 0.5 * (_speed(x) ** 2 + _speed(height) ** 2)
    energy = (kinetic + gravity * height[1:-1])[free]
    rise = (energy - np.minimum.accumulate(energy)).max()
    return float(rise / max(energy[0], 1e-6))


def _speed(values: Floats) -> Floats:
    """Central differences, at frames 1 to T - 2."""
    return (values[2:] - values[:-2]) / 2
