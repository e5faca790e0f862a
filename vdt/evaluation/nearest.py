"""Whether clips are copies: how far each is from the nearest clip the model was trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..sheet import Row, contact_sheet
from .networks import Frames, Sampling, model_frames
from .readout import Floats

if TYPE_CHECKING:
    from ..autoencoder import AutoencoderKL
    from ..model import VDT

SIDE = 16  # pixels to which clips are reduced before they are compared
SHOWN = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Nearest:
    """The nearest of some clips to each of N others: distance (N,) in 8-bit levels, clips (N, T, H, W, 3)."""

    distance: Floats
    clips: Frames


def invented(
    model: VDT, vae: AutoencoderKL, shape: tuple[int, ...], count: int, sampling: Sampling, *, batch_size: int = 8
) -> Frames:
    """Clips (count, T, H, W, 3) made from nothing; shape is (T, H, W, 3)."""
    known = np.zeros(shape[0], bool)
    blank = np.zeros(shape, np.uint8)
    made: list[Frames] = []
    for start in range(0, count, batch_size):
        blanks = [blank] * min(batch_size, count - start)
        made += model_frames(model, vae, blanks, known, sampling, start=start)
    return np.stack(made)


def nearest(clips: Frames, others: Iterable[Frames]) -> Nearest:
    """Find the nearest of `others` for each clip, by root mean square difference at 16x16 pixels.

    Args:
        clips: uint8 (N, T, H, W, 3).
        others: chunks of clips of that shape; left-right mirrored they count too.
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
    return Nearest(distance=best, clips=found)


def nearest_record(made: Nearest, held_out: Nearest) -> dict[str, Any]:
    """JSON values: what the model invented, beside clips of the same world that it cannot have copied."""
    return {
        name: {"clips": len(of.distance), "median": float(np.median(of.distance)), "smallest": float(of.distance.min())}
        for name, of in (("invented", made), ("held_out", held_out))
    }


def nearest_table(record: dict[str, Any]) -> str:
    """Markdown: distances to the nearest training clip."""
    lines = ["| to the nearest training clip, 8-bit levels | median | smallest |", "|---|---|---|"]
    for name, label in (("invented", "made from nothing"), ("held_out", "held-out scenes")):
        lines.append(
            f"| {label} (n={record[name]['clips']}) | {record[name]['median']:.1f} | {record[name]['smallest']:.1f} |"
        )
    return "\n".join([*lines, ""])


def write_nearest(made: Frames, found: Nearest, path: Path) -> None:
    """Contact sheet: invented clips, those most like a training clip first, each above that one."""
    rows = []
    for index in found.distance.argsort()[:SHOWN].tolist():
        label = f"invented\n{found.distance[index]:.1f} levels"
        rows.append(Row(label=label, frames=made[index], generated=[True] * len(made[index])))
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
