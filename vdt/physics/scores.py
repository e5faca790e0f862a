"""One method's result for one clip as numbers, and the means of these over clips with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation.metrics import colour_drift, psnr, seam_jump, ssim
from ..evaluation.records import Floats, Frames, Mask
from ..evaluation.statistics import bootstrap_curve, bootstrap_mean, curve_values, interval_values, proportion
from .ball_tracker import Track, centroid_error
from .contact import contact_to_predict, touches
from .motion import thrown_motion
from .objects import ObjectScore, score_object

if TYPE_CHECKING:
    from .scenes import SceneClip

MOTION = ("gravity", "bounce", "energy_rise")  # of thrown balls, see `thrown_motion`
SEAM = ("seam", "step")  # see `seam_jump`
# One number per clip, averaged over clips. The order decides which bootstrap draws each of them gets.
AVERAGED = ("centroid_px", "present", "psnr", "ssim", "drift", *MOTION, *SEAM)
OBJECTS = ("ball", "target")
OBJECT_METRICS = ("iou", "present", "delta_e", "levels")  # see `ObjectScore`


@dataclass(frozen=True, kw_only=True, eq=False)
class MethodResult:
    """One method's version of a clip: frames (T, H, W, 3), and the track of its ball."""

    frames: Frames
    track: Track


@dataclass(frozen=True, kw_only=True, eq=False)
class Score:
    """One method's metrics of one clip; NaN (contact: None) where the clip has no answer."""

    centroid_px: float
    present: float
    psnr: float
    ssim: float
    drift: float
    gravity: float
    bounce: float
    energy_rise: float
    seam: float
    step: float
    error_by_frame: Floats
    given_exact: bool
    contact: bool | None  # whether ball and target meet, in pixels and in truth
    true_contact: bool | None
    objects: Mapping[str, ObjectScore]  # by OBJECTS, as many as the scene has


def score_clip(result: MethodResult, clip: SceneClip, generated: Mask) -> Score:
    """All metrics of one method on the generated frames, bool (T,), of one clip."""
    ball = centroid_error(result.track, clip.centres[0], clip.visible[0], generated)
    scored, given = ball.scored, ~generated
    true_contact = contact_to_predict(clip, generated)
    jump = seam_jump(result.frames, generated)
    return Score(
        centroid_px=float(ball.error[scored].mean()) if scored.any() else float("nan"),
        present=float(ball.present[scored].mean()) if scored.any() else float("nan"),
        psnr=float(psnr(result.frames[generated], clip.frames[generated]).mean()),
        ssim=float(ssim(result.frames[generated], clip.frames[generated]).mean()),
        drift=_nan_if_none(colour_drift(result.frames, clip.frames, generated)),
        seam=_nan_if_none(jump.seam),
        step=_nan_if_none(jump.step),
        error_by_frame=ball.error,
        given_exact=bool(np.abs(result.frames[given].astype(int) - clip.frames[given]).max(initial=0) == 0),
        contact=None if true_contact is None else touches(result.frames, clip, generated),
        true_contact=true_contact,
        objects={
            name: score_object(result.frames, clip, number, generated)
            for number, name in enumerate(OBJECTS[: len(clip.colours)])
        },
        **vars(thrown_motion(result.track, clip, generated)),
    )


def family_records(
    scores: Mapping[str, Mapping[str, Sequence[Score]]], seed: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """JSON values: family -> method -> record, with "all" pooled over the other families."""
    methods = next(iter(scores.values()))
    pooled = {name: [score for family in scores.values() for score in family[name]] for name in methods}
    return {
        family: {name: _record(name, of_method, seed) for name, of_method in by_method.items()}
        for family, by_method in {**scores, "all": pooled}.items()
    }


def _record(method: str, scores: Sequence[Score], seed: int) -> dict[str, Any]:
    """One method's metrics over the clips of one family, as JSON values."""
    rng = np.random.default_rng(seed)  # the same resampled clips for every method
    record: dict[str, Any] = {"clips": len(scores)}
    for name in AVERAGED:
        record |= interval_values(name, bootstrap_mean([getattr(score, name) for score in scores], rng))
    record |= curve_values("centroid_px", bootstrap_curve([score.error_by_frame for score in scores], rng))
    for name in OBJECTS:
        record |= _object_record(name, [score.objects[name] for score in scores if name in score.objects], rng)
    if method == "model":
        record["given_exact"] = float(np.mean([score.given_exact for score in scores]))
    contacts = [score for score in scores if score.true_contact is not None]
    record["contact_clips"] = len(contacts)
    record |= interval_values("contact_accuracy", proportion([s.contact == s.true_contact for s in contacts]))
    happened = np.array([bool(score.true_contact) for score in contacts])
    record["contact_majority"] = float(max(happened.mean(), 1 - happened.mean())) if len(contacts) else None
    return record


def _object_record(name: str, scores: Sequence[ObjectScore], rng: np.random.Generator) -> dict[str, Any]:
    """Metrics of one object: over all generated frames, at the last frame of the clip, and by frame."""
    record: dict[str, Any] = {}
    for metric in OBJECT_METRICS:
        values = np.stack([getattr(score, metric) for score in scores]) if scores else np.empty((0, 0))
        key = f"{name}_{metric}"
        record |= interval_values(key, bootstrap_mean(_mean_over_frames(values), rng))
        record |= interval_values(f"{key}_last", bootstrap_mean(values[:, -1] if scores else [], rng))
        record |= curve_values(key, bootstrap_curve(values, rng) if scores else [])
    return record


def _mean_over_frames(values: Floats) -> Floats:
    """Means of values (clips, frames) over the frames that have one, NaN for clips without any."""
    counts = (~np.isnan(values)).sum(1)
    return np.where(counts > 0, np.nansum(values, axis=1) / np.maximum(counts, 1), np.nan)


def _nan_if_none(value: float | None) -> float:
    return float("nan") if value is None else value
