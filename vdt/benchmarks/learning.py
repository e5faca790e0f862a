"""What more training is worth: the error on held-out scenes against the clips a weight has learned from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation.networks import Sampling
from ..evaluation.plots import new_figure, save_figure
from ..evaluation.statistics import with_bounds
from .predictions import figures, predict_half

if TYPE_CHECKING:
    from ..autoencoder import AutoencoderKL
    from ..data.scenes import SceneClip
    from ..model import VDT

TARGET = 1.5  # times the error of the VAE's round trip
MOST_DECADES = 18  # of clips that are worth a figure


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A power law through the errors: px = `first_px` * clips ** -`exponent`."""

    first_px: float
    exponent: float

    def error(self, clips: float) -> float:
        return self.first_px * clips**-self.exponent

    def clips_for(self, error: float) -> float | None:
        """None where more clips did not help, or so little that no number of them would do."""
        decades = math.log10(self.first_px / error) / self.exponent if self.exponent > 0 else math.inf
        return 10**decades if decades < MOST_DECADES else None


def bench_learning(
    weights: Sequence[tuple[int, VDT, AutoencoderKL]], clips: Sequence[SceneClip], sampling: Sampling
) -> dict[str, Any]:
    """Evaluates weights on predictions from half a clip.

    Args:
        weights: (clips learned from, repetitions counted; model; VAE of its latents), at least two, the latest last.

    Returns:
        points (a record per weight), vae_px, target_px, the `Pace` through the points, and clips_for_target at it.
    """
    found = [predict_half(model, vae, clips, progress=True, **vars(sampling)) for _, model, vae in weights]
    points = [{"clips_learned": n, **figures(each["model"])} for (n, *_), each in zip(weights, found, strict=True)]
    pace = pace_of([(point["clips_learned"], point["centroid_px"]) for point in points])
    vae_px = found[-1]["vae"]["centroid_px"]
    target = TARGET * vae_px
    return {
        "points": points,
        "clips": len(clips),
        "sampling": str(sampling),
        "vae_px": vae_px,
        "target_px": target,
        **vars(pace),
        "clips_for_target": pace.clips_for(target),
    }


def pace_of(points: Sequence[tuple[int, float]]) -> Pace:
    """Least squares in logarithms through (clips learned from, error in px)."""
    if len({learned for learned, _ in points}) < 2:
        raise ValueError(f"a learning curve needs weights after different numbers of clips, got {points}")
    learned, errors = np.log(np.array(points, dtype=np.float64)).T
    slope, start = np.polyfit(learned, errors, 1)
    return Pace(first_px=float(np.exp(start)), exponent=float(-slope))


def learning_table(record: dict[str, Any]) -> str:
    """Markdown: one row per weight, and what the pace promises."""
    lines = [
        "| clips learned from | centroid, px (95 %) | ball present | contact right | PSNR, dB |",
        "|---|---|---|---|---|",
    ]
    for point in record["points"]:
        error = with_bounds(point["centroid_px"], point["centroid_px_ci"])
        contact = "-" if point["contact_accuracy"] is None else f"{point['contact_accuracy']:.0%}"
        lines.append(
            f"| {point['clips_learned']:,} | {error} | {point['present']:.1%} | {contact} | {point['psnr']:.2f} |"
        )
    if record["clips_for_target"] is None:
        return "\n".join([*lines, "", "More clips did not help.", ""])
    gain, target = 1 - 2 ** -record["exponent"], f"{record['target_px']:.2f} px ({TARGET:g} times the VAE's)"
    pace = f"Every doubling takes away {gain:.0%} of the error; at this pace {target} would take"
    return "\n".join([*lines, "", f"{pace} {record['clips_for_target']:.1e} clips.", ""])


def plot_learning(record: dict[str, Any], path: Path) -> None:
    """Errors with their intervals over clips learned from, the power law through them, and the target."""
    from matplotlib.ticker import LogLocator

    figure, (axis,) = new_figure(1)
    learned = np.array([point["clips_learned"] for point in record["points"]], dtype=np.float64)
    errors = np.array([point["centroid_px"] for point in record["points"]])
    bounds = np.array([point["centroid_px_ci"] for point in record["points"]])
    pace = Pace(first_px=record["first_px"], exponent=record["exponent"])
    ends = np.geomspace(learned.min(), max(learned.max(), record["clips_for_target"] or 0), 100)
    axis.plot(ends, [pace.error(clips) for clips in ends], color="#999999", linestyle="--", label="at this pace")
    axis.errorbar(learned, errors, np.abs(bounds.T - errors), color="#e0701a", marker="o", capsize=2, label="VDT")
    axis.axhline(record["target_px"], color="#1b7a3d", linestyle=":", label=f"{TARGET:g} times the VAE's")
    axis.set(xlabel="clips learned from", ylabel="centroid error, px", xscale="log", yscale="log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("")
    axis.grid(alpha=0.25)
    axis.legend(frameon=False, fontsize=8)
    save_figure(figure, path)
