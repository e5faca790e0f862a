"""How well any predictor could do: a fit of what the given frames show, on clips whose ball moves smoothly.

A model cannot know the ball's speed better than given frames show it, and it sees them through its VAE. Where ball and
target meet, or the ball bounces, no such bound is known: those clips are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation.records import Frames, Mask
from ..evaluation.statistics import bootstrap_mean, format_interval, interval_values
from .ball_tracker import centroid_error, track
from .baselines import extrapolate

if TYPE_CHECKING:
    from ..inference.pipeline import Pipeline
    from .scenes import SceneClip

SMOOTH = 0.35  # px of a 64 px picture: the most by which true centres leave a parabola


def is_smooth(clip: SceneClip) -> bool:
    """Whether the ball's true way through the picture is a parabola in time, up to SMOOTH."""
    t = np.arange(len(clip.frames), dtype=np.float64)
    basis = np.stack([t**power for power in range(3)], axis=1)
    centres = clip.centres[0].astype(np.float64)
    residual = centres - basis @ np.linalg.lstsq(basis, centres, rcond=None)[0]
    return float(np.linalg.norm(residual, axis=1).max()) <= SMOOTH * clip.frames.shape[2] / 64


def prediction_floor(
    pipeline: Pipeline | None, clips: Sequence[SceneClip], generated: Mask, *, seed: int = 0
) -> dict[str, Any]:
    """Mean centroid error of a parabola fitted to the given frames of smooth clips, as JSON values with intervals.

    "pixels_px" sees the frames themselves, "vae_px" sees them through the VAE, as a model does.
    """
    smooth = [clip for clip in clips if is_smooth(clip)]
    record: dict[str, Any] = {"clips": len(smooth)}
    rng = np.random.default_rng(seed)
    errors = [_error(clip, clip.frames, generated) for clip in smooth]
    record |= interval_values("pixels_px", bootstrap_mean(errors, rng))
    if pipeline is not None:
        seen = [_seen_through_vae(pipeline, clip, generated) for clip in smooth]
        errors = [_error(clip, frames, generated) for clip, frames in zip(smooth, seen, strict=True)]
        record |= interval_values("vae_px", bootstrap_mean(errors, rng))
    return record


def floor_line(record: dict[str, Any]) -> str:
    """One sentence for a report."""
    if record.get("pixels_px") is None:
        return "Prediction floor: no clip of these moves smoothly."
    parts = [f"{format_interval(record['pixels_px'], record['pixels_px_ci'])} px from the given frames' pixels"]
    if record.get("vae_px") is not None:
        parts.append(f"{format_interval(record['vae_px'], record['vae_px_ci'])} px from what the VAE leaves of them")
    return (
        f"Prediction floor, a parabola through the ball's places in the given frames of the {record['clips']} clips "
        f"that move smoothly: {', '.join(parts)}."
    )


def _error(clip: SceneClip, frames: Frames, generated: Mask) -> float:
    """Mean error on generated frames of the ball's way fitted to the given ones of `frames`, NaN if none is scored."""
    found = track(frames, clip.colours[0], clip.radius)
    ahead = replace(found, centres=extrapolate(found, generated, "quadratic"))
    error = centroid_error(ahead, clip.centres[0], clip.visible[0], generated)
    return float(error.error[error.scored].mean()) if error.scored.any() else float("nan")


def _seen_through_vae(pipeline: Pipeline, clip: SceneClip, generated: Mask) -> Frames:
    """The clip with its given frames encoded and decoded."""
    frames = clip.frames.copy()
    given = clip.frames[~generated]
    frames[~generated] = pipeline.codec.decode(pipeline.codec.encode(given), (given.shape[1], given.shape[2]))
    return frames
