"""Quality against time on held-out scenes: samplers, numbers of steps, their spacing, and the step cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm

from ..evaluation.figures import new_figure, save_figure
from ..evaluation.statistics import format_interval
from ..inference.rollout import generate_latents
from ..inference.settings import SamplingConfig
from ..masks.tasks import Predict, over_cells
from ..models.transformer import VDT
from .predictions import predict_half, table_metrics
from .timing import in_turns

if TYPE_CHECKING:
    from ..inference.pipeline import Pipeline
    from ..physics.scenes import SceneClip

STEPS: Mapping[str, Sequence[int]] = {
    "ddim": (5, 10, 20, 50),
    "ddim_quad": (5, 10, 20),
    "dpmpp_2m": (5, 10, 20),
    "dpmpp_2m_quad": (2, 3, 4, 5, 6, 8, 10),
    "unipc_quad": (2, 3, 4, 5, 6, 8, 10),
}
STEP_CACHES = (0.05, 0.1, 0.2, 0.4)
SETTINGS = (
    *(SamplingConfig.named(name, steps=steps) for name, counts in STEPS.items() for steps in counts),
    *(SamplingConfig.named("ddim", steps=20, step_cache=threshold) for threshold in STEP_CACHES),
)


def bench_quality(
    pipeline: Pipeline, clips: Sequence[SceneClip], settings: Iterable[SamplingConfig] = SETTINGS
) -> list[dict[str, Any]]:
    """For each setting the seconds of sampling one clip, and the quality of predictions from half a clip."""
    settings = list(settings)
    seconds = _seconds(pipeline.model, len(clips[0].frames), settings)
    records = []
    for setting in tqdm(settings, unit="setting"):
        metrics = table_metrics(predict_half(pipeline, clips, setting)["model"])
        name = setting.for_text(False).describe()
        records.append({"setting": name, **setting.to_dict(), "seconds": seconds[name], **metrics})
    return records


def quality_table(records: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: one row per setting."""
    lines = [
        "| sampling | seconds a clip | centroid error, px (95 %) | ball present | PSNR, dB |",
        "|---|---|---|---|---|",
    ]
    for record in records:
        error = format_interval(record["centroid_px"], record["centroid_px_ci"])
        lines.append(
            f"| {record['setting']} | {record['seconds']:.3f} | {error} "
            f"| {record['present']:.1%} | {record['psnr']:.2f} |"
        )
    return "\n".join([*lines, ""])


def plot_quality(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Centroid error and PSNR against seconds: a line per sampler and spacing (intervals are in the table)."""
    from matplotlib.ticker import LogLocator

    figure, axes = new_figure(2, sharey=False)
    for name, members in _by_sampler(records).items():
        members = sorted(members, key=lambda member: member["seconds"])
        seconds = [member["seconds"] for member in members]
        for axis, metric in zip(axes, ("centroid_px", "psnr"), strict=True):
            axis.plot(seconds, [member[metric] for member in members], marker="o", label=name)
    for axis, label in zip(axes, ("centroid error, px", "PSNR, dB"), strict=True):
        axis.set(xlabel="seconds of sampling a clip", ylabel=label, xscale="log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter("")
        axis.grid(alpha=0.25)
    axes[1].legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def _by_sampler(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The records of each sampler and spacing, those with a step cache apart."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        spacing = " (quadratic)" if record["spacing"] == "quadratic" else ""
        cache = " with step cache" if record["step_cache"] else ""
        groups.setdefault(f"{record['sampler']}{spacing}{cache}", []).append(record)
    return groups


def _seconds(model: VDT, num_frames: int, settings: Sequence[SamplingConfig]) -> dict[str, float]:
    """Seconds of sampling one clip in each setting, by its description."""
    side = model.config.input_size
    raw = torch.zeros(1, num_frames, model.config.in_channels, side, side)
    cells = over_cells(Predict(given=num_frames // 2).frame_mask(num_frames), side, side)

    def call(setting: SamplingConfig) -> torch.Tensor:
        return generate_latents(model, raw, cells, seeds=[0], sampling=setting)

    return in_turns({setting.for_text(False).describe(): partial(call, setting) for setting in settings}, rounds=2)
