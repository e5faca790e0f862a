"""What an evaluation returns: a report of JSON values, and a few clips to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..masks.tasks import Predict, Task

Floats = NDArray[np.float64]
Frames = NDArray[np.uint8]  # (T, H, W, 3)
Mask = NDArray[np.bool_]  # True = generated: whole frames (T,), or pixels (T, H, W)
DEFAULT_TASK = Predict(given=8)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A clip kept to look at: frames (T, H, W, 3) by method, "truth" among them; generated bool (T,)."""

    label: str
    frames: dict[str, Frames]
    generated: Mask


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of an evaluation: values is the JSON record, samples are a few clips to look at."""

    values: dict[str, Any]
    samples: tuple[Sample, ...]

    def to_json(self) -> str:
        """The values as JSON text; ValueError for a number that is not finite."""
        return json.dumps(self.values, indent=2, allow_nan=False) + "\n"


def conditions(count: int, size: Sequence[int], generated: Mask, task: Task) -> dict[str, Any]:
    """The values of a report that describe its clips: size is (H, W), generated bool (T,)."""
    return {
        "count": count,
        "task": task.name,
        "given": int((~generated).sum()),
        "known_frames": np.flatnonzero(~generated).tolist(),  # the given ones, under the key that older reports have
        "size": list(size),
        "num_frames": len(generated),
    }


def batch_starts(count: int, batch_size: int, *, progress: bool, description: str = "evaluate") -> Iterator[int]:
    """The number of the first clip of each batch, with a progress bar."""
    from tqdm import tqdm

    with tqdm(total=count, unit="clip", desc=description, disable=not progress) as bar:
        for start in range(0, count, batch_size):
            yield start
            bar.update(min(batch_size, count - start))
