"""Footage of one's own: nothing is known of it but its pixels, so clips are scored by how close their pictures are."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..files import write_text
from . import baselines
from .evaluate import BETWEEN, Frames, Known, Report, Sample, conditions, known_frames, starts
from .metrics import psnr, ssim
from .networks import Sampling, network_frames
from .plots import LABELS, STYLES, conditions_line, frame_ticks, new_figure, save_figure, write_sheet
from .readout import Floats
from .statistics import bootstrap_mean, with_bounds, with_interval

if TYPE_CHECKING:
    from ..autoencoder import AutoencoderKL
    from ..model import VDT

SHOWN_METHODS = ("truth", "model", "vae", "linear_blend")
MEASURES = {"psnr": psnr, "ssim": ssim}


def evaluate_footage(
    model: VDT,
    vae: AutoencoderKL,
    clips: NDArray[np.uint8],
    *,
    task: str = "predict",
    given: int = 8,
    every: int = 4,
    listed: str = "0,-1",
    batch_size: int = 8,
    num_samples: int = 6,
    model_sha256: str | None = None,
    progress: bool = False,
    **how: Any,
) -> Report:
    """Scores generated frames of model and VAE round trip beside holding and cross-fading the given frames.

    Args:
        clips: uint8 (N, T, H, W, 3).
        task, given, every, listed: what is given, see `evaluate`.
        num_samples: clips kept for the contact sheet.
        how: steps, sampler, guidance_scale, seed and so on, see `Sampling`.

    Returns:
        A Report; values["methods"] holds method -> psnr (dB) and ssim, 95 % intervals over clips, means by frame.
    """
    known, sampling = known_frames(task, clips.shape[1], given=given, every=every, listed=listed), Sampling(**how)
    scores: dict[str, list[dict[str, Floats]]] = defaultdict(list)
    samples: list[Sample] = []
    for start in starts(len(clips), batch_size, progress):
        batch = list(clips[start : start + batch_size])
        made = network_frames(model, vae, batch, known, sampling, start=start)
        for index, clip in enumerate(batch):
            versions = {name: made[name][index] for name in ("model", "vae")} | _without_network(clip, known, task)
            for name, frames in versions.items():
                scores[name].append({key: of(frames[~known], clip[~known]) for key, of in MEASURES.items()})
            if len(samples) < num_samples:
                label = f"clip {start + index}"
                samples.append(Sample(label=label, frames={"truth": clip, **versions}, known=known))
    values = conditions(len(clips), clips.shape[2:4], known, task) | dataclasses.asdict(sampling)
    methods = {name: _record(of_method, sampling.seed) for name, of_method in scores.items()}
    values |= {"model_sha256": model_sha256, "methods": methods}
    return Report(values=values, samples=tuple(samples))


def footage_table(report: Report) -> str:
    """Markdown: one row per method, with 95 % intervals over clips."""
    values = report.values
    lines = [
        conditions_line("1 clip" if values["count"] == 1 else f"{values['count']} clips", values),
        "",
        "| method | PSNR, dB (95 %) | SSIM (95 %) |",
        "|---|---|---|",
    ]
    for name, record in values["methods"].items():
        decibels = with_bounds(record["psnr"], record["psnr_ci"])
        likeness = with_bounds(record["ssim"], record["ssim_ci"], digits=3)
        lines.append(f"| {LABELS[name]} | {decibels} | {likeness} |")
    return "\n".join([*lines, ""])


def write_footage(report: Report, folder: Path) -> None:
    """Write report.json, table.md, quality_by_frame.png and sheet.png into a folder, each atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(report.to_json(), folder / "report.json")
    write_text(footage_table(report), folder / "table.md")
    plot_footage(report, folder / "quality_by_frame.png")
    write_sheet(report, folder / "sheet.png", methods=SHOWN_METHODS)


def plot_footage(report: Report, path: Path) -> None:
    """PSNR and SSIM of each method at each generated frame."""
    frames = np.setdiff1d(np.arange(report.values["num_frames"]), report.values["known_frames"])
    figure, axes = new_figure(len(MEASURES), sharey=False)
    for axis, key, label in zip(axes, MEASURES, ("PSNR, dB", "SSIM"), strict=True):
        for name, record in report.values["methods"].items():
            axis.plot(frames, record[f"{key}_by_frame"], label=LABELS[name], marker=".", **STYLES[name])
        axis.set(xlabel="frame", ylabel=label)
        axis.set_xticks(frame_ticks(int(frames[0]), int(frames[-1])))
        axis.grid(alpha=0.25)
    axes[-1].legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def _without_network(clip: Frames, known: Known, task: str) -> dict[str, Frames]:
    """The given frames held, and cross-faded where they lie on both sides."""
    held = {"copy_last": baselines.copy_last(clip, known)}
    return held | {"linear_blend": baselines.linear_blend(clip, known)} if task in BETWEEN else held


def _record(scores: list[dict[str, Floats]], seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)  # the same resampled clips for every method
    record: dict[str, Any] = {}
    for key in MEASURES:
        by_frame = np.stack([score[key] for score in scores])  # (clips, generated frames)
        record |= with_interval(key, bootstrap_mean(by_frame.mean(1), rng))
        record[f"{key}_by_frame"] = by_frame.mean(0).tolist()
    return record
