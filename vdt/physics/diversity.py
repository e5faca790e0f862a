"""Several samples of one clip's continuation: the error of the best of them, and the spread of the ball among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from ..evaluation.generation import generate_clips
from ..evaluation.records import Floats, Frames, Mask
from ..evaluation.statistics import bootstrap_mean, format_interval
from ..inference.settings import GenerationConfig
from ..masks.tasks import Predict
from ..visualize.contact_sheet import Row, contact_sheet
from .ball_tracker import centroid_error, track

if TYPE_CHECKING:
    from ..inference.pipeline import Pipeline
    from .scenes import SceneClip


@dataclass(frozen=True, kw_only=True, eq=False)
class Diversity:
    """Metrics of S samples of each of N clips; errors and spread in px.

    mean, best: centroid error (N,) of the average sample and of the best one. spread: (N,) root mean square distance
    of the ball from its mean place among the samples. frames: (S, T, H, W, 3) of the first clip.
    """

    given: int
    samples: int
    mean: Floats
    best: Floats
    spread: Floats
    frames: Frames

    def to_record(self, seed: int = 0) -> dict[str, Any]:
        """JSON values, with 95 % intervals over clips."""
        record: dict[str, Any] = {"given": self.given, "samples": self.samples, "clips": len(self.mean)}
        for name in ("mean", "best", "spread"):
            interval = bootstrap_mean(getattr(self, name), np.random.default_rng(seed))
            record[f"{name}_px"] = None if interval is None else dataclasses.asdict(interval)
        return record


def measure_diversity(
    pipeline: Pipeline,
    clips: Sequence[SceneClip],
    config: GenerationConfig,
    *,
    given: int,
    samples: int = 8,
    progress: bool = False,
) -> Diversity:
    """Continue each clip `samples` times from its first `given` frames.

    A clip whose ball is nowhere in view after them counts as NaN.
    """
    generated = Predict(given=given).frame_mask(len(clips[0].frames)).numpy()
    errors, spreads, shown = [], [], None
    for index, clip in enumerate(tqdm(clips, unit="clip", desc=f"{given} given", disable=not progress)):
        made = generate_clips(pipeline, [clip.frames] * samples, generated, config, start=index * samples)
        error, spread = _errors_and_spread(made, clip, generated)
        errors.append(error)
        spreads.append(spread)
        shown = np.stack(made) if shown is None else shown
    assert shown is not None, "there is no clip"
    by_clip = np.array(errors)  # (N, S)
    return Diversity(
        given=given,
        samples=samples,
        mean=by_clip.mean(1),
        best=by_clip.min(1),
        spread=np.array(spreads),
        frames=shown,
    )


def diversity_table(records: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: one row per number of given frames."""
    lines = ["| given frames | mean of the samples, px | best of the samples, px | spread, px |", "|---|---|---|---|"]
    for record in records:
        cells = [_cell(record[f"{name}_px"]) for name in ("mean", "best", "spread")]
        lines.append(
            f"| {record['given']} ({record['clips']} clips, {record['samples']} samples) | {' | '.join(cells)} |"
        )
    return "\n".join([*lines, ""])


def write_diversity_sheet(found: Diversity, truth: Frames, path: Path) -> None:
    """Contact sheet: the true clip (T, H, W, 3), then its samples."""
    generated = [frame >= found.given for frame in range(len(truth))]
    rows = [Row(label="truth", frames=truth)]
    rows += [Row(label=f"sample {n}", frames=f, generated=generated) for n, f in enumerate(found.frames)]
    contact_sheet(rows, path)


def _errors_and_spread(made: Sequence[Frames], clip: SceneClip, generated: Mask) -> tuple[list[float], float]:
    """The centroid error of each sample, and the spread of the ball among them; NaN where it is never in view."""
    tracks = [track(frames, clip.colours[0], clip.radius) for frames in made]
    balls = [centroid_error(found, clip.centres[0], clip.visible[0], generated) for found in tracks]
    scored = balls[0].scored
    if not scored.any():
        return [float("nan")] * len(made), float("nan")
    places = np.stack([found.centres for found in tracks])[:, scored]  # (S, n, 2)
    squared = ((places - places.mean(0)) ** 2).sum(-1)
    return [float(ball.error[scored].mean()) for ball in balls], float(np.sqrt(squared.mean()))


def _cell(interval: Mapping[str, float] | None) -> str:
    return "-" if interval is None else format_interval(interval["mean"], (interval["low"], interval["high"]))
