"""Videos of one's own, of which nothing but the pixels is known: clips are scored by PSNR and SSIM alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..masks.tasks import Task
from ..media.files import write_text
from .baselines import simple_baselines
from .figures import (
    LABELS,
    STYLES,
    conditions_line,
    frame_ticks,
    generated_frames,
    new_figure,
    save_figure,
    write_sheet,
)
from .generation import GenerationConfig, config_values, generate_and_round_trip
from .metrics import psnr, ssim
from .records import DEFAULT_TASK, Floats, Frames, Mask, Report, Sample, batch_starts, conditions, in_order
from .statistics import bootstrap_mean, format_interval, interval_values

if TYPE_CHECKING:
    from ..inference.pipeline import Pipeline

SHEET_METHODS = ("truth", "model", "vae", "linear_blend")
METRICS = {"psnr": psnr, "ssim": ssim}


def evaluate_folder(
    pipeline: Pipeline | None,
    clips: NDArray[np.uint8],
    *,
    task: Task = DEFAULT_TASK,
    config: GenerationConfig | None = None,
    batch_size: int = 8,
    num_samples: int = 6,
    model_sha256: str | None = None,
    progress: bool = False,
) -> Report:
    """Score the generated frames of the model and of the VAE round trip, compared with simple baselines.

    Args:
        pipeline: model and VAE, or None to score the baselines alone.
        clips: uint8 (N, T, H, W, 3).
        task: which frames are given.
        config: None is the measured defaults. The noise of a clip depends on its seed and on the clip's number.
        num_samples: clips kept for the contact sheet.
        model_sha256: copied into the report.

    Returns:
        A Report; values["methods"] holds method -> psnr (dB) and ssim, 95 % intervals over clips, means by frame.
    """
    generated = task.frame_mask(clips.shape[1]).numpy()
    config = config or GenerationConfig()
    scores: dict[str, list[dict[str, Floats]]] = defaultdict(list)
    found: list[tuple[int, tuple[dict[str, dict[str, Floats]], Sample | None]]] = []
    for start in batch_starts(len(clips), batch_size, progress=progress, shared=True):
        batch = list(clips[start : start + batch_size])
        made = generate_and_round_trip(pipeline, batch, generated, config, start=start)
        for index, clip in enumerate(batch):
            versions = {name: frames[index] for name, frames in made.items()} | simple_baselines(clip, generated)
            number, frames = start + index, {"truth": clip, **versions}
            sample = Sample(label=f"clip {number}", frames=frames, generated=generated)
            found.append((number, (_measure(versions, clip, generated), sample if number < num_samples else None)))
    by_clip = in_order(found)
    for measured, _ in by_clip:
        for name, metrics in measured.items():
            scores[name].append(metrics)
    values = conditions(len(clips), clips.shape[2:4], generated, task) | config_values(config)
    methods = {name: _record(of_method, config.seed) for name, of_method in scores.items()}
    values |= {"model_sha256": model_sha256, "methods": methods}
    return Report(values=values, samples=tuple(sample for _, sample in by_clip if sample is not None))


def _measure(versions: Mapping[str, Frames], clip: Frames, generated: Mask) -> dict[str, dict[str, Floats]]:
    """Every metric of every method's version of a clip, by generated frame."""
    return {
        name: {key: of(frames[generated], clip[generated]) for key, of in METRICS.items()}
        for name, frames in versions.items()
    }


def folder_table(report: Report) -> str:
    """Markdown: one row per method, with 95 % intervals over clips."""
    values = report.values
    lines = [
        conditions_line("1 clip" if values["count"] == 1 else f"{values['count']} clips", values),
        "",
        "| method | PSNR, dB (95 %) | SSIM (95 %) |",
        "|---|---|---|",
    ]
    for name, record in values["methods"].items():
        decibels = format_interval(record["psnr"], record["psnr_ci"])
        similarity = format_interval(record["ssim"], record["ssim_ci"], digits=3)
        lines.append(f"| {LABELS[name]} | {decibels} | {similarity} |")
    return "\n".join([*lines, ""])


def write_folder_report(report: Report, folder: str | Path) -> None:
    """Write report.json, table.md, quality_by_frame.png and sheet.png into a folder, each atomically."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(report.to_json(), folder / "report.json")
    write_text(folder_table(report), folder / "table.md")
    plot_quality_by_frame(report, folder / "quality_by_frame.png")
    write_sheet(report.samples, folder / "sheet.png", methods=SHEET_METHODS)


def plot_quality_by_frame(report: Report, path: Path) -> None:
    """PSNR and SSIM of each method at each generated frame."""
    frames = generated_frames(report.values)
    figure, axes = new_figure(len(METRICS), sharey=False)
    for axis, key, label in zip(axes, METRICS, ("PSNR, dB", "SSIM"), strict=True):
        for name, record in report.values["methods"].items():
            axis.plot(frames, record[f"{key}_by_frame"], label=LABELS[name], marker=".", **STYLES[name])
        axis.set(xlabel="frame", ylabel=label)
        axis.set_xticks(frame_ticks(int(frames[0]), int(frames[-1])))
        axis.grid(alpha=0.25)
    axes[-1].legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def _record(scores: list[dict[str, Floats]], seed: int) -> dict[str, Any]:
    """One method's metrics over all clips, as JSON values."""
    rng = np.random.default_rng(seed)  # the same resampled clips for every method
    record: dict[str, Any] = {}
    for key in METRICS:
        by_frame = np.stack([score[key] for score in scores])  # (clips, generated frames)
        record |= interval_values(key, bootstrap_mean(by_frame.mean(1), rng))
        record[f"{key}_by_frame"] = by_frame.mean(0).tolist()
    return record
