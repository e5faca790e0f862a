"""A whole clip with the measured defaults, compared with 500 steps of ancestral sampling through the plain network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
    rounds: int = 2,
    steps: int = 500,
) -> dict[str, Any]:
    """Seconds from frames to frames, half of them given, and the centroid error of both over all clips.

    Args:
        pipeline: model and VAE.
        clips: held-out scenes.
        sampling: of ours; None is the measured defaults.
        rounds: the best of so many counts.
        steps: of the reference.
    """
    sampling = (sampling or SamplingConfig()).for_text(False)
    reference = SamplingConfig.named("ancestral", steps=steps, guidance=1.0)
    frames = clips[0].frames
    num_frames, height, width = frames.shape[:3]
    mask = over_cells(Predict(given=num_frames // 2).frame_mask(num_frames), height, width)
    plain = Pipeline(PlainModel(pipeline.model), pipeline.vae)  # type: ignore[arg-type]  # it needs no more of a VDT
    seconds = in_turns(
        {
            "ours_s": lambda: pipeline(frames, mask, sampling=sampling),
            f"ancestral{steps}_s": lambda: plain(frames, mask, sampling=reference),
        },
        rounds=rounds,
    )
    record: dict[str, Any] = {**seconds, "clips": len(clips), "ours": sampling.to_dict()}
    for name, pipe, settings in (("ours", pipeline, sampling), (f"ancestral{steps}", plain, reference)):
        found = predict_half(pipe, clips, settings, progress=True)["model"]
        record |= {f"{name}_centroid_px": found["centroid_px"], f"{name}_centroid_px_ci": found["centroid_px_ci"]}
    return record


def clip_table(record: Mapping[str, Any], *, steps: int = 500) -> str:
    """Markdown: ours and the reference."""
    slow = f"ancestral{steps}"
    lines = ["| a clip | seconds | centroid error, px (95 %) |", "|---|---|---|"]
    for name, label in (("ours", "ours"), (slow, f"{steps} ancestral steps, plain")):
        error = format_interval(record[f"{name}_centroid_px"], record[f"{name}_centroid_px_ci"])
        lines.append(f"| {label} | {record[f'{name}_s']:.3f} | {error} |")
    ratio = record[f"{slow}_s"] / record["ours_s"]
    return "\n".join([*lines, "", f"{ratio:.1f} times as fast, {record['clips']} clips.", ""])
