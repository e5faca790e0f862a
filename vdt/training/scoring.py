"""What a run is worth while it trains: objects of held-out scenes, tracked in what the model makes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch

from ..inference.pipeline import Pipeline
from ..inference.settings import GenerationConfig
from ..masks.tasks import Predict
from ..media.files import write_text
from ..models.transformer import VDT
from ..ranks import Ranks
from .objectives import VDTObjective
from .recipe import Recipe, RunRecipe, VDTRecipe

if TYPE_CHECKING:
    from ..physics.scenes import SceneClip

SCORES = "scores.jsonl"
OUTLINES = ("ball_iou", "target_iou")
KEPT = (*OUTLINES, "ball_present", "ball_delta_e", "centroid_px", "psnr")


@dataclass(frozen=True)
class ObjectScore:
    """How well the outlines of all objects fit the truth, after so many steps."""

    step: int
    value: float  # mean IoU of the objects that a scene has, 0 to 1
    metrics: Mapping[str, float]

    def to_json(self) -> str:
        """One line."""
        return json.dumps({"step": self.step, "score": self.value, **self.metrics})


class ObjectScores:
    """Scores a model now and then, and knows the best step and whether waiting for a better one is over."""

    def __init__(self, objective: VDTObjective, recipe: VDTRecipe, folder: Path, step: int) -> None:
        """Go on from the scores that a run left in its folder up to `step`."""
        self.objective, self.run, self.path = objective, recipe.run, folder / SCORES
        sampling = objective.shown_with if recipe.distill.steps else GenerationConfig().sampling
        self.config = GenerationConfig(sampling=sampling)
        self.size = recipe.data.size
        self.clips: list[SceneClip] = []  # drawn when they are needed first
        self.scores = [score for score in _read(self.path) if score.step <= step]

    @torch.no_grad()
    def measure(self, module: torch.nn.Module, step: int) -> ObjectScore:
        """Score the averaged weights, write the line down, and say what it is."""
        from ..physics.evaluate import evaluate_scenes
        from ..physics.scenes import load_clips

        model = cast(VDT, module)
        if not self.clips:
            self.clips = load_clips("val", self.run.score_count, size=self.size, num_frames=model.config.num_frames)
        pipeline = Pipeline(model, self.objective.clips.vae)
        task = Predict(given=max(1, model.config.num_frames // 2))
        report = evaluate_scenes(pipeline, self.clips, task=task, config=self.config)
        found = report.values["families"]["all"]["model"]
        metrics = {name: float(found[name]) for name in KEPT if found.get(name) is not None}
        outlines = [metrics[name] for name in OUTLINES if name in metrics]
        score = ObjectScore(step, sum(outlines) / len(outlines) if outlines else 0.0, metrics)
        self.scores.append(score)
        write_text("".join(f"{each.to_json()}\n" for each in self.scores), self.path)
        return score

    @property
    def is_best(self) -> bool:
        """Whether the last score is the best one."""
        return bool(self.scores) and self.scores[-1] is self._best

    @property
    def is_over(self) -> bool:
        """Whether `patience` scores have gone by without a better one."""
        if not self.run.patience or not self.scores:
            return False
        return len(self.scores) - 1 - self.scores.index(self._best) >= self.run.patience

    @property
    def _best(self) -> ObjectScore:
        return max(self.scores, key=lambda score: score.value)  # the first of equal ones


def scores_of(objective: object, recipe: Recipe, folder: Path, step: int, ranks: Ranks) -> ObjectScores | None:
    """The scores that a recipe asks for, None if it asks for none; ValueError where they cannot be had."""
    run: RunRecipe = recipe.run
    if run.patience and not run.score_every:
        raise ValueError(f"patience = {run.patience} counts scores: set score_every in [run] too, such as 500 steps")
    if not run.score_every:
        return None
    scenes = isinstance(recipe, VDTRecipe) and recipe.data.source == "scenes" and recipe.mode == "joint"
    if not scenes or recipe.data.buckets or not isinstance(objective, VDTObjective):
        raise ValueError("score_every needs a VDT that learns from scenes of one size: set score_every = 0 in [run]")
    if ranks.world > 1:
        raise ValueError("score_every is for one process: set it to 0 in [run], and use vdt evaluate afterwards")
    assert isinstance(recipe, VDTRecipe)
    return ObjectScores(objective, recipe, folder, step)


def _read(path: Path) -> list[ObjectScore]:
    """Scores of an earlier part of the run; a file that is no such list counts as none."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [ObjectScore(int(line.pop("step")), float(line.pop("score")), line) for line in lines]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
