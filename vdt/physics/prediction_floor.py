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
from .ball_tracker import Track, centroid_error, track
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
    tracks = (track(clip.frames, clip.colours[0], clip.radius) for clip in clips)
    return floor_record([clip_floor(pipeline, *each, generated) for each in zip(clips, tracks, strict=True)], seed=seed)


def clip_floor(pipeline: Pipeline | None, clip: SceneClip, truth: Track, generated: Mask) -> dict[str, float] | None:
    """The errors of one clip, by the names of `prediction_floor`; truth is the track of its ball. None: not smooth."""
    if not is_smooth(clip):
        return None
    errors = {"pixels_px": _error(clip, truth, generated)}
    if pipeline is not None:
        seen = _seen_through_vae(pipeline, clip, generated)
        errors["vae_px"] = _error(clip, track(seen, clip.colours[0], clip.radius), generated)
    return errors


def floor_record(found: Sequence[dict[str, float] | None], *, seed: int) -> dict[str, Any]:
    """JSON values of what `clip_floor` found of each clip."""
    errors = [each for each in found if each is not None]
    record: dict[str, Any] = {"clips": len(errors)}
    rng = np.random.default_rng(seed)
    for name in errors[0] if errors else ("pixels_px",):
        record |= interval_values(name, bootstrap_mean([each[name] for each in errors], rng))
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


def _error(clip: SceneClip, found: Track, generated: Mask) -> float:
    """Mean error on generated frames of the ball's way fitted to its track in given ones, NaN if none is scored."""
    ahead = replace(found, centres=extrapolate(found, generated, "quadratic"))
    error = centroid_error(ahead, clip.centres[0], clip.visible[0], generated)
    return float(error.error[error.scored].mean()) if error.scored.any() else float("nan")


def _seen_through_vae(pipeline: Pipeline, clip: SceneClip, generated: Mask) -> Frames:
    """The clip with its given frames encoded and decoded."""
    frames = clip.frames.copy()
    given = clip.frames[~generated]
    frames[~generated] = pipeline.codec.decode(pipeline.codec.encode(given), (given.shape[1], given.shape[2]))
    return frames
