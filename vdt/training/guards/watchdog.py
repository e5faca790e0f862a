"""Where a run hangs: what every thread does is written down when no step has finished for long."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Self

LOG = logging.getLogger(__name__)
STACKS = "stacks.txt"
OFTEN = 1.0  # seconds that the clock is left alone at most: setting it starts a thread


class Watchdog:
    """Writes the stacks of all threads to a file where no step has finished for `seconds`, and logs where they are.

    The stacks are written by a thread of the interpreter's own, which needs no lock: also from a hang that holds the
    interpreter, where nothing can be logged. There is one such thread in a process, so whoever else sets its clock
    (`faulthandler.dump_traceback_later`) loses it. The file is gone at the end if nothing hung. 0 seconds is off.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self.path, self.seconds = path, seconds
        self._file: TextIO | None = None
        self._last = 0.0  # when a step finished
        self._set = float("-inf")  # when the clock was set
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look, name="vdt watchdog", daemon=True)

    def __enter__(self) -> Self:
        if self.seconds:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8")
            self.step_finished()
            self._thread.start()
        return self

    def step_finished(self) -> None:
        """Begin to wait anew."""
        self._last = time.monotonic()
        if self._file is None or self._last - self._set < min(OFTEN, self.seconds / 10):
            return
        self._set = self._last
        faulthandler.dump_traceback_later(self.seconds, file=self._file)

    def __exit__(self, *error: object) -> None:
        if self._file is None:
            return
        self._closed.set()
        faulthandler.cancel_dump_traceback_later()
        self._thread.join()
        self._file.close()
        with contextlib.suppress(OSError):
            if not self.path.stat().st_size:
                self.path.unlink()

    def _look(self) -> None:
        """Log every hang once."""
        logged = -1.0
        while not self._closed.wait(self.seconds / 4):
            last = self._last
            if last != logged and time.monotonic() - last >= self.seconds:
                logged = last
                LOG.warning(
                    "no step has finished for %g minutes: %s says what every thread does", self.seconds / 60, self.path
                )
