"""`comfy.utils`, of which nodes need the progress bar."""

from __future__ import annotations

from typing import Any

from ... import runtime


class ProgressBar:
    """Reports to the run in progress; every update raises if the user has stopped it."""

    def __init__(self, total: int, node_id: str | None = None) -> None:
        self.total = total
        self.current = 0
        self._run = runtime.active_run()

    def update_absolute(self, value: int, total: int | None = None, preview: Any = None) -> None:
        """Set the progress; preview is None or (format, PIL image, largest side)."""
        self.total = self.total if total is None else total
        self.current = min(value, self.total)
        if self._run is None:
            return
        shown = None if preview is None else runtime.Preview(format=preview[0], image=preview[1], max_size=preview[2])
        self._run.progress(self.current, self.total, shown)

    def update(self, value: int) -> None:
        self.update_absolute(self.current + value)
