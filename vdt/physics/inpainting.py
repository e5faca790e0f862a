"""Inpainting and outpainting: parts of frames that the model fills, compared with a smooth fill from the boundary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray

from ..evaluation.compare import seam
from ..evaluation.generation import generate_clips, round_trip
from ..evaluation.metrics import decibels
from ..evaluation.records import Frames, Mask, batch_starts
from ..evaluation.statistics import bootstrap_mean, format_interval, interval_values
from ..inference.color_match import pull_push_fill
from ..inference.settings import GenerationConfig
from ..visualize.contact_sheet import Row, contact_sheet
from .ball_tracker import VISIBLE_SHARE, track
from .report import LABELS

if TYPE_CHECKING:
    from ..inference.pipeline import Pipeline
    from .scenes import SceneClip

# T frames, H x W pixels; masks are bool (T, H, W), True = generated.

Size = tuple[int, int, int]  # T, H, W
METHODS = ("model", "vae", "run_on", "truth")  # keys of the records; "run_on" is `boundary_fill`
AVERAGED = ("psnr", "seam", "centroid_px", "present")  # one number per clip, averaged over clips
ENDS = 2  # frames given whole at both ends
SHOWN = 3  # clips of each mask on the sheet


def _rectangle(size: Size, rows: tuple[int, int], columns: tuple[int, int], *, ends: int = 0) -> Mask:
    """A rectangle, in eighths of height and width, in all frames but the first and last `ends`."""
    mask = np.zeros(size, bool)
    top, bottom = (size[1] * row // 8 for row in rows)
    left, right = (size[2] * column // 8 for column in columns)
    mask[ends : size[0] - ends, top:bottom, left:right] = True
    return mask


AREAS: Mapping[str, Callable[[Size], Mask]] = {
    "the middle quarter": lambda size: _rectangle(size, (2, 6), (2, 6)),
    f"the middle quarter, {ENDS} frames given at both ends": lambda size: _rectangle(size, (2, 6), (2, 6), ends=ENDS),
    "the right half": lambda size: _rectangle(size, (0, 8), (4, 8)),
    "around the picture": lambda size: ~_rectangle(size, (1, 7), (1, 7)),
}


def evaluate_inpainting(
    pipeline: Pipeline,
    clips: Sequence[SceneClip],
    folder: Path,
    config: GenerationConfig,
    *,
    batch_size: int = 8,
    progress: bool = False,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Generate every one of AREAS in all clips, and write a sheet for each to `folder`; area -> method -> record.

    The ground truth is hidden: the model sees clips whose generated pixels hold `boundary_fill`, so that nothing of the
    truth reaches it through latent cells that are given in part. A record has PSNR of the generated pixels, the mean
    step across their boundary (`seam`, 8-bit levels), and the centroid error and presence of the ball in frames where
    it truly is inside; 95 % intervals over clips.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for number, (name, make) in enumerate(AREAS.items()):
        generated = make(clips[0].frames.shape[:3])
        scores: dict[str, list[dict[str, float]]] = defaultdict(list)
        rows: list[Row] = []
        for start in batch_starts(len(clips), batch_size, progress=progress, description="inpainting"):
            batch = clips[start : start + batch_size]
            for index, made in enumerate(_results(pipeline, batch, generated, config, start)):
                for method, frames in made.items():
                    scores[method].append(_score(frames, batch[index], generated))
                rows += _rows(made) if start + index < SHOWN else []
        found[name] = {method: _record(of_method, config.seed) for method, of_method in scores.items()}
        contact_sheet(rows, folder / f"area_{number + 1}.png")
    return found


def inpainting_table(areas: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Markdown: one row per area and method."""
    lines = [
        "| generated | method | PSNR there, dB (95 %) | step across the boundary | ball inside, px (95 %) | present |",
        "|---|---|---|---|---|---|",
    ]
    for name, methods in areas.items():
        for method, record in methods.items():
            quality = "-" if method == "truth" else format_interval(record["psnr"], record["psnr_ci"])
            ball = "- | -"
            if record["centroid_px"] is not None:
                ball = f"{format_interval(record['centroid_px'], record['centroid_px_ci'])} | {record['present']:.1%}"
            lines.append(f"| {name} | {LABELS[method]} | {quality} | {record['seam']:.1f} | {ball} |")
    return "\n".join([*lines, ""])


def boundary_fill(frames: Frames, generated: Mask) -> Frames:
    """Frames (T, H, W, 3) with their generated pixels filled smoothly from the given ones; grey where none are."""
    pixels = rearrange(torch.from_numpy(frames).float() - 128, "t h w c -> t c h w")
    given = torch.from_numpy(~generated)[:, None].float()
    filled = rearrange(pull_push_fill(pixels, given) + 128, "t c h w -> t h w c").round().clamp(0, 255).numpy()
    return np.where(generated[..., None], filled.astype(np.uint8), frames)


def _results(
    pipeline: Pipeline, clips: Sequence[SceneClip], generated: Mask, config: GenerationConfig, start: int
) -> list[dict[str, Frames]]:
    """For each clip the frames of every method."""
    truth = [clip.frames for clip in clips]
    hidden = [boundary_fill(frames, generated) for frames in truth]
    made = generate_clips(pipeline, hidden, generated, config, start=start)
    coded = round_trip(pipeline, truth, generated, config)
    return [dict(zip(METHODS, each, strict=True)) for each in zip(made, coded, hidden, truth, strict=True)]


def _score(frames: Frames, clip: SceneClip, generated: Mask) -> dict[str, float]:
    squared = ((frames[generated].astype(np.float64) - clip.frames[generated]) ** 2).mean()
    ball, inside = track(frames, clip.colours[0], clip.radius), _inside(clip, generated)
    error = np.linalg.norm(ball.centres - clip.centres[0], axis=-1)
    step = seam(frames, generated)
    assert step is not None, "an area has a boundary"
    return {
        "psnr": float(decibels(squared)),
        "seam": step,
        "centroid_px": float(error[inside].mean()) if inside.any() else float("nan"),
        "present": float(ball.present[inside].mean()) if inside.any() else float("nan"),
    }


def _inside(clip: SceneClip, generated: Mask) -> NDArray[np.bool_]:
    """In which frames the ball's centre is visible and a generated pixel, (T,)."""
    places = clip.centres[0, :, ::-1].round().astype(int)  # (T, 2) as row, column
    last = np.array(generated.shape[1:]) - 1
    within = ((places >= 0) & (places <= last)).all(1) & (clip.visible[0] >= VISIBLE_SHARE)
    row, column = places.clip(0, last).T
    return within & generated[np.arange(len(generated)), row, column]


def _record(scores: Sequence[Mapping[str, float]], seed: int) -> dict[str, Any]:
    """One method's metrics over all clips, as JSON values."""
    rng = np.random.default_rng(seed)  # the same resampled clips for every method
    record: dict[str, Any] = {"clips": len(scores)}
    for name in AVERAGED:
        record |= interval_values(name, bootstrap_mean([score[name] for score in scores], rng))
    return record


def _rows(made: Mapping[str, Frames]) -> list[Row]:
    labels = {"truth": "truth", "run_on": "given,\nboundary fill", "model": "VDT"}
    return [Row(label=label, frames=made[method]) for method, label in labels.items()]
