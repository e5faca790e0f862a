"""What brings a run back whose loss jumps away: the weights of some hundred steps before, at half the rate."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ... import ranks
from ..state import TrainState

EVERY = 100  # steps between two copies of the state, of which two are kept
MEMORY = 0.98  # of the running mean of the loss
SETTLED = 10  # losses whose mean is enough to be compared with
JUMP = 1.5  # times the lowest mean so far, which no slow climb can raise
PATIENCE = 5  # steps in a row above it
HEALTHY = 1.1  # times the lowest mean: above it no copy is taken
MOST = 20  # times that a run may go back: at a millionth of its rate it is something else that diverges


class Recovery:
    """Watches the loss of a run and goes back where it has left its range; the state lies in memory three times.

    Steps, time and random numbers go on, so that other batches follow. The copy it goes back to is the older one of
    two: the newer one may have been taken when things had begun to go wrong. No copy is taken while the loss climbs.
    """

    def __init__(self, state: TrainState) -> None:
        self.state = state
        self._mean, self._lowest = 0.0, math.inf
        self._above = self._watched = 0
        self._copies: list[dict[str, Tensor]] = [self._copy()]

    def watch(self, loss: float) -> bool:
        """Note this process's loss of a step; whether the run has gone back."""
        (loss,) = ranks.mean(loss)  # so that all processes take copies at the same steps, and go back to the same one
        is_high = not loss <= JUMP * self._lowest  # NaN counts
        self._above = self._above + 1 if is_high else 0
        if self._above >= PATIENCE and self.go_back():
            return True
        if math.isfinite(loss):
            self._watched += 1
            memory = min(MEMORY, 1 - 1 / self._watched)  # the plain mean at first
            self._mean = memory * self._mean + (1 - memory) * loss
            if self._watched >= SETTLED:
                self._lowest = min(self._lowest, self._mean)
        if not is_high and self._mean <= HEALTHY * self._lowest and self.state.step % EVERY == 0:
            self._copies = [self._copies[-1], self._copy()]
        return False

    def go_back(self) -> bool:
        """Put the older copy in the place of the state, at half the rate; False if that has been done too often."""
        state = self.state
        if state.rate / 2 < 0.5**MOST:
            return False
        step, seconds, generator = state.step, state.seconds, state.generator.get_state()
        tensors = {name: value.clone() for name, value in self._copies[0].items()} | {"generator": generator}
        for optimizer in state.optimizers.values():
            optimizer.state.clear()  # a copy of the beginning has no moments
        state.restore({"step": str(step), "seconds": repr(seconds), "rate": repr(state.rate / 2)}, tensors)
        self._copies, self._above = self._copies[:1], 0
        self._mean, self._watched = (self._lowest, self._watched) if math.isfinite(self._lowest) else (0.0, 0)
        return True

    @torch.no_grad()
    def _copy(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.state.tensors().items()}
