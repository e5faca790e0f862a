"""A whole clip with the measured defaults and by the student, against 500 ancestral steps of the plain network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..diffusion import FAST
from ..evaluation.statistics import format_interval
from ..inference.pipeline import Pipeline
from ..inference.settings import SamplingConfig
from ..masks.tasks import Predict, over_cells
from .plain import PlainModel
from .predictions import predict_half
from .timing import in_turns

if TYPE_CHECKING:
    from ..physics.scenes import SceneClip


def bench_clip(
    pipeline: Pipeline,
    clips: Sequence[SceneClip],
    sampling: SamplingConfig | None = None,
    *,
    student: Pipeline | None = None,
    rounds: int = 2,
    steps: int = 500,
) -> dict[str, Any]:
    """Seconds from frames to frames, half of them given, and the centroid error of each way over all clips.

    Args:
        pipeline: model and VAE.
        clips: held-out scenes.
        sampling: of ours; None is the measured defaults.
        student: model and VAE that are sampled with `FAST`, and in one step.
        rounds: the best of so many counts.
        steps: of the reference.
    """
    sampling = (sampling or SamplingConfig()).for_text(False)
    plain = Pipeline(PlainModel(pipeline.model), pipeline.vae)  # type: ignore[arg-type]  # it needs no more of a VDT
    ways = {"ours": (pipeline, sampling)}
    if student is not None:
        ways |= {"student": (student, FAST), "student1": (student, replace(FAST, steps=1))}
    ways[f"ancestral{steps}"] = (plain, SamplingConfig.named("ancestral", steps=steps, guidance=1.0, temperature=1.0))
    frames = clips[0].frames
    num_frames, height, width = frames.shape[:3]
    mask = over_cells(Predict(given=num_frames // 2).frame_mask(num_frames), height, width)
    timed = {f"{name}_s": partial(pipe, frames, mask, sampling=settings) for name, (pipe, settings) in ways.items()}
    record: dict[str, Any] = {**in_turns(timed, rounds=rounds), "clips": len(clips), "ours": sampling.to_dict()}
    for name, (pipe, settings) in ways.items():
        found = predict_half(pipe, clips, settings, progress=True)["model"]
        record |= {f"{name}_centroid_px": found["centroid_px"], f"{name}_centroid_px_ci": found["centroid_px_ci"]}
    return record


def clip_table(record: Mapping[str, Any], *, steps: int = 500) -> str:
    """Markdown: ours, the student where it was measured, and the reference."""
    slow = f"ancestral{steps}"
    labels = {
        "ours": "ours",
        "student": "student, 2 steps",
        "student1": "student, 1 step",
        slow: f"{steps} ancestral steps, plain",
    }
    lines = ["| a clip | seconds | times as fast | centroid error, px (95 %) |", "|---|---|---|---|"]
    for name, label in labels.items():
        if f"{name}_s" not in record:
            continue
        error = format_interval(record[f"{name}_centroid_px"], record[f"{name}_centroid_px_ci"])
        ratio = record[f"{slow}_s"] / record[f"{name}_s"]
        lines.append(f"| {label} | {record[f'{name}_s']:.3f} | {ratio:.1f} | {error} |")
    return "\n".join([*lines, "", f"{record['clips']} clips; seconds are of one of them.", ""])
