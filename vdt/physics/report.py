"""A report on simulated scenes as files: JSON, a markdown table, plots, a contact sheet and an animation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation import figures
from ..evaluation.animation import write_animation
from ..evaluation.figures import conditions_line, frame_ticks, generated_frames, new_figure, save_figure, write_sheet
from ..evaluation.records import Report
from ..evaluation.statistics import format_interval
from ..media.files import write_text
from .object_report import objects_table, plot_objects
from .prediction_floor import floor_line

# How tables and plots show a method, by its key in reports.
LABELS: Mapping[str, str] = {
    **figures.LABELS,
    "constant_velocity": "constant velocity",
    "quadratic": "quadratic",
    "run_on": "boundary fill",
    "readout": "tracker on the truth",
}
STYLES: Mapping[str, Mapping[str, Any]] = {
    **figures.STYLES,
    "constant_velocity": {"color": "#2a7fb8"},
    "quadratic": {"color": "#1b7a3d"},
    "readout": {"color": "#bbbbbb", "linestyle": ":"},
}
SHEET_METHODS = ("truth", "model")
ANIMATED = 8  # clips side by side; the sheet has all that are kept
MARKED_FRAMES = 24  # in longer clips the markers of neighbouring frames would touch


def write_report(report: Report, folder: str | Path) -> None:
    """Write report.json, table.md and plots, and of the kept clips sheet.png and samples.gif, each atomically.

    Args:
        report: what `evaluate_scenes` returned.
        folder: made if it is not there.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(report.to_json(), folder / "report.json")
    write_text(f"{markdown_table(report)}\n{objects_table(report)}", folder / "table.md")
    plot_error_by_frame(report, folder / "error_by_frame.png")
    plot_centroid(report, folder / "centroid.png")
    plot_objects(report, folder / "objects.png")
    if report.samples:
        write_sheet(report.samples, folder / "sheet.png", methods=SHEET_METHODS, labels=LABELS)
        if all("model" in sample.frames for sample in report.samples):
            write_animation(report.samples[:ANIMATED], folder / "samples.gif")


def markdown_table(report: Report) -> str:
    """The report's families and methods as one markdown table, with 95 % intervals of the centroid error."""
    values = report.values
    lines = [
        conditions_line(f"{values['count']} clips of the {values['split']} split", values),
        "",
        "| scenes | method | centroid error, px (95 %) | ball present | contact accuracy | PSNR, dB | SSIM |",
        "|---|---|---|---|---|---|---|",
    ]
    for family, methods in values["families"].items():
        lines += [_row(_family_title(family, methods), name, record) for name, record in methods.items()]
    note = "Contact accuracy is over clips without a contact in the given frames; in brackets: the majority class."
    return "\n".join([*lines, "", note, "", floor_line(values.get("prediction_floor", {})), ""])


def plot_error_by_frame(report: Report, path: Path) -> None:
    """Mean centroid error of each method at each generated frame, one panel per family."""
    families = report.values["families"]
    frames = generated_frames(report.values)
    gaps = np.ptp(frames) >= len(frames)  # a frame alone between given ones has no line
    marked = gaps or len(frames) <= MARKED_FRAMES
    marks = {"marker": ".", "markersize": 4} if marked else {}
    figure, axes = new_figure(len(families))
    for axis, (family, methods) in zip(axes, families.items(), strict=True):
        for name, record in methods.items():
            curve = np.array([np.nan if v is None else v for v in record["centroid_px_by_frame"]])
            axis.plot(np.arange(len(curve)), curve, label=LABELS[name], **marks, **STYLES[name])
            bounds = np.array([value or (np.nan, np.nan) for value in record["centroid_px_by_frame_ci"]])
            axis.fill_between(np.arange(len(curve)), *bounds.T, alpha=0.12, color=STYLES[name]["color"], linewidth=0)
        axis.set(title=_family_title(family, methods), xlabel="frame", yscale="log")
        axis.set_xlim(frames[0] - 0.03 * len(frames), frames[-1] + 0.03 * len(frames))
        axis.set_xticks(frame_ticks(int(frames[0]), int(frames[-1])))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.grid(alpha=0.25)
    axes[0].set_ylim(top=min(axes[0].get_ylim()[1], math.hypot(*report.values["size"])))  # beyond, it is out of sight
    axes[0].set_ylabel("centroid error, px")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(7, 2 * len(axes)), frameon=False
    )
    save_figure(figure, path)


def plot_centroid(report: Report, path: Path) -> None:
    """Mean centroid error of each method with its 95 % interval, one panel per family."""
    families = report.values["families"]
    figure, axes = new_figure(len(families))
    for axis, (family, methods) in zip(axes, families.items(), strict=True):
        means = np.array([record["centroid_px"] for record in methods.values()], dtype=float)
        bounds = np.array([record["centroid_px_ci"] or (np.nan, np.nan) for record in methods.values()])
        colours = [STYLES[name]["color"] for name in methods]
        errors = np.abs(bounds - means[:, None]).T
        axis.barh(range(len(means)), means, xerr=errors, color=colours, height=0.7, capsize=2, ecolor="#333333")
        axis.set(title=_family_title(family, methods), xlabel="centroid error, px")
        axis.grid(alpha=0.25, axis="x")
        names = [LABELS[name] for name in methods]
    axes[0].set_yticks(range(len(names)), names)  # the panels share this axis
    axes[0].invert_yaxis()
    save_figure(figure, path)


def _row(family: str, name: str, record: Mapping[str, Any]) -> str:
    centroid = record["centroid_px"]
    error = "-" if centroid is None else format_interval(centroid, record["centroid_px_ci"])
    contact = "-"
    if record["contact_accuracy"] is not None:
        contact = f"{record['contact_accuracy']:.0%} ({record['contact_majority']:.0%})"
    present = "-" if record["present"] is None else f"{record['present']:.1%}"
    psnr = "-" if name == "readout" else f"{record['psnr']:.2f}"
    ssim = "-" if name == "readout" else f"{record['ssim']:.3f}"
    return f"| {family} | {LABELS[name]} | {error} | {present} | {contact} | {psnr} | {ssim} |"


def _family_title(family: str, methods: Mapping[str, Any]) -> str:
    count = next(iter(methods.values()))["clips"]
    return f"{family.replace('_', ' ')} (n={count})"
