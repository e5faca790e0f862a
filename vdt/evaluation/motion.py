"""Whether a thrown ball moves as thrown balls do: gravity, bounces and energy, read from its track in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .readout import Floats

AIRBORNE = 2.0  # px above the lowest centre of the clip from which a ball counts as flying


@dataclass(frozen=True, kw_only=True)
class Motion:
    """One clip's numbers; NaN where it cannot tell.

    gravity: median second difference of the height in flight, px per frame squared, positive downwards.
    bounce: speed after a bounce over the speed before it, mean over bounces.
    energy_rise: largest rise of the ball's energy in flight above its lowest value before, over its first value.
    """

    gravity: float
    bounce: float
    energy_rise: float


NOTHING = Motion(gravity=float("nan"), bounce=float("nan"), energy_rise=float("nan"))


def motion(centres: Floats, present: NDArray[np.bool_], gravity: float | None = None) -> Motion:
    """Measure centres (T, 2) px, y downwards, of consecutive frames.

    Args:
        centres: tracked centres.
        present: (T,) bool; a clip with a frame without the ball tells nothing.
        gravity: of the truth, for the energy; None takes the one measured here.
    """
    if len(centres) < 4 or not present.all():
        return NOTHING
    x, y = centres.T
    height = y.max() - y
    high = height > AIRBORNE
    falls = -np.diff(height, 2)  # at frames 1 to T - 2
    flying = high[1:-1]
    measured = float(np.median(falls[flying])) if flying.sum() >= 2 else float("nan")
    rise = _energy_rise(x, height, high, measured if gravity is None else gravity)
    return Motion(gravity=measured, bounce=_bounce(height, high), energy_rise=rise)


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
