"""Colours of things that move: vivid, and each of a hue of its own."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np

from .spec import Rgb


def vivid(hue: float, rng: np.random.Generator) -> Rgb:
    """A vivid colour of a hue, where 1 is once around."""
    return colorsys.hsv_to_rgb(hue % 1.0, float(rng.uniform(0.85, 1.0)), float(rng.uniform(0.8, 1.0)))


def free_hue(taken: Sequence[Rgb]) -> float:
    """The middle of the largest gap between the hues of colours."""
    hues = sorted(colorsys.rgb_to_hsv(*colour)[0] for colour in taken)
    gaps = [(after - before, before) for before, after in zip(hues, [*hues[1:], hues[0] + 1], strict=True)]
    gap, start = max(gaps)
    return start + gap / 2
