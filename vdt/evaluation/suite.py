"""Every task of one weight: any number of given frames, both directions, gaps, and scenes unlike its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_text
from .plots import LABELS, STYLES, new_figure, save_figure

GIVEN = (1, 2, 4, 8, 12, 15)
EVERY = (2, 4, 8)
ANALYTIC = ("copy_last", "linear_blend", "constant_velocity", "quadratic")
CURVES = ("model", "copy_last", "constant_velocity", "quadratic", "vae")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One row of the table."""

    name: str
    task: str
    given: int = 8
    every: int = 4
    split: str = "test"


CONDITIONS = (
    *(Condition(name=f"predict, {k} given", task="predict", given=k) for k in GIVEN),
    Condition(name="backward, 8 given", task="backward"),
    *(Condition(name=f"interpolate, every {n}", task="interpolate", every=n) for n in EVERY),
    Condition(name="image to video", task="image_to_video"),
    Condition(name="predict, 8 given, faster and heavier", task="predict", split="ood"),
)


def suite_table(reports: dict[str, dict[str, Any]]) -> str:
    """Markdown: one row per condition, the model beside the best of the baselines that need no network."""
    lines = [
        "| task | VDT, px (95 %) | best baseline, px | ball present | contact right | PSNR, dB | VAE, px |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, values in reports.items():
        methods = values["families"]["all"]
        model = methods["model"]
        low, high = model["centroid_px_ci"]
        best = min((method for method in ANALYTIC if method in methods), key=lambda m: methods[m]["centroid_px"])
        contact = "-" if model["contact_accuracy"] is None else f"{model['contact_accuracy']:.0%}"
        lines.append(
            f"| {name} | {model['centroid_px']:.2f} ({low:.2f} to {high:.2f}) "
            f"| {methods[best]['centroid_px']:.2f} ({LABELS[best]}) | {model['present']:.1%} | {contact} "
            f"| {model['psnr']:.2f} | {methods['vae']['centroid_px']:.2f} |"
        )
    return "\n".join([*lines, ""])


def motion_table(values: dict[str, Any]) -> str:
    """Markdown: how thrown balls move in one report of predictions, beside the truth."""
    methods = values["families"]["projectile"]
    lines = ["| thrown balls | gravity, px/frame² | speed kept in a bounce | energy gained |", "|---|---|---|---|"]
    for name in ("readout", "model", "quadratic"):
        found = [methods[name][key] for key in ("gravity", "bounce", "energy_rise")]
        shown = " | ".join("-" if value is None else f"{value:.2f}" for value in found)
        lines.append(f"| {LABELS[name]} | {shown} |")
    return "\n".join([*lines, ""])


def plot_error_by_given(reports: dict[str, dict[str, Any]], path: Path) -> None:
    """Mean centroid error against the number of given frames."""
    chosen = [reports[c.name] for c in CONDITIONS if (c.task, c.split) == ("predict", "test")]
    given = [values["given"] for values in chosen]
    figure, (axis,) = new_figure(1)
    for method in CURVES:
        records = [values["families"]["all"][method] for values in chosen]
        errors = np.array([record["centroid_px"] for record in records])
        bounds = np.array([record["centroid_px_ci"] for record in records])
        axis.plot(given, errors, label=LABELS[method], marker="o", **STYLES[method])
        axis.fill_between(given, *bounds.T, alpha=0.12, color=STYLES[method]["color"])
    axis.set(xlabel="given frames of 16", ylabel="centroid error, px", yscale="log", xticks=GIVEN)
    axis.yaxis.set_major_formatter("{x:g}")
    axis.grid(alpha=0.25)
    axis.legend(frameon=False)
    save_figure(figure, path)


def write_suite(reports: dict[str, dict[str, Any]], folder: Path) -> None:
    """Write suite.md and error_by_given.png."""
    plot_error_by_given(reports, folder / "error_by_given.png")
    text = suite_table(reports) + "\n" + motion_table(reports["predict, 8 given"])
    write_text(text, folder / "suite.md")
