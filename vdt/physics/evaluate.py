"""Scores the model, its VAE and every baseline on simulated scenes, against the simulator's truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..evaluation.baselines import simple_baselines
from ..evaluation.generation import config_values, generate_and_round_trip
from ..evaluation.records import DEFAULT_TASK, Frames, Mask, Report, Sample, batch_starts, conditions, in_order
from ..inference.settings import GenerationConfig
from ..masks.tasks import Task
from . import baselines
from .ball_tracker import Track, track
from .prediction_floor import clip_floor, floor_record
from .scores import MethodResult, Score, family_records, score_clip

if TYPE_CHECKING:
    from ..inference.pipeline import Pipeline
    from .scenes import SceneClip

READOUT = "readout"  # the truth through the ball tracker, the floor of every centroid error


def evaluate_scenes(
    pipeline: Pipeline | None,
    clips: Sequence[SceneClip],
    *,
    task: Task = DEFAULT_TASK,
    config: GenerationConfig | None = None,
    batch_size: int = 8,
    samples_per_family: int = 4,
    model_sha256: str | None = None,
    progress: bool = False,
) -> Report:
    """Score model, VAE round trip and analytic baselines on the generated frames of clips.

    Args:
        pipeline: model and VAE, or None to score the baselines alone.
        clips: scenes of one size and length.
        task: which frames are given.
        config: None is the measured defaults. The noise of a clip depends on its seed and on the clip's number.
        samples_per_family: clips kept for the contact sheet.
        model_sha256: copied into the report.

    Returns:
        A Report; values["families"] holds family -> method -> record, with "all" pooled over the others, and "readout"
        for the truth through the ball tracker.

    Raises:
        ValueError: for no clips, clips of several sizes, or a task that they are too short for.
    """
    _check(clips)
    generated = task.frame_mask(len(clips[0].frames)).numpy()
    config = config or GenerationConfig()
    shown = _shown(clips, samples_per_family)
    found: list[tuple[int, tuple[dict[str, Score], Sample | None, dict[str, float] | None]]] = []
    for start in batch_starts(len(clips), batch_size, progress=progress, shared=True):
        batch = clips[start : start + batch_size]
        made = generate_and_round_trip(pipeline, [clip.frames for clip in batch], generated, config, start=start)
        for index, clip in enumerate(batch):
            results = _results(clip, generated, {name: frames[index] for name, frames in made.items()})
            scores = {name: score_clip(result, clip, generated) for name, result in results.items()}
            sample = _sample(clip, results, generated) if start + index in shown else None
            floor = clip_floor(pipeline, clip, results[READOUT].track, generated)
            found.append((start + index, (scores, sample, floor)))
    by_clip = in_order(found)
    values = conditions(len(clips), clips[0].frames.shape[1:3], generated, task) | config_values(config)
    values |= {"split": "+".join(sorted({clip.split for clip in clips})), "model_sha256": model_sha256}
    values["prediction_floor"] = floor_record([floor for _, _, floor in by_clip], seed=config.seed)
    families = family_records(_by_family(clips, [scores for scores, _, _ in by_clip]), config.seed)
    samples = tuple(sample for _, sample, _ in by_clip if sample is not None)
    return Report(values={**values, "families": families}, samples=samples)


def _by_family(clips: Sequence[SceneClip], scores: Sequence[Mapping[str, Score]]) -> dict[str, dict[str, list[Score]]]:
    """Scores of every clip by method, as those of every family by method."""
    families: dict[str, dict[str, list[Score]]] = {family: {} for family in sorted({clip.family for clip in clips})}
    for clip, own in zip(clips, scores, strict=True):
        for name, score in own.items():
            families[clip.family].setdefault(name, []).append(score)
    return families


def _shown(clips: Sequence[SceneClip], per_family: int) -> set[int]:
    """The numbers of the first clips of each family, which are kept to look at."""
    counts: dict[str, int] = {}
    chosen = set()
    for number, clip in enumerate(clips):
        counts[clip.family] = counts.get(clip.family, 0) + 1
        if counts[clip.family] <= per_family:
            chosen.add(number)
    return chosen


def _check(clips: Sequence[SceneClip]) -> None:
    if not clips:
        raise ValueError("evaluation needs at least one clip, got none: raise the count")
    shapes = sorted({clip.frames.shape for clip in clips})
    if len(shapes) > 1:
        raise ValueError(f"clips must share one size and length, got {shapes}: load them with one size")


def _results(clip: SceneClip, generated: Mask, made: Mapping[str, Frames]) -> dict[str, MethodResult]:
    """Every method's version of one clip; the baselines read nothing but given frames."""
    results = {name: _tracked(made[name], clip) for name in ("model", "vae") if name in made}
    results |= {name: _tracked(frames, clip) for name, frames in simple_baselines(clip.frames, generated).items()}
    truth = _tracked(clip.frames, clip)
    for name in baselines.DEGREES:
        centres = baselines.extrapolate(truth.track, generated, name)
        frames = baselines.redraw(clip.frames, clip, truth.track, generated, centres)
        seen = track(frames, clip.colours[0], clip.radius)
        results[name] = MethodResult(frames=frames, track=Track(centres=centres, present=seen.present, area=seen.area))
    return {**results, READOUT: truth}


def _tracked(frames: Frames, clip: SceneClip) -> MethodResult:
    return MethodResult(frames=frames, track=track(frames, clip.colours[0], clip.radius))


def _sample(clip: SceneClip, results: Mapping[str, MethodResult], generated: Mask) -> Sample:
    frames = {name: result.frames for name, result in results.items() if name != READOUT}
    return Sample(label=f"{clip.family}\n{clip.seed}", frames={"truth": clip.frames, **frames}, generated=generated)
