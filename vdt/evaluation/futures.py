"""Several futures of one beginning: how near the best of them comes, and how far they are apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from ..sheet import Row, contact_sheet
from .evaluate import known_frames
from .metrics import centroid_error
from .networks import Frames, Sampling, model_frames
from .readout import Floats, track
from .statistics import bootstrap_mean, with_bounds

if TYPE_CHECKING:
    from ..autoencoder import AutoencoderKL
    from ..data.scenes import SceneClip
    from ..model import VDT


@dataclass(frozen=True, kw_only=True, eq=False)
class Futures:
    """What S samples of each of N clips are like; errors and spread in px.

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
            estimate = bootstrap_mean(getattr(self, name), np.random.default_rng(seed))
            record[f"{name}_px"] = None if estimate is None else dataclasses.asdict(estimate)
        return record


def futures(
    model: VDT,
    vae: AutoencoderKL,
    clips: Sequence[SceneClip],
    sampling: Sampling,
    *,
    given: int,
    samples: int = 8,
    progress: bool = False,
) -> Futures:
    """Continue each clip `samples` times from its first `given` frames.

    A clip whose ball is nowhere in view after them counts as NaN.
    """
    known = known_frames("predict", len(clips[0].frames), given=given)
    errors, spreads, shown = [], [], None
    for index, clip in enumerate(tqdm(clips, unit="clip", desc=f"futures of {given}", disable=not progress)):
        made = model_frames(model, vae, [clip.frames] * samples, known, sampling, start=index * samples)
        tracks = [track(frames, clip.colours[0], clip.radius) for frames in made]
        balls = [centroid_error(found, clip.centres[0], clip.visible[0], known) for found in tracks]
        scored = balls[0].scored
        errors.append([ball.error[scored].mean() if scored.any() else np.nan for ball in balls])
        places = np.stack([found.centres for found in tracks])[:, scored]  # (S, n, 2)
        squared = ((places - places.mean(0)) ** 2).sum(-1)
        spreads.append(np.sqrt(squared.mean()) if scored.any() else np.nan)
        shown = np.stack(made) if shown is None else shown
    assert shown is not None, "there is no clip"
    by_clip = np.array(errors)
    return Futures(
        given=given,
        samples=samples,
        mean=by_clip.mean(1),
        best=by_clip.min(1),
        spread=np.array(spreads),
        frames=shown,
    )


def futures_table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: one row per number of given frames."""
    lines = ["| given frames | one sample, px | best of the samples, px | apart, px |", "|---|---|---|---|"]
    for record in records:
        cells = [_cell(record[f"{name}_px"]) for name in ("mean", "best", "spread")]
        lines.append(
            f"| {record['given']} ({record['clips']} clips, {record['samples']} samples) | {' | '.join(cells)} |"
        )
    return "\n".join([*lines, ""])


def write_futures(found: Futures, truth: Frames, path: Path) -> None:
    """Contact sheet: a clip (T, H, W, 3), then what else its beginning became."""
    generated = [frame >= found.given for frame in range(len(truth))]
    rows = [Row(label="truth", frames=truth)]
    rows += [Row(label=f"sample {n}", frames=f, generated=generated) for n, f in enumerate(found.frames)]
    contact_sheet(rows, path)


def _cell(estimate: dict[str, float] | None) -> str:
    return "-" if estimate is None else with_bounds(estimate["mean"], (estimate["low"], estimate["high"]))
