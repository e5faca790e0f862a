"""Means with 95 % confidence intervals over clips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, kw_only=True)
class ConfidenceInterval:
    """A mean and its 95 % confidence interval."""

    mean: float
    low: float
    high: float


def format_interval(mean: float, bounds: Sequence[float], digits: int = 2) -> str:
    """A mean and its interval as tables show them, such as "2.64 (2.35 to 2.92)"."""
    low, high = bounds
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def interval_values(name: str, interval: ConfidenceInterval | None) -> dict[str, Any]:
    """An interval as JSON values: `name` and `name`_ci."""
    if interval is None:
        return {name: None, f"{name}_ci": None}
    return {name: interval.mean, f"{name}_ci": [interval.low, interval.high]}


def bootstrap_mean(values: ArrayLike, rng: np.random.Generator, *, resamples: int = 2000) -> ConfidenceInterval | None:
    """Mean over clips with its percentile bootstrap interval; NaN clips are left out, None if none remain."""
    sample = np.asarray(values, dtype=np.float64)
    sample = sample[~np.isnan(sample)]
    if not len(sample):
        return None
    means = sample[rng.integers(0, len(sample), (resamples, len(sample)))].mean(1)
    mean = float(sample.mean())
    low, high = np.quantile(means, [0.025, 0.975])
    return ConfidenceInterval(mean=mean, low=min(float(low), mean), high=max(float(high), mean))


def bootstrap_curve(
    values: ArrayLike, rng: np.random.Generator, *, resamples: int = 500
) -> list[ConfidenceInterval | None]:
    """Means over clips of values (clips, frames) at each frame with their intervals; NaN entries are left out."""
    sample = np.asarray(values, dtype=np.float64)
    counted = ~np.isnan(sample)
    drawn = rng.integers(0, len(sample), (resamples, len(sample)))
    curve: list[ConfidenceInterval | None] = []
    for column, valid in zip(np.where(counted, sample, 0).T, counted.T, strict=True):
        if not valid.any():
            curve.append(None)
            continue
        mean, counts = float(column.sum() / valid.sum()), valid[drawn].sum(1)
        means = (column[drawn].sum(1) / np.maximum(counts, 1))[counts > 0]
        low, high = np.quantile(means, [0.025, 0.975])
        curve.append(ConfidenceInterval(mean=mean, low=min(float(low), mean), high=max(float(high), mean)))
    return curve


def curve_values(name: str, curve: Sequence[ConfidenceInterval | None]) -> dict[str, Any]:
    """A curve as JSON values: `name`_by_frame and `name`_by_frame_ci, None for frames without a value."""
    return {
        f"{name}_by_frame": [point and point.mean for point in curve],
        f"{name}_by_frame_ci": [point and [point.low, point.high] for point in curve],
    }


def proportion(hits: ArrayLike) -> ConfidenceInterval | None:
    """Share of True with its Wilson interval, which is valid at 0 % and 100 % too; None without cases."""
    cases = np.asarray(hits, dtype=bool)
    n, z = len(cases), 1.959964
    if not n:
        return None
    share = float(cases.mean())
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low, high = max(min(centre - half, share), 0.0), min(max(centre + half, share), 1.0)
    return ConfidenceInterval(mean=share, low=low, high=high)
