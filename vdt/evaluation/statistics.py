"""Means with 95 % intervals over clips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


def with_bounds(mean: float, bounds: Sequence[float], digits: int = 2) -> str:
    """A mean and its interval as tables show them."""
    low, high = bounds
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def with_interval(name: str, estimate: Estimate | None) -> dict[str, Any]:
    """An estimate as JSON values: `name` and `name`_ci."""
    if estimate is None:
        return {name: None, f"{name}_ci": None}
    return {name: estimate.mean, f"{name}_ci": [estimate.low, estimate.high]}


def bootstrap_mean(values: ArrayLike, rng: np.random.Generator, *, resamples: int = 2000) -> Estimate | None:
    """Mean over clips with its 95 % percentile bootstrap interval; NaN clips are left out, None if none remain."""
    sample = np.asarray(values, dtype=np.float64)
    sample = sample[~np.isnan(sample)]
    if not len(sample):
        return None
    means = sample[rng.integers(0, len(sample), (resamples, len(sample)))].mean(1)
    mean = float(sample.mean())
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(mean=mean, low=min(float(low), mean), high=max(float(high), mean))


def proportion(hits: ArrayLike) -> Estimate | None:
    """Share of True with its 95 % Wilson interval, which stays honest at 0 % and 100 %; None without cases."""
    cases = np.asarray(hits, dtype=bool)
    n, z = len(cases), 1.959964
    if not n:
        return None
    share = float(cases.mean())
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Estimate(mean=share, low=max(min(centre - half, share), 0.0), high=min(max(centre + half, share), 1.0))
