"""What a run writes down of itself: a line of log.jsonl for each logged step, and what TensorBoard reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

LOG = "log.jsonl"


class TrainingLog:
    """Numbers and sheets by step; a run that goes on appends."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lines = (folder / LOG).open("a", encoding="utf-8")
        self._board = _tensorboard(folder)

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Write the numbers of a step."""
        self._lines.write(
            json.dumps({"step": step, **{name: float(f"{value:.6g}") for name, value in values.items()}}) + "\n"
        )
        self._lines.flush()
        for name, value in values.items() if self._board else ():
            self._board.add_scalar(name, value, step)

    def sheet(self, step: int, picture: np.ndarray) -> None:
        """Show a contact sheet, uint8 (H, W, 3)."""
        if self._board:
            self._board.add_image("sheet", picture, step, dataformats="HWC")

    def close(self) -> None:
        """Write out what is left."""
        self._lines.close()
        if self._board:
            self._board.close()


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"))
