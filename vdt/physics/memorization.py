"""Memorization: how far unconditional samples are from the nearest clip that the model was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation.generation import generate_clips
from ..evaluation.records import Floats, Frames
from ..inference.settings import GenerationConfig
from ..masks.tasks import Unconditional
from ..visualize.contact_sheet import Row, contact_sheet

if TYPE_CHECKING:
    from ..inference.pipeline import Pipeline

SIDE = 16  # pixels along the side to which clips are reduced before they are compared
SHOWN = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class NearestClips:
    """The nearest of some clips to each of N others: distance (N,) in 8-bit levels, clips (N, T, H, W, 3)."""

    distance: Floats
    clips: Frames


def unconditional_samples(
    pipeline: Pipeline, shape: tuple[int, ...], count: int, config: GenerationConfig, *, batch_size: int = 8
) -> Frames:
    """Unconditional samples (count, T, H, W, 3) of clips of that shape (T, H, W, 3); nothing is given to guide them."""
    unguided = replace(config, sampling=replace(config.sampling, guidance=1.0))
    generated = Unconditional().frame_mask(shape[0]).numpy()
    blank = np.zeros(shape, np.uint8)
    made: list[Frames] = []
    for start in range(0, count, batch_size):
        blanks = [blank] * min(batch_size, count - start)
        made += generate_clips(pipeline, blanks, generated, unguided, start=start)
    return np.stack(made)


def find_nearest(clips: Frames, others: Iterable[Frames]) -> NearestClips:
    """Find the nearest of `others` for each clip, by root mean square difference at 16x16 pixels.

    Args:
        clips: uint8 (N, T, H, W, 3).
        others: chunks of clips of that shape; they are compared mirrored left to right, too.
    """
    wanted = _reduced(clips)
    best = np.full(len(clips), np.inf)
    found = np.zeros_like(clips)
    for chunk in others:
        for candidates in (chunk, chunk[:, :, :, ::-1]):
            distance = _distances(wanted, _reduced(candidates))  # (N, M)
            index = distance.argmin(1)
            closer = distance.min(1) < best
            best[closer] = distance.min(1)[closer]
            found[closer] = candidates[index[closer]]
    return NearestClips(distance=best, clips=found)


def memorization_record(samples: NearestClips, held_out: NearestClips) -> dict[str, Any]:
    """JSON values: the distances of unconditional samples, and of held-out clips, which cannot be copies."""
    return {
        name: {"clips": len(of.distance), "median": float(np.median(of.distance)), "smallest": float(of.distance.min())}
        for name, of in (("invented", samples), ("held_out", held_out))
    }


def memorization_table(record: Mapping[str, Any]) -> str:
    """Markdown: distances to the nearest training clip."""
    lines = ["| distance to the nearest training clip, 8-bit levels | median | smallest |", "|---|---|---|"]
    for name, label in (("invented", "unconditional samples"), ("held_out", "held-out scenes")):
        lines.append(
            f"| {label} (n={record[name]['clips']}) | {record[name]['median']:.1f} | {record[name]['smallest']:.1f} |"
        )
    return "\n".join([*lines, ""])


def write_memorization_sheet(samples: Frames, found: NearestClips, path: Path) -> None:
    """Contact sheet: the samples nearest to a training clip, each above that clip."""
    rows = []
    for index in found.distance.argsort()[:SHOWN].tolist():
        label = f"sample\n{found.distance[index]:.1f} levels"
        rows.append(Row(label=label, frames=samples[index], generated=[True] * len(samples[index])))
        rows.append(Row(label="nearest\ntraining clip", frames=found.clips[index]))
    contact_sheet(rows, path)


def _reduced(clips: Frames) -> Floats:
    """Clips as vectors (N, D) of their means over a grid of 16x16."""
    count, frames, height, width, _ = clips.shape
    if height % SIDE or width % SIDE:
        raise ValueError(
            f"clips are compared at {SIDE}x{SIDE}: their sides must be multiples of it, got {width}x{height}"
        )
    cells = clips.reshape(count, frames, SIDE, height // SIDE, SIDE, width // SIDE, 3)
    # around the middle grey, so that float32 is enough for squares that nearly cancel
    return (cells.mean((3, 5), dtype=np.float32) - 128).reshape(count, -1)


def _distances(first: Floats, second: Floats) -> Floats:
    """Root mean square differences (N, M) of vectors."""
    squared = (first**2).sum(1)[:, None] + (second**2).sum(1)[None] - 2 * first @ second.T
    return np.sqrt(np.maximum(squared, 0) / first.shape[1])
