"""Comparable timings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch


def in_turns(
    functions: Mapping[str, Callable[[], object]], *, rounds: int = 5, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Best seconds of each function over some rounds, after a warm-up round.

    All are called once a round, so that whatever slows the machine for a while slows them alike; the best is kept
    because noise only adds. On a GPU the clock stops after synchronisation.
    """
    best = dict.fromkeys(functions, float("inf"))
    for number in range(rounds + 1):
        for name, function in functions.items():
            begin = clock()
            function()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number:
                best[name] = min(best[name], clock() - begin)
    return best
