"""The quality of predictions from half a clip, which the benchmarks weigh against time or training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..inference.settings import GenerationConfig, SamplingConfig
from ..masks.tasks import Predict
from ..physics.evaluate import evaluate_scenes

if TYPE_CHECKING:
    from ..inference.pipeline import Pipeline
    from ..physics.scenes import SceneClip

TABLE_METRICS = ("centroid_px", "centroid_px_ci", "present", "psnr", "contact_accuracy")


def predict_half(
    pipeline: Pipeline, clips: Sequence[SceneClip], sampling: SamplingConfig, *, progress: bool = False
) -> dict[str, dict[str, Any]]:
    """The record of each method over all clips, of which the first half is given."""
    task = Predict(given=len(clips[0].frames) // 2)
    report = evaluate_scenes(pipeline, clips, task=task, config=GenerationConfig(sampling=sampling), progress=progress)
    return report.values["families"]["all"]


def table_metrics(record: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a method's metrics that the tables show."""
    return {name: record[name] for name in TABLE_METRICS}
