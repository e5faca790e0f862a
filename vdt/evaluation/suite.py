"""Every task of one weight: any given frames, both directions, gaps, parts of frames, and scenes unlike its own; with
the futures it sees and whether it repeats what it has learned.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import write_text
from .areas import areas_table, evaluate_areas
from .evaluate import Report, evaluate
from .futures import futures, futures_table, write_futures
from .nearest import Nearest, invented, nearest, nearest_record, nearest_table, write_nearest
from .networks import Frames, Sampling
from .plots import LABELS, STYLES, new_figure, plot_error_by_frame, save_figure
from .statistics import with_bounds

if TYPE_CHECKING:
    from ..autoencoder import AutoencoderKL
    from ..data.scenes import SceneClip
    from ..model import VDT

FUTURES_GIVEN, NUM_FUTURE_CLIPS, NUM_INVENTED, NUM_PAINTED = (1, 2), 32, 64, 64
GIVEN = (1, 2, 4, 8, 12, 15)
ALIKE, UNLIKE = "predict, 8 given", "predict, 8 given, faster and heavier"  # scenes like and unlike those learned
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
    listed: str = "0,-1"
    split: str = "test"


CONDITIONS = (
    *(Condition(name=f"predict, {k} given", task="predict", given=k) for k in GIVEN),
    Condition(name="backward, 8 given", task="backward"),
    *(Condition(name=f"interpolate, every {n}", task="interpolate", every=n) for n in EVERY),
    Condition(name="image to video", task="image_to_video"),
    Condition(name="first and last frame", task="frames"),
    Condition(name="frames 0, 1, 6 and 13", task="frames", listed="0-1,6,13"),
    Condition(name=UNLIKE, task="predict", split="ood"),
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
        error = with_bounds(model["centroid_px"], model["centroid_px_ci"])
        best = min((method for method in ANALYTIC if method in methods), key=lambda m: methods[m]["centroid_px"])
        contact = "-" if model["contact_accuracy"] is None else f"{model['contact_accuracy']:.0%}"
        lines.append(
            f"| {name} | {error} | {methods[best]['centroid_px']:.2f} ({LABELS[best]}) "
            f"| {model['present']:.1%} | {contact} | {model['psnr']:.2f} | {methods['vae']['centroid_px']:.2f} |"
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
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    save_figure(figure, path)


def run_suite(
    model: VDT,
    vae: AutoencoderKL,
    clips: Callable[[str], Sequence[SceneClip]],
    folder: Path,
    sampling: Sampling,
    *,
    training: Callable[[], Iterable[Frames]] | None = None,
    model_sha256: str | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Score every condition, sample several futures, look for copies; write everything to `folder`.

    Args:
        clips: the held-out scenes of a split.
        training: chunks of the clips that the model has learned from, None where they are not known.
        sampling: see `evaluate`.
        model_sha256: copied into the reports.

    Returns:
        The values that `write_suite` has written; suite.json has those so far while this runs.
    """
    values: dict[str, Any] = {"tasks": {}, "areas": {}, "futures": [], "nearest": None}
    for condition in CONDITIONS:
        report = evaluate(
            model,
            vae,
            clips(condition.split),
            task=condition.task,
            given=condition.given,
            every=condition.every,
            listed=condition.listed,
            **vars(sampling),
            model_sha256=model_sha256,
            progress=progress,
        )
        values["tasks"][condition.name] = report.values
        write_text(_json(values), folder / "suite.json")
    painted = clips("test")[:NUM_PAINTED]
    values["areas"] = evaluate_areas(model, vae, painted, folder, sampling, progress=progress)
    chosen = clips("test")[:NUM_FUTURE_CLIPS]
    for given in FUTURES_GIVEN:
        found = futures(model, vae, chosen, sampling, given=given, progress=progress)
        values["futures"].append(found.to_record())
        write_futures(found, chosen[0].frames, folder / f"futures_{given}.png")
    if training is not None:
        values["nearest"] = _copies(model, vae, clips("test"), folder, sampling, training)
    write_suite(values, folder)
    return values


def _copies(
    model: VDT,
    vae: AutoencoderKL,
    held_out: Sequence[SceneClip],
    folder: Path,
    sampling: Sampling,
    training: Callable[[], Iterable[Frames]],
) -> dict[str, Any]:
    truth = np.stack([clip.frames for clip in held_out[:NUM_INVENTED]])
    made = invented(model, vae, truth.shape[1:], len(truth), replace(sampling, guidance_scale=1.0))  # nothing to follow
    found = nearest(np.concatenate([made, truth]), training())
    parts = [
        Nearest(distance=found.distance[part], clips=found.clips[part])
        for part in (slice(len(made)), slice(len(made), None))
    ]
    write_nearest(made, parts[0], folder / "nearest.png")
    return nearest_record(*parts)


def write_suite(values: dict[str, Any], folder: Path) -> None:
    """Write suite.json, suite.md, error_by_given.png and error_unlike.png.

    Args:
        values: "tasks", reports by the names of the conditions; "areas", see `evaluate_areas`; "futures", records of
            `Futures`; "nearest", one of `nearest_record` or None.
        folder: made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(_json(values), folder / "suite.json")
    tasks = values["tasks"]
    parts = [
        suite_table(tasks),
        areas_table(values["areas"]),
        motion_table(tasks[ALIKE]),
        futures_table(values["futures"]),
    ]
    if values["nearest"]:
        parts.append(nearest_table(values["nearest"]))
    write_text("\n".join(parts), folder / "suite.md")
    plot_error_by_given(tasks, folder / "error_by_given.png")
    beside = {"like those learned": ALIKE, "faster and heavier": UNLIKE}
    families = {title: tasks[name]["families"]["all"] for title, name in beside.items()}
    plot_error_by_frame(Report(values={**tasks[UNLIKE], "families": families}, samples=()), folder / "error_unlike.png")


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, allow_nan=False) + "\n"  # a number a line would be thousands of lines
