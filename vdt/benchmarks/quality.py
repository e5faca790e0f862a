"""Quality against time: samplers, numbers of steps, their spacing and reuse, on held-out scenes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm

from ..evaluation.networks import Sampling, sample
from ..evaluation.plots import new_figure, save_figure
from ..evaluation.statistics import with_bounds
from ..masks import predict
from .predictions import figures, predict_half
from .timing import in_turns

if TYPE_CHECKING:
    from ..autoencoder import AutoencoderKL
    from ..data.scenes import SceneClip
    from ..model import VDT


_guided = partial(Sampling, guidance_scale=2.0)
SETTINGS = (
    *(_guided(sampler="ddim", steps=steps) for steps in (5, 10, 20, 50)),
    *(_guided(sampler="ddim_quad", steps=steps) for steps in (5, 10, 20)),
    *(_guided(sampler="dpmpp_2m", steps=steps) for steps in (5, 10, 20)),
    *(_guided(sampler="dpmpp_2m_quad", steps=steps) for steps in (2, 3, 4, 5, 6, 8, 10)),
    *(_guided(sampler="unipc_quad", steps=steps) for steps in (2, 3, 4, 5, 6, 8, 10)),
    *(_guided(sampler="ddim", steps=20, reuse=reuse) for reuse in (0.05, 0.1, 0.2, 0.4)),
)


def bench_quality(
    model: VDT, vae: AutoencoderKL, clips: Sequence[SceneClip], settings: Iterable[Sampling] = SETTINGS
) -> list[dict[str, Any]]:
    """For each setting the seconds of sampling one clip, and how good predictions from half a clip are."""
    settings = list(settings)
    seconds = _seconds(model, len(clips[0].frames), settings)
    records = []
    for setting in tqdm(settings, unit="setting"):
        kept = figures(predict_half(model, vae, clips, **vars(setting))["model"])
        records.append({"setting": str(setting), **vars(setting), "seconds": seconds[str(setting)], **kept})
    return records


def quality_table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: one row per setting."""
    lines = ["| sampling | seconds a clip | centroid, px (95 %) | ball present | PSNR, dB |", "|---|---|---|---|---|"]
    for record in records:
        error = with_bounds(record["centroid_px"], record["centroid_px_ci"])
        lines.append(
            f"| {record['setting']} | {record['seconds']:.3f} | {error} "
            f"| {record['present']:.1%} | {record['psnr']:.2f} |"
        )
    return "\n".join([*lines, ""])


def plot_quality(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Centroid error and PSNR against seconds: a line per sampler and spacing (intervals are in the table)."""
    from matplotlib.ticker import LogLocator

    figure, axes = new_figure(2, sharey=False)
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        name = f"{record['sampler']}{' with reuse' if record['reuse'] else ''}"
        groups.setdefault(name, []).append(record)
    for name, members in groups.items():
        members = sorted(members, key=lambda member: member["seconds"])
        seconds = [member["seconds"] for member in members]
        for axis, figure_of_merit in zip(axes, ("centroid_px", "psnr"), strict=True):
            axis.plot(seconds, [member[figure_of_merit] for member in members], marker="o", label=name)
    for axis, label in zip(axes, ("centroid error, px", "PSNR, dB"), strict=True):
        axis.set(xlabel="seconds of sampling a clip", ylabel=label, xscale="log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter("")
        axis.grid(alpha=0.25)
    axes[1].legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def _seconds(model: VDT, num_frames: int, settings: Sequence[Sampling]) -> dict[str, float]:
    config = model.config
    side = config.input_size
    given = torch.zeros(1, num_frames, config.in_channels, side, side, device=model.pos_embed.device)
    mask = predict(num_frames, side, side, given=num_frames // 2)[None]

    def call(setting: Sampling) -> torch.Tensor:
        return sample(model, given, mask, setting, torch.Generator().manual_seed(0))

    return in_turns({str(setting): partial(call, setting) for setting in settings}, rounds=2)
