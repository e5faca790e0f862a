"""What brings a run back whose loss jumps away: the weights of some hundred steps before, at half the rate."""

from __future__ import annotations

import torch
from torch import Tensor

from ... import ranks
from ..state import TrainState

EVERY = 100  # steps between two copies of the state, of which two are kept
MEMORY = 0.98  # of the running mean of the loss
JUMP = 1.5  # times that mean
PATIENCE = 5  # steps in a row above it
MOST = 20  # times that a run may go back: at a millionth of its rate it is something else that diverges


class Recovery:
    """Watches the loss of a run and goes back where it has left its range; the state lies in memory three times.

    Steps, time and random numbers go on, so that other batches follow. The copy it goes back to is the older one of
    two: the newer one may have been taken when things had begun to go wrong.
    """

    def __init__(self, state: TrainState) -> None:
        self.state = state
        self._mean: float | None = None
        self._above = 0
        self._copies: list[dict[str, Tensor]] = [self._copy()]

    def watch(self, loss: float) -> bool:
        """Note this process's loss of a step; whether the run has gone back."""
        (loss,) = ranks.mean(loss)  # so that all processes take copies at the same steps, and go back to the same one
        mean = loss if self._mean is None else self._mean
        is_high = not loss <= JUMP * mean  # NaN counts
        self._above = self._above + 1 if is_high else 0
        if self._above >= PATIENCE and self.go_back():
            return True
        if not is_high:
            self._mean = MEMORY * mean + (1 - MEMORY) * loss
            if self.state.step % EVERY == 0:
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
        return True

    @torch.no_grad()
    def _copy(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.state.tensors().items()}
