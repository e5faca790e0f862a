"""The suite of one weight: every task, in and out of distribution, with inpainting, diversity and memorization."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation.figures import new_figure, save_figure
from ..evaluation.records import Frames, Report
from ..evaluation.statistics import format_interval
from ..inference.settings import GenerationConfig
from ..masks.tasks import Backward, ImageToVideo, Interpolate, Predict, Task
from ..masks.tasks import Frames as GivenFrames
from ..media.files import write_text
from .diversity import diversity_table, measure_diversity, write_diversity_sheet
from .evaluate import evaluate_scenes
from .inpainting import evaluate_inpainting, inpainting_table
from .memorization import (
    NearestClips,
    find_nearest,
    memorization_record,
    memorization_table,
    unconditional_samples,
    write_memorization_sheet,
)
from .object_report import objects_table
from .report import LABELS, STYLES, plot_error_by_frame

if TYPE_CHECKING:
    from ..inference.pipeline import Pipeline
    from .scenes import SceneClip

Values = dict[str, Any]  # JSON values; keys and file names are those that older suites have

GIVEN = (1, 2, 4, 8, 12, 15)
EVERY = (2, 4, 8)
DIVERSITY_GIVEN = (1, 2)
NUM_DIVERSITY, NUM_UNCONDITIONAL, NUM_INPAINTED = 32, 64, 64  # clips
IN_DISTRIBUTION, OUT_OF_DISTRIBUTION = "predict, 8 given", "predict, 8 given, faster and heavier"
ANALYTIC = ("copy_last", "linear_blend", "constant_velocity", "quadratic")
CURVES = ("model", "copy_last", "constant_velocity", "quadratic", "vae")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One row of the table: a task on the scenes of a split."""

    name: str
    task: Task
    split: str = "test"


CONDITIONS = (
    *(Condition(name=f"predict, {k} given", task=Predict(given=k)) for k in GIVEN),
    Condition(name="backward, 8 given", task=Backward(given=8)),
    *(Condition(name=f"interpolate, every {n}", task=Interpolate(every=n)) for n in EVERY),
    Condition(name="image to video", task=ImageToVideo()),
    Condition(name="first and last frame", task=GivenFrames(given_frames="0,-1")),
    Condition(name="frames 0, 1, 6 and 13", task=GivenFrames(given_frames="0-1,6,13")),
    Condition(name="predict, 8 given, middle size and speed", task=Predict(given=8), split="interior"),
    Condition(name=OUT_OF_DISTRIBUTION, task=Predict(given=8), split="ood"),
)


def run_suite(
    pipeline: Pipeline,
    clips: Callable[[str], Sequence[SceneClip]],
    folder: Path,
    *,
    config: GenerationConfig | None = None,
    training: Callable[[], Iterable[Frames]] | None = None,
    model_sha256: str | None = None,
    progress: bool = False,
) -> Values:
    """Score every condition, inpainting, diversity and memorization; write everything to `folder`.

    Args:
        pipeline: model and VAE.
        clips: the held-out scenes of a split.
        folder: made if it is not there.
        config: see `evaluate_scenes`.
        training: chunks of the clips that the model has learned from, None where they are not known.
        model_sha256: copied into the reports.

    Returns:
        The values that `write_suite` has written; suite.json has those so far while this runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values: Values = {"tasks": {}, "areas": {}, "futures": [], "nearest": None}
    for condition in CONDITIONS:
        report = evaluate_scenes(
            pipeline,
            clips(condition.split),
            task=condition.task,
            config=config,
            model_sha256=model_sha256,
            progress=progress,
        )
        values["tasks"][condition.name] = report.values
        write_text(_json(values), folder / "suite.json")
    config, test = config or GenerationConfig(), clips("test")
    values["areas"] = evaluate_inpainting(pipeline, test[:NUM_INPAINTED], folder, config, progress=progress)
    values["futures"] = _diversity(pipeline, test[:NUM_DIVERSITY], folder, config, progress)
    if training is not None:
        values["nearest"] = _memorization(pipeline, test[:NUM_UNCONDITIONAL], folder, config, training)
    write_suite(values, folder)
    return values


def write_suite(values: Values, folder: Path) -> None:
    """Write suite.json, suite.md, error_by_given.png and error_unlike.png.

    Args:
        values: "tasks", reports by the names of the conditions; "areas", see `evaluate_inpainting`; "futures", records
            of `Diversity`; "nearest", one of `memorization_record` or None.
        folder: made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(_json(values), folder / "suite.json")
    tasks = values["tasks"]
    parts = [
        suite_table(tasks),
        objects_table(Report(values=tasks[IN_DISTRIBUTION], samples=())),
        inpainting_table(values["areas"]),
        motion_table(tasks[IN_DISTRIBUTION]),
        diversity_table(values["futures"]),
    ]
    if values["nearest"]:
        parts.append(memorization_table(values["nearest"]))
    write_text("\n".join(parts), folder / "suite.md")
    plot_error_by_given(tasks, folder / "error_by_given.png")
    panels = {"in distribution": IN_DISTRIBUTION, "out of distribution": OUT_OF_DISTRIBUTION}
    families = {title: tasks[name]["families"]["all"] for title, name in panels.items()}
    both = Report(values={**tasks[OUT_OF_DISTRIBUTION], "families": families}, samples=())
    plot_error_by_frame(both, folder / "error_unlike.png")


