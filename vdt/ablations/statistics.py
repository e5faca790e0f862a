"""Intervals over seeds: few seeds of many variants share one estimate of how far seeds lie apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .records import RunRecord

# Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom; more are taken as normal.
T_95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
# Of these, more is better.
HIGHER_IS_BETTER = frozenset({"present", "psnr", "ssim", "contact_accuracy", "ball_iou", "target_iou"})


@dataclass(frozen=True)
class Spread:
    """Standard deviation over seeds, pooled over all variants with several, and its degrees of freedom."""

    deviation: float
    freedom: int

    @classmethod
    def of(cls, groups: Sequence[Sequence[float]]) -> Spread:
        """Pooled as in a one-way analysis of variance: each group's squares are about its own mean."""
        freedom = sum(len(group) - 1 for group in groups if len(group))
        squares = sum(float(((np.array(group) - np.mean(group)) ** 2).sum()) for group in groups if len(group))
        return cls(deviation=(squares / freedom) ** 0.5 if freedom else float("nan"), freedom=freedom)

    def half_width(self, *counts: int) -> float | None:
        """Half of the 95 % interval of a mean over so many seeds, or of a difference of two; None without seeds."""
        if not self.freedom:
            return None
        quantile = T_95[self.freedom - 1] if self.freedom <= len(T_95) else 1.96
        return float(quantile * self.deviation * sum(1 / count for count in counts) ** 0.5)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much better one variant is than another, in the metric's unit; positive is better."""

    gain: float
    half_width: float | None

    @property
    def verdict(self) -> str:
        """What the runs say about it."""
        if self.half_width is None:
            return "one seed, no interval"
        if abs(self.gain) <= self.half_width:
            return "not settled"
        return "holds" if self.gain > 0 else "the other way round"


def values_of(records: Sequence[RunRecord], metric: str) -> dict[str, list[float]]:
    """The values of a metric by variant, None left out."""
    found: dict[str, list[float]] = {}
    for record in records:
        value = record.v_error if metric == "v_error" else record.metrics.get(metric)
        found.setdefault(record.name, []).extend([] if value is None else [float(value)])
    return found


def difference(values: Mapping[str, Sequence[float]], better: str, than: str, metric: str) -> Difference | None:
    """How much better a variant is in `values_of`; None while one of the two has no run."""
    ours, theirs = values.get(better, ()), values.get(than, ())
    if not ours or not theirs:
        return None
    gain = float(np.mean(ours) - np.mean(theirs)) * (1 if metric in HIGHER_IS_BETTER else -1)
    spread = Spread.of(list(values.values()))
    return Difference(gain=gain, half_width=spread.half_width(len(ours), len(theirs)))
