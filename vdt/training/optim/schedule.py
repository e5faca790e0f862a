"""How long a run lasts, in steps or in seconds, and the learning rate on the way."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ..recipe import OptimRecipe, RunRecipe

WARM_SHARE = 0.1  # of a run by the clock: the most that warming up takes, where steps are slow


@dataclass(kw_only=True)
class Clock:
    """Seconds that a run has trained for, those before it was resumed included."""

    kind: str = "wall"  # or "cpu": the time of the process, all threads together
    before: float = 0.0
    _begin: float = field(init=False)

    def __post_init__(self) -> None:
        self._begin = self._now()

    def seconds(self) -> float:
        """So far."""
        return self.before + self._now() - self._begin

    def _now(self) -> float:
        return time.process_time() if self.kind == "cpu" else time.monotonic()


def progress(step: int, seconds: float, optim: OptimRecipe, run: RunRecipe) -> float:
    """The share of a run that is done after so many steps and seconds: of its minutes where it has some."""
    return seconds / (60 * run.minutes) if run.minutes else step / optim.steps


def learning_rate(step: int, optim: OptimRecipe, spent: float | None = None) -> float:
    """Rate of step `step` (from 0): linear warm-up, plateau, then linear to zero over the last `decay` of the run.

    spent is the share of the time that is gone in a run by the clock, which warms up over a tenth of it at most.
    """
    warm = min(1.0, (step + 1) / max(1, optim.warmup))
    if spent is not None:
        warm = max(warm, min(1.0, spent / WARM_SHARE))
        cool = min(1.0, max(0.0, 1 - spent) / optim.decay) if optim.decay else 1.0
        return optim.lr * warm * cool
    tail = optim.steps * optim.decay
    cool = min(1.0, (optim.steps - step) / tail) if tail else 1.0
    return optim.lr * warm * cool
