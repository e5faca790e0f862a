"""The run in progress: progress, previews and interruption reach it from wherever a node's code stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch


class InterruptProcessingException(Exception):  # noqa: N818 - the name that node files expect
    """The user stopped the run; passes through nodes untouched."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Preview:
    """A picture to show while a node works: a PIL image, the format to send it in, and its largest side."""

    format: str
    image: Any
    max_size: int | None


Report = Callable[[str, int, int, "Preview | None"], None]  # node id, value, maximum, preview


class ActiveRun:
    """One run of a graph: which node works now, whom to tell, and whether to stop."""

    def __init__(self, report: Report) -> None:
        self.node_id = ""
        self._report = report
        self._stop = threading.Event()

    def interrupt(self) -> None:
        """Stop at the next check; may be called from any thread."""
        self._stop.set()

    def check(self) -> None:
        if self._stop.is_set():
            raise InterruptProcessingException("interrupted")

    def progress(self, value: int, maximum: int, preview: Preview | None = None) -> None:
        """Tell how far the node is; raises when the run was interrupted, so that every step can be the last."""
        self.check()
        self._report(self.node_id, value, maximum, preview)


_lock = threading.Lock()  # one graph at a time: nodes reach their run through a global, as in ComfyUI
_active: ActiveRun | None = None
_device: torch.device | None = None


@contextmanager
def activate(run: ActiveRun) -> Iterator[None]:
    """Make a run the one that nodes see; others wait their turn."""
    global _active
    with _lock:
        _active = run
        try:
            yield
        finally:
            _active = None


def active_run() -> ActiveRun | None:
    return _active


def check_interrupted() -> None:
    """Raise InterruptProcessingException if the run in progress was told to stop."""
    if _active is not None:
        _active.check()


def device() -> torch.device:
    """Where models compute: what was chosen, or CUDA where there is one."""
    return _device or torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_device(name: str | None) -> None:
    """Choose the device by name, None = the best there is; ValueError if it is not there."""
    global _device
    if name is not None:
        try:
            torch.empty(0, device=name)  # the only question that every backend answers
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise ValueError(f"device {name!r} is not available here: use cpu, or leave --device out") from error
    _device = None if name is None else torch.device(name)
