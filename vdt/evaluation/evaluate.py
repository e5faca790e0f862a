"""Runs the model and every baseline over held-out clips and says, with intervals, how far each is from the truth."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .. import masks
from . import baselines
from .contact import touches
from .metrics import centroid_error, colour_drift, psnr, seam_jump, ssim
from .motion import NOTHING, Motion, motion
from .networks import Sampling, network_frames
from .readout import Floats, Track, track
from .statistics import bootstrap_mean, proportion, with_interval

if TYPE_CHECKING:
    from ..autoencoder import AutoencoderKL
    from ..data.scenes import SceneClip
    from ..model import VDT

Frames = NDArray[np.uint8]
Known = NDArray[np.bool_]

TASKS = ("predict", "backward", "interpolate", "image_to_video", "frames")
BETWEEN = ("interpolate", "frames")  # given frames may lie on both sides
MOTION = ("gravity", "bounce", "energy_rise")  # of thrown balls, from the last two given frames on
SEAM = ("seam", "step")  # see `seam_jump`
SCORES = ("centroid_px", "present", "psnr", "ssim", "drift", *MOTION, *SEAM)  # one number per clip, averaged over clips


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One method's version of a clip: frames (T, H, W, 3) and where its ball is."""

    frames: Frames
    track: Track


@dataclass(frozen=True, kw_only=True)
class Score:
    """One method's numbers for one clip; NaN (contact: None) where the clip cannot tell."""

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


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A clip kept to look at: frames by method, "truth" among them; known (T,) bool, True = given."""

    label: str
    frames: dict[str, Frames]
    known: Known


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `evaluate` found: values is the JSON record, samples are a few clips to look at."""

    values: dict[str, Any]
    samples: tuple[Sample, ...]

    def to_json(self) -> str:
        return json.dumps(self.values, indent=2, allow_nan=False) + "\n"


def evaluate(
    model: VDT | None,
    vae: AutoencoderKL | None,
    clips: Sequence[SceneClip],
    *,
    task: str = "predict",
    given: int = 8,
    every: int = 4,
    listed: str = "0,-1",
    batch_size: int = 8,
    samples_per_family: int = 2,
    model_sha256: str | None = None,
    progress: bool = False,
    **how: Any,
) -> Report:
    """Scores model, VAE round trip and analytic baselines on the generated frames of clips.

    The noise of a clip depends on `seed` and its place in the list, never on the batch.

    Args:
        model: the network, or None to score everything else.
        vae: its autoencoder; None only without a model.
        clips: scenes of one size and length.
        task: what is given: "predict" the first `given` frames, "backward" the last `given`, "interpolate" every
            `every`-th and the last, "image_to_video" the first, "frames" those `listed`.
        samples_per_family: clips kept for the contact sheet; model_sha256: copied into the report.
        how: steps, sampler, guidance_scale, seed and so on, see `Sampling`.

    Returns:
        A Report; values["families"] holds family -> method -> record, with "all" pooled over the others, and "readout"
        for the truth through the same readout, the floor of every centroid error.
    """
    _check(model, vae, clips)
    known = known_frames(task, len(clips[0].frames), given=given, every=every, listed=listed)
    sampling = Sampling(**how)
    scores: dict[str, dict[str, list[Score]]] = {family: {} for family in sorted({clip.family for clip in clips})}
    samples: list[Sample] = []
    for start in starts(len(clips), batch_size, progress):
        batch = clips[start : start + batch_size]
        made = network_frames(model, vae, [clip.frames for clip in batch], known, sampling, start=start)
        for index, clip in enumerate(batch):
            attempts = _attempts(clip, known, {name: frames[index] for name, frames in made.items()}, task)
            _add_scores(scores[clip.family], attempts, clip, known)
            if len(scores[clip.family]["readout"]) <= samples_per_family:
                samples.append(_sample(clip, attempts, known))
    values = conditions(len(clips), clips[0].frames.shape[1:3], known, task) | dataclasses.asdict(sampling)
    values |= {"split": "+".join(sorted({clip.split for clip in clips})), "model_sha256": model_sha256}
    return Report(values={**values, "families": _families(scores, sampling.seed)}, samples=tuple(samples))


