"""What an evaluation returns: a report of JSON values, and a few clips to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import ranks
from ..masks.tasks import Predict, Task

Value = TypeVar("Value")

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


def batch_starts(
    count: int, batch_size: int, *, progress: bool, description: str = "evaluate", shared: bool = False
) -> Iterator[int]:
    """The number of the first clip of each batch, with a progress bar.

    Batches that are `shared` are dealt out to the processes of a run under `torchrun`: `in_order` brings back together
    what each of them makes. A batch holds the same clips whoever takes it, so that the numbers are the same.
    """
    from tqdm import tqdm

    who = ranks.current() if shared and ranks.is_joined() else ranks.Ranks()
    with tqdm(total=count, unit="clip", desc=description, disable=not (progress and who.is_first)) as bar:
        for start in range(who.rank * batch_size, count, who.world * batch_size):
            yield start
            bar.update(min(who.world * batch_size, count - start))


def in_order(found: list[tuple[int, Value]]) -> list[Value]:
    """What all processes found, each with the number of its clip, in the order of the clips."""
    together = [each for part in ranks.gather(found) for each in part]
    return [value for _, value in sorted(together, key=lambda each: each[0])]
