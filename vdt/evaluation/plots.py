"""A report as files to read: JSON, a markdown table, plots and a contact sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_path, write_text
from ..sheet import Row, contact_sheet
from .animation import write_animation
from .evaluate import Report
from .statistics import with_bounds

LABELS = {
    "model": "VDT",
    "vae": "VAE round trip",
    "copy_last": "copy last",
    "linear_blend": "linear blend",
    "run_on": "surroundings run on",
    "truth": "truth",
    "constant_velocity": "constant velocity",
    "quadratic": "quadratic",
    "readout": "readout of the truth",
}
MARKED_FRAMES = 24  # of longer clips the marks of neighbouring frames would touch
SHEET_METHODS = ("truth", "model", "quadratic")
STYLES: dict[str, dict[str, Any]] = {
    "model": {"color": "#e0701a", "linewidth": 2.4, "zorder": 5},
    "vae": {"color": "#7a7a7a", "linestyle": "--"},
    "copy_last": {"color": "#b5651d", "linestyle": ":"},
    "linear_blend": {"color": "#8a2be2", "linestyle": "-."},
    "constant_velocity": {"color": "#2a7fb8"},
    "quadratic": {"color": "#1b7a3d"},
    "readout": {"color": "#bbbbbb", "linestyle": ":"},
}


def write_report(report: Report, folder: str | Path) -> None:
    """Write report.json, table.md, error_by_frame.png, centroid.png, sheet.png and samples.gif, each atomically.

    Args:
        report: what `evaluate` returned.
        folder: made if it is not there.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(report.to_json(), folder / "report.json")
    write_text(markdown_table(report), folder / "table.md")
    plot_error_by_frame(report, folder / "error_by_frame.png")
    plot_centroid(report, folder / "centroid.png")
    if report.samples:
        write_sheet(report, folder / "sheet.png")
        if all("model" in sample.frames for sample in report.samples):
            write_animation(report.samples, folder / "samples.gif")


def markdown_table(report: Report) -> str:
    """The report's families and methods as one markdown table, with 95 % intervals of the centroid error."""
    values = report.values
    lines = [
        conditions_line(f"{values['count']} clips of the {values['split']} split", values),
        "",
        "| scenes | method | centroid error, px (95 %) | ball present | contact right | PSNR, dB | SSIM |",
        "|---|---|---|---|---|---|---|",
    ]
    for family, methods in values["families"].items():
        lines += [_row(_family_title(family, methods), name, record) for name, record in methods.items()]
    majority = "Contact right counts clips whose contact is not yet in the given frames; in brackets: always saying the"
    return "\n".join([*lines, "", majority + " more frequent answer.", ""])


def conditions_line(clips: str, values: dict[str, Any]) -> str:
    """One sentence: which clips, and how the model was asked for them."""
    size = "x".join(str(side) for side in values["size"])
    return (
        f"{clips}, {size}, {values['num_frames']} frames, {values['given']} given "
        f"({values['task'].replace('_', ' ')}), {values['sampler']} {values['steps']} steps, "
        f"guidance {values['guidance_scale']:g}, seed {values['seed']}."
    )


def plot_error_by_frame(report: Report, path: Path) -> None:
    """Mean centroid error of each method at each generated frame, one panel per family."""
    families, known = report.values["families"], report.values["known_frames"]
    frames = np.setdiff1d(np.arange(report.values["num_frames"]), known)
    gaps = np.ptp(frames) >= len(frames)  # a frame alone between given ones has no line
    marked = gaps or len(frames) <= MARKED_FRAMES
    marks = {"marker": ".", "markersize": 4} if marked else {}
    figure, axes = new_figure(len(families))
    for axis, (family, methods) in zip(axes, families.items(), strict=True):
        for name, record in methods.items():
            curve = np.array([np.nan if v is None else v for v in record["centroid_px_by_frame"]])
            axis.plot(np.arange(len(curve)), curve, label=LABELS[name], **marks, **STYLES[name])
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
        spread = np.abs(bounds - means[:, None]).T
        axis.barh(range(len(means)), means, xerr=spread, color=colours, height=0.7, capsize=2, ecolor="#333333")
        axis.set(title=_family_title(family, methods), xlabel="centroid error, px")
        axis.grid(alpha=0.25, axis="x")
        names = [LABELS[name] for name in methods]
    axes[0].set_yticks(range(len(names)), names)  # the panels share this axis
    axes[0].invert_yaxis()
    save_figure(figure, path)


def write_sheet(report: Report, path: Path, *, methods: Sequence[str] = SHEET_METHODS) -> None:
    """Contact sheet of the kept clips: what some methods made of each, below each other."""
    rows = []
    for sample in report.samples:
        for name in (name for name in methods if name in sample.frames):
            generated = None if name == "truth" else (~sample.known).tolist()
            label = f"{sample.label}\ntruth" if name == "truth" else LABELS[name]
            rows.append(Row(label=label, frames=sample.frames[name], generated=generated))
    contact_sheet(rows, path)


def _row(family: str, name: str, record: dict[str, Any]) -> str:
    centroid = record["centroid_px"]
    error = "-" if centroid is None else with_bounds(centroid, record["centroid_px_ci"])
    contact = "-"
    if record["contact_accuracy"] is not None:
        contact = f"{record['contact_accuracy']:.0%} ({record['contact_majority']:.0%})"
    present = "-" if record["present"] is None else f"{record['present']:.1%}"
    psnr = "-" if name == "readout" else f"{record['psnr']:.2f}"
    ssim = "-" if name == "readout" else f"{record['ssim']:.3f}"
    return f"| {family} | {LABELS[name]} | {error} | {present} | {contact} | {psnr} | {ssim} |"


def frame_ticks(first: int, last: int) -> list[int]:
    """At most eight frames to number, at multiples of a power of two, as windows are."""
    every = 1
    while (last - first) // every > 7:
        every *= 2
    return list(range(-(-first // every) * every, last + 1, every))


def _family_title(family: str, methods: dict[str, Any]) -> str:
    count = next(iter(methods.values()))["clips"]
    return f"{family.replace('_', ' ')} (n={count})"


def new_figure(panels: int, *, sharey: bool = True) -> tuple[Any, Any]:
    """A figure with panels side by side, and those; they have one y axis unless told otherwise."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * panels + 1.2, 3.6), layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: nothing global is touched
    return figure, np.atleast_1d(figure.subplots(1, panels, sharey=sharey))


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure as PNG, atomically."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=140)