def known_frames(task: str, num_frames: int, *, given: int = 8, every: int = 4, listed: str = "0,-1") -> Known:
    """Which frames a task gives, (T,) bool; ValueError for an unknown task or impossible numbers."""
    makers: dict[str, Callable[[], Tensor]] = {
        "predict": lambda: masks.predict(num_frames, 1, 1, given=given),
        "backward": lambda: masks.backward(num_frames, 1, 1, given=given),
        "interpolate": lambda: masks.interpolate(num_frames, 1, 1, every=every),
        "image_to_video": lambda: masks.image_to_video(num_frames, 1, 1, frame=0),
        "frames": lambda: masks.frames(num_frames, 1, 1, given=listed),
    }
    if task not in makers:
        raise ValueError(f"task {task!r} cannot be evaluated, expected one of {', '.join(TASKS)}")
    return ~makers[task]()[:, 0, 0].numpy()


def conditions(count: int, size: Sequence[int], known: Known, task: str) -> dict[str, Any]:
    """What a report says of its clips: size is (H, W), known (T,) bool."""
    return {
        "count": count,
        "task": task,
        "given": int(known.sum()),
        "known_frames": np.flatnonzero(known).tolist(),
        "size": list(size),
        "num_frames": len(known),
    }


def starts(count: int, batch_size: int, progress: bool) -> Iterator[int]:
    """Number of the first clip of each batch, with a bar."""
    from tqdm import tqdm

    with tqdm(total=count, unit="clip", desc="evaluate", disable=not progress) as bar:
        for start in range(0, count, batch_size):
            yield start
            bar.update(min(batch_size, count - start))


def contact_to_predict(clip: SceneClip, known: Known) -> bool | None:
    """Whether ball and target meet after the given frames.

    None where there is nothing to predict: no target, contact already in the given frames, or given frames that are
    not just the first ones.
    """
    given = int(known.sum())
    if len(clip.colours) < 2 or not known[:given].all() or 0 <= clip.contact_frame < given:
        return None
    return given <= clip.contact_frame < len(known)


def _check(model: VDT | None, vae: AutoencoderKL | None, clips: Sequence[SceneClip]) -> None:
    if not clips:
        raise ValueError("evaluation needs at least one clip, got none: raise the count")
    if model is not None and vae is None:
        raise ValueError("a model cannot be evaluated without its VAE, got None: pass the VAE")
    shapes = sorted({clip.frames.shape for clip in clips})
    if len(shapes) > 1:
        raise ValueError(f"clips must share one size and length, got {shapes}: load them with one size")


def _attempts(clip: SceneClip, known: Known, made: dict[str, Frames], task: str) -> dict[str, Attempt]:
    """Every method's version of one clip; the analytic ones read nothing but given frames."""
    attempts: dict[str, Attempt] = {name: _read(made[name], clip) for name in ("model", "vae") if name in made}
    attempts["copy_last"] = _read(baselines.copy_last(clip.frames, known), clip)
    if task in BETWEEN:
        attempts["linear_blend"] = _read(baselines.linear_blend(clip.frames, known), clip)
    truth = _read(clip.frames, clip)
    for name in baselines.DEGREES:
        centres = baselines.extrapolate(truth.track, known, name)
        frames = baselines.draw_moved(clip.frames, clip, truth.track, known, centres)
        drawn = track(frames, clip.colours[0], clip.radius)
        attempts[name] = Attempt(frames=frames, track=Track(centres=centres, present=drawn.present, area=drawn.area))
    return {**attempts, "readout": truth}


