"""The learning curve: the error on held-out scenes against the number of clips that a weight was trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation.figures import new_figure, save_figure
from ..evaluation.statistics import format_interval
from ..inference.settings import SamplingConfig
from .predictions import predict_half, table_metrics

if TYPE_CHECKING:
    from ..inference.pipeline import Pipeline
    from ..physics.scenes import SceneClip

TARGET = 1.5  # times the error of the VAE's round trip
MAX_DECADES = 18  # of clips, beyond which no number is given


@dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """A power law through the errors: px = `first_px` * clips ** -`exponent`."""

    first_px: float
    exponent: float

    def error(self, clips: float) -> float:
        """The error after so many clips, px."""
        return self.first_px * clips**-self.exponent

    def clips_for(self, error: float) -> float | None:
        """The clips that an error takes; None where more of them did not help, or hardly."""
        decades = math.log10(self.first_px / error) / self.exponent if self.exponent > 0 else math.inf
        return 10**decades if decades < MAX_DECADES else None


def bench_learning(
    weights: Sequence[tuple[int, Pipeline]], clips: Sequence[SceneClip], sampling: SamplingConfig | None = None
) -> dict[str, Any]:
    """Evaluate weights on predictions from half a clip.

    Args:
        weights: (clips that it was trained on, with repetitions; the weight with its VAE), at least two, latest last.
        clips: held-out scenes.
        sampling: None is the measured defaults.

    Returns:
        points (a record per weight), vae_px, target_px, the `PowerLaw` through the points, and clips_for_target by it.
    """
    sampling = (sampling or SamplingConfig()).for_text(False)
    found = [predict_half(pipeline, clips, sampling, progress=True) for _, pipeline in weights]
    points = [{"clips_learned": n, **table_metrics(each["model"])} for (n, _), each in zip(weights, found, strict=True)]
    law = fit_power_law([(point["clips_learned"], point["centroid_px"]) for point in points])
    vae_px = found[-1]["vae"]["centroid_px"]
    target = TARGET * vae_px
    return {
        "points": points,
        "clips": len(clips),
        "sampling": sampling.describe(),
        "vae_px": vae_px,
        "target_px": target,
        **vars(law),
        "clips_for_target": law.clips_for(target),
    }


def fit_power_law(points: Sequence[tuple[int, float]]) -> PowerLaw:
    """Least squares in logarithms through (clips trained on, error in px); ValueError for fewer than two numbers."""
    if len({learned for learned, _ in points}) < 2:
        raise ValueError(f"a learning curve needs weights after different numbers of clips, got {points}")
    learned, errors = np.log(np.array(points, dtype=np.float64)).T
    slope, start = np.polyfit(learned, errors, 1)
    return PowerLaw(first_px=float(np.exp(start)), exponent=float(-slope))


def learning_table(record: Mapping[str, Any]) -> str:
    """Markdown: one row per weight, and what the power law predicts."""
    lines = [
        "| clips trained on | centroid error, px (95 %) | ball present | contact accuracy | PSNR, dB |",
        "|---|---|---|---|---|",
    ]
    for point in record["points"]:
        error = format_interval(point["centroid_px"], point["centroid_px_ci"])
        contact = "-" if point["contact_accuracy"] is None else f"{point['contact_accuracy']:.0%}"
        lines.append(
            f"| {point['clips_learned']:,} | {error} | {point['present']:.1%} | {contact} | {point['psnr']:.2f} |"
        )
    if record["clips_for_target"] is None:
        return "\n".join([*lines, "", "More clips did not reduce the error.", ""])
    gain, target = 1 - 2 ** -record["exponent"], f"{record['target_px']:.2f} px ({TARGET:g} times the VAE's)"
    outlook = f"Each doubling cuts the error by {gain:.0%}; by this power law {target} would take"
    return "\n".join([*lines, "", f"{outlook} {record['clips_for_target']:.1e} clips.", ""])


def plot_learning(record: Mapping[str, Any], path: Path) -> None:
    """Errors with their intervals against clips trained on, the power law through them, and the target."""
    from matplotlib.ticker import LogLocator

    figure, (axis,) = new_figure(1)
    learned = np.array([point["clips_learned"] for point in record["points"]], dtype=np.float64)
    errors = np.array([point["centroid_px"] for point in record["points"]])
    bounds = np.array([point["centroid_px_ci"] for point in record["points"]])
    law = PowerLaw(first_px=record["first_px"], exponent=record["exponent"])
    ends = np.geomspace(learned.min(), max(learned.max(), record["clips_for_target"] or 0), 100)
    axis.plot(ends, [law.error(clips) for clips in ends], color="#999999", linestyle="--", label="power law")
    axis.errorbar(learned, errors, np.abs(bounds.T - errors), color="#e0701a", marker="o", capsize=2, label="VDT")
    axis.axhline(record["target_px"], color="#1b7a3d", linestyle=":", label=f"{TARGET:g} times the VAE's")
    axis.set(xlabel="clips trained on", ylabel="centroid error, px", xscale="log", yscale="log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("")
    axis.grid(alpha=0.25)
    axis.legend(frameon=False, fontsize=8)
    save_figure(figure, path)
