"""Files and folders that a command will write: refused before any work is done where they cannot be written."""

from __future__ import annotations

import importlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

SHEET_SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, kw_only=True)
class Target:
    """The video to write, and the contact sheet, if any; ValueError or OSError where either cannot be written."""

    video: Path
    sheet: Path | None = None

    def __post_init__(self) -> None:
        check_output(self.video, ".mp4")
        check_output(self.sheet, *SHEET_SUFFIXES)
        if self.sheet is not None:
            importlib.import_module("PIL")  # an extra: if it is missing, say so before any work


def check_output(path: Path | None, *suffixes: str) -> None:
    """Refuse a file that could not be written before any work is done; ValueError or OSError."""
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise ValueError(f"output '{path}' must end in {' or '.join(suffixes)}")
    if path.is_dir():
        raise ValueError(f"output '{path}' is a folder: name a file in it")
    if not path.parent.is_dir():
        raise ValueError(f"the folder of output '{path}' does not exist: create '{path.parent}' first")
    check_folder(path.parent)


def check_folder(path: Path) -> None:
    """Create an output folder if need be and refuse it if it cannot be written into."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(f"output folder '{path}' is not writable: {error.strerror}") from error


def evenly(first: int, last: int, count: int) -> list[int]:
    """At most so many places from the first to the last, both among them."""
    if last - first < count:
        return list(range(first, last + 1))
    return [first + round(step * (last - first) / (count - 1)) for step in range(count)]