def _read(frames: Frames, clip: SceneClip) -> Attempt:
    return Attempt(frames=frames, track=track(frames, clip.colours[0], clip.radius))


def _add_scores(scores: dict[str, list[Score]], attempts: dict[str, Attempt], clip: SceneClip, known: Known) -> None:
    for name, attempt in attempts.items():
        scores.setdefault(name, []).append(_score(attempt, clip, known))


def _score(attempt: Attempt, clip: SceneClip, known: Known) -> Score:
    ball = centroid_error(attempt.track, clip.centres[0], clip.visible[0], known)
    scored, generated = ball.scored, ~known
    true_contact = contact_to_predict(clip, known)
    drift = colour_drift(attempt.frames, clip.frames, generated)
    jump = seam_jump(attempt.frames, known)
    return Score(
        centroid_px=float(ball.error[scored].mean()) if scored.any() else float("nan"),
        present=float(ball.present[scored].mean()) if scored.any() else float("nan"),
        psnr=float(psnr(attempt.frames[generated], clip.frames[generated]).mean()),
        ssim=float(ssim(attempt.frames[generated], clip.frames[generated]).mean()),
        drift=_number(drift),
        seam=_number(jump.seam),
        step=_number(jump.step),
        error_by_frame=ball.error,
        given_exact=bool(np.abs(attempt.frames[known].astype(int) - clip.frames[known]).max(initial=0) == 0),
        contact=None if true_contact is None else touches(attempt.frames, clip, known),
        true_contact=true_contact,
        **vars(_motion(attempt.track, clip, known)),
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _motion(found: Track, clip: SceneClip, known: Known) -> Motion:
    """Of a thrown ball that is predicted forwards; the energy is taken in the truth's own gravity."""
    given = int(known.sum())
    if clip.family != "projectile" or not known[:given].all():
        return NOTHING
    start = max(0, given - 2)
    truth = motion(clip.centres[0, start:].astype(np.float64), clip.visible[0, start:] > 0.9)
    return motion(found.centres[start:], found.present[start:], truth.gravity)


def _sample(clip: SceneClip, attempts: dict[str, Attempt], known: Known) -> Sample:
    frames = {name: attempt.frames for name, attempt in attempts.items() if name != "readout"}
    return Sample(label=f"{clip.family}\n{clip.seed}", frames={"truth": clip.frames, **frames}, known=known)


def _families(scores: dict[str, dict[str, list[Score]]], seed: int) -> dict[str, dict[str, Any]]:
    methods = next(iter(scores.values()))
    pooled = {name: [score for family in scores.values() for score in family[name]] for name in methods}
    return {
        family: {name: _record(name, of_method, seed) for name, of_method in by_method.items()}
        for family, by_method in {**scores, "all": pooled}.items()
    }


def _record(method: str, scores: list[Score], seed: int) -> dict[str, Any]:
    """One method's numbers over the clips of one family, as JSON values."""
    rng = np.random.default_rng(seed)  # the same resampled clips for every method
    record: dict[str, Any] = {"clips": len(scores)}
    for name in SCORES:
        record |= with_interval(name, bootstrap_mean([getattr(score, name) for score in scores], rng))
    errors = np.stack([score.error_by_frame for score in scores])
    counted = ~np.isnan(errors)
    sums, counts = np.where(counted, errors, 0).sum(0), counted.sum(0)
    record["centroid_px_by_frame"] = [float(s / n) if n else None for s, n in zip(sums, counts, strict=True)]
    if method == "model":
        record["given_exact"] = float(np.mean([score.given_exact for score in scores]))
    contacts = [score for score in scores if score.true_contact is not None]
    record["contact_clips"] = len(contacts)
    record |= with_interval("contact_accuracy", proportion([s.contact == s.true_contact for s in contacts]))
    happened = np.array([bool(score.true_contact) for score in contacts])
    record["contact_majority"] = float(max(happened.mean(), 1 - happened.mean())) if len(contacts) else None
    return record
