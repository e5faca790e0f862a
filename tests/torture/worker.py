"""The process that runs a piece of a family: `python -m tests.torture.worker` with a JSON record of what to do.

It is bounded in memory, says when each case begins and how it ended, and may die at any moment.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

GIBI = 2**30
DATA = 8 * GIBI  # memory of a process; more than this is a MemoryError, which no case may end with
FREE = GIBI // 2  # what checks of the library are told is free, so that no case takes much


class Pipe:
    """Events as lines of JSON into a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "w", buffering=1)
        self._owner = os.getpid()

    def began(self, number: int) -> None:
        self._say(["began", number])

    def ended(self, number: int, outcome: str, said: str) -> None:
        self._say(["ended", number, outcome, said if outcome != "fine" else ""])

    def ready(self) -> None:
        _tell_little_memory()
        self._say(["ready"])

    def done(self) -> None:
        self._say(["done"])

    def _say(self, event: list[Any]) -> None:
        if os.getpid() == self._owner:  # and not in a child that a case has forked
            self._file.write(json.dumps([*event, round(time.monotonic(), 3)]) + "\n")


def main() -> None:
    """Run the piece that argv describes."""
    job = json.loads(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (DATA, DATA))
    measured = _coverage(Path(job["coverage"])) if job["coverage"] else None
    from .families.table import FAMILIES, TOYS

    pipe = Pipe(job["pipe"])
    family = {**FAMILIES, **TOYS}[job["family"]]()
    family.run(range(job["first"], job["stop"]), job["seed"], Path(job["folder"]), pipe, pipe.ready)
    if measured is not None:
        measured.stop()
        measured.save()
    pipe.done()


def _coverage(path: Path) -> Any:
    import coverage

    measured = coverage.Coverage(data_file=str(path), data_suffix=True, branch=True, source=["vdt", "vdt_studio"])
    measured.start()
    return measured


def _tell_little_memory() -> None:
    """Everywhere in what is loaded (the pack brings a second vdt), sizes are held against FREE."""
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").endswith("vdt.bounds"):
            module.free_bytes = lambda: FREE


if __name__ == "__main__":
    main()
