"""What is known of each run of a grid, as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..media.files import write_text

RECORD = "record.json"  # in the folder of each run, once it is measured


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One finished run: its costs, and how good it is on held-out clips."""

    name: str
    group: str
    seed: int
    parameters: int
    gflops: float  # of one pass
    steps: int
    clips: int  # seen in training
    seconds: float  # of training, by the grid's clock
    v_error: float  # mean squared error of the prediction on held-out clips
    metrics: dict[str, Any]  # of `vdt evaluate`, all families, method "model"
    commit: str
    machine: str

    def to_json(self) -> str:
        """JSON text of one line."""
        return json.dumps(dataclasses.asdict(self), allow_nan=False)


def write_records(records: Sequence[RunRecord], path: Path) -> None:
    """Write all of them into one JSON list, a line for each."""
    lines = ",\n".join(record.to_json() for record in records)
    write_text(f"[\n{lines}\n]\n", path)


def read_records(folder: Path) -> list[RunRecord]:
    """The finished runs below a folder, by name."""
    paths = sorted(folder.glob(f"*/{RECORD}"))
    return [RunRecord(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]