def suite_table(reports: Mapping[str, Values]) -> str:
    """Markdown: one row per condition, with the model and the best of the baselines that need no network."""
    lines = [
        "| task | VDT, px (95 %) | best baseline, px | ball present | contact accuracy | PSNR, dB | VAE, px |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, values in reports.items():
        methods = values["families"]["all"]
        model = methods["model"]
        error = format_interval(model["centroid_px"], model["centroid_px_ci"])
        best = min((method for method in ANALYTIC if method in methods), key=lambda m: methods[m]["centroid_px"])
        contact = "-" if model["contact_accuracy"] is None else f"{model['contact_accuracy']:.0%}"
        lines.append(
            f"| {name} | {error} | {methods[best]['centroid_px']:.2f} ({LABELS[best]}) "
            f"| {model['present']:.1%} | {contact} | {model['psnr']:.2f} | {methods['vae']['centroid_px']:.2f} |"
        )
    return "\n".join([*lines, ""])


def motion_table(values: Values) -> str:
    """Markdown: the motion of thrown balls in one report of predictions, compared with the truth."""
    methods = values["families"]["projectile"]
    lines = ["| thrown balls | gravity, px/frame² | speed ratio of a bounce | energy rise |", "|---|---|---|---|"]
    for name in ("readout", "model", "quadratic"):
        found = [methods[name][key] for key in ("gravity", "bounce", "energy_rise")]
        shown = " | ".join("-" if value is None else f"{value:.2f}" for value in found)
        lines.append(f"| {LABELS[name]} | {shown} |")
    return "\n".join([*lines, ""])


def plot_error_by_given(reports: Mapping[str, Values], path: Path) -> None:
    """Mean centroid error against the number of given frames."""
    chosen = [reports[c.name] for c in CONDITIONS if isinstance(c.task, Predict) and c.split == "test"]
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


def _diversity(
    pipeline: Pipeline, clips: Sequence[SceneClip], folder: Path, config: GenerationConfig, progress: bool
) -> list[Values]:
    records = []
    for given in DIVERSITY_GIVEN:
        found = measure_diversity(pipeline, clips, config, given=given, progress=progress)
        records.append(found.to_record())
        write_diversity_sheet(found, clips[0].frames, folder / f"futures_{given}.png")
    return records


def _memorization(
    pipeline: Pipeline,
    held_out: Sequence[SceneClip],
    folder: Path,
    config: GenerationConfig,
    training: Callable[[], Iterable[Frames]],
) -> Values:
    truth = np.stack([clip.frames for clip in held_out])
    samples = unconditional_samples(pipeline, truth.shape[1:], len(truth), config)
    found = find_nearest(np.concatenate([samples, truth]), training())
    of_samples, of_truth = (
        NearestClips(distance=found.distance[part], clips=found.clips[part])
        for part in (slice(len(samples)), slice(len(samples), None))
    )
    write_memorization_sheet(samples, of_samples, folder / "nearest.png")
    return memorization_record(of_samples, of_truth)


def _json(values: Values) -> str:
    return json.dumps(values, allow_nan=False) + "\n"  # a number a line would be thousands of lines
