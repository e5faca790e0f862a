"""How good predictions from half a clip are: what the benchmarks weigh time, or training, against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..evaluation import evaluate

if TYPE_CHECKING:
    from ..data.scenes import SceneClip

FIGURES = ("centroid_px", "centroid_px_ci", "present", "psnr", "contact_accuracy")


def predict_half(model: Any, vae: Any, clips: Sequence[SceneClip], **how: Any) -> dict[str, dict[str, Any]]:
    """The record of each method over all clips, their first half given; `how` is that of `evaluate`."""
    report = evaluate(model, vae, clips, given=len(clips[0].frames) // 2, **how)
    return report.values["families"]["all"]


def figures(record: dict[str, Any]) -> dict[str, Any]:
    """Those of a method's numbers that the tables show."""
    return {name: record[name] for name in FIGURES}
