"""Plots, contact sheets and table lines that all reports share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..media.files import atomic_path
from ..visualize.contact_sheet import Row, contact_sheet
from .records import Sample

# How tables and plots show a method, by its key in reports.
LABELS: Mapping[str, str] = {
    "model": "VDT",
    "vae": "VAE round trip",
    "copy_last": "copy last",
    "linear_blend": "linear blend",
    "truth": "truth",
}
STYLES: Mapping[str, Mapping[str, Any]] = {
    "model": {"color": "#e0701a", "linewidth": 2.4, "zorder": 5},
    "vae": {"color": "#7a7a7a", "linestyle": "--"},
    "copy_last": {"color": "#b5651d", "linestyle": ":"},
    "linear_blend": {"color": "#8a2be2", "linestyle": "-."},
}


def conditions_line(clips: str, values: Mapping[str, Any]) -> str:
    """One sentence: which clips a report is about, and how the model was sampled."""
    size = "x".join(str(side) for side in values["size"])
    return (
        f"{clips}, {size}, {values['num_frames']} frames, {values['given']} given "
        f"({values['task'].replace('_', ' ')}), {values['sampler']} {values['steps']} steps, "
        f"guidance {values['guidance_scale']:g}, temperature {values['temperature']:g}, seed {values['seed']}."
    )


def generated_frames(values: Mapping[str, Any]) -> np.ndarray:
    """The indices of the generated frames of a report's clips."""
    return np.setdiff1d(np.arange(values["num_frames"]), values["known_frames"])


def frame_ticks(first: int, last: int) -> list[int]:
    """At most eight frames to number on an axis, at multiples of a power of two, as window lengths are."""
    every = 1
    while (last - first) // every > 7:
        every *= 2
    return list(range(-(-first // every) * every, last + 1, every))


def new_figure(panels: int, *, sharey: bool = True) -> tuple[Any, Any]:
    """A figure and its panels, side by side; they share one y axis unless `sharey` is off."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * panels + 1.2, 3.6), layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: nothing global is touched
    return figure, np.atleast_1d(figure.subplots(1, panels, sharey=sharey))


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure as PNG, atomically."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=140)


def write_sheet(
    samples: Sequence[Sample], path: Path, *, methods: Sequence[str], labels: Mapping[str, str] = LABELS
) -> None:
    """Contact sheet of the kept clips: the results of some methods for each, one row per method."""
    rows = []
    for sample in samples:
        for name in (name for name in methods if name in sample.frames):
            generated = None if name == "truth" else sample.generated.tolist()
            label = f"{sample.label}\ntruth" if name == "truth" else labels[name]
            rows.append(Row(label=label, frames=sample.frames[name], generated=generated))
    contact_sheet(rows, path)
