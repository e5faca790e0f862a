"""Table and plot of what became of the objects: presence, outline and colour, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.figures import LABELS, STYLES, frame_ticks, generated_frames, new_figure, save_figure
from ..evaluation.records import Report
from ..evaluation.statistics import format_interval
from .scores import OBJECTS

METHODS = ("model", "vae", "copy_last")
PANELS = (("iou", "overlap with the true outline (IoU)"), ("delta_e", "colour difference, ΔE"))
NOTE = (
    "Outline: IoU of the region of the object's hue with the true one. Present: that region has 30 % of the true area. "
    "ΔE: CIE76 of the mean colours in the true silhouette. Levels: mean colour of the region found, wherever it is, "
    "against the true one's, of 255. Frames in which at least half of the object is in view."
)


def objects_table(report: Report) -> str:
    """Markdown: for each object and method its metrics over all generated frames and at the last one."""
    last = int(generated_frames(report.values)[-1])
    lines = [
        f"| object | method | outline, IoU (95 %) | at frame {last} | present | ΔE (95 %) | at frame {last} | levels |",
        "|---|---|---|---|---|---|---|---|",
    ]
    methods = report.values["families"]["all"]
    for name in OBJECTS:
        lines += [_row(name, method, methods[method]) for method in METHODS if _has(methods, method, name)]
    return "\n".join([*lines, "", NOTE, ""])


def plot_objects(report: Report, path: Path) -> None:
    """Outline and colour of each object by generated frame, with the intervals of the means."""
    methods = report.values["families"]["all"]
    frames = generated_frames(report.values)
    objects = [name for name in OBJECTS if any(_has(methods, method, name) for method in METHODS)]
    figure, axes = new_figure(len(PANELS) * len(objects), sharey=False)
    panels = [(name, *panel) for panel in PANELS for name in objects]
    for axis, (name, metric, label) in zip(axes, panels, strict=True):
        for method in (each for each in METHODS if _has(methods, each, name)):
            _curve(axis, frames, methods[method], f"{name}_{metric}", method)
        axis.set(title=name, xlabel="frame", ylabel=label)
        axis.set_xticks(frame_ticks(int(frames[0]), int(frames[-1])))
        axis.set_ylim(0, 1.02 if metric == "iou" else None)
        axis.grid(alpha=0.25)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(METHODS), frameon=False)
    save_figure(figure, path)


def _curve(axis: Any, frames: np.ndarray, record: Mapping[str, Any], key: str, method: str) -> None:
    means = np.array([np.nan if value is None else value for value in record[f"{key}_by_frame"]])[frames]
    bounds = np.array([value or (np.nan, np.nan) for value in record[f"{key}_by_frame_ci"]])[frames]
    axis.plot(frames, means, label=LABELS[method], marker=".", markersize=4, **STYLES[method])
    axis.fill_between(frames, *bounds.T, alpha=0.15, color=STYLES[method]["color"], linewidth=0)


def _has(methods: Mapping[str, Any], method: str, name: str) -> bool:
    return method in methods and methods[method].get(f"{name}_iou") is not None


def _row(name: str, method: str, record: Mapping[str, Any]) -> str:
    def interval(key: str, digits: int) -> str:
        value = record[f"{name}_{key}"]
        return "-" if value is None else format_interval(value, record[f"{name}_{key}_ci"], digits)

    def plain(key: str, shown: str) -> str:
        value = record[f"{name}_{key}"]
        return "-" if value is None else format(value, shown)

    cells = [interval("iou", 2), plain("iou_last", ".2f"), plain("present", ".1%"), interval("delta_e", 1)]
    return (
        f"| {name} | {LABELS[method]} | {' | '.join([*cells, plain('delta_e_last', '.1f'), plain('levels', '.1f')])} |"
    )
