"""A whole clip, as people make it, beside 500 steps of ancestral sampling through the plain network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..evaluation.statistics import with_bounds
from ..masks import predict
from ..pipeline import Pipeline
from .plain import PlainModel
from .predictions import predict_half
from .timing import in_turns

if TYPE_CHECKING:
    from ..data.scenes import SceneClip

REFERENCE: dict[str, Any] = {"sampler": "ancestral", "steps": 500, "guidance_scale": 1.0}


def bench_clip(
    pipeline: Pipeline, clips: Sequence[SceneClip], ours: dict[str, Any], *, rounds: int = 2, steps: int = 500
) -> dict[str, Any]:
    """Seconds from frames to frames, half of them given, and the centroid error of both over all clips.

    Args:
        ours: settings of `sample_latents` that people get by default.
        steps: of the reference.
    """
    frames = clips[0].frames
    num_frames, height, width = frames.shape[:3]
    mask = predict(num_frames, height, width, given=num_frames // 2)
    plain = Pipeline(PlainModel(pipeline.model), pipeline.vae)  # type: ignore[arg-type]  # all that it is asked for
    reference = {**REFERENCE, "steps": steps}
    seconds = in_turns(
        {
            "ours_s": lambda: pipeline.generate(frames, mask, **ours),
            f"ancestral{steps}_s": lambda: plain.generate(frames, mask, **reference),
        },
        rounds=rounds,
    )
    record: dict[str, Any] = {**seconds, "clips": len(clips), "ours": ours}
    for name, model, settings in (("ours", pipeline.model, ours), (f"ancestral{steps}", plain.model, reference)):
        found = predict_half(model, pipeline.vae, clips, progress=True, **settings)["model"]
        record |= {f"{name}_centroid_px": found["centroid_px"], f"{name}_centroid_px_ci": found["centroid_px_ci"]}
    return record


def clip_table(record: dict[str, Any], *, steps: int = 500) -> str:
    """Markdown: ours and the reference."""
    slow = f"ancestral{steps}"
    lines = ["| a clip | seconds | centroid, px (95 %) |", "|---|---|---|"]
    for name, label in (("ours", "ours"), (slow, f"{steps} ancestral steps, plain")):
        error = with_bounds(record[f"{name}_centroid_px"], record[f"{name}_centroid_px_ci"])
        lines.append(f"| {label} | {record[f'{name}_s']:.3f} | {error} |")
    ratio = record[f"{slow}_s"] / record["ours_s"]
    return "\n".join([*lines, "", f"{ratio:.1f} times as fast, {record['clips']} clips.", ""])
