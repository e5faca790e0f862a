"""Numbers that a GPU has still to compute: they are read a step later, so that it never waits for the host."""

from __future__ import annotations

import torch
from torch import Tensor


class Readback:
    """The loss and the gradient norm of a step, on their way to the host."""

    def __init__(self, loss: Tensor, norm: Tensor) -> None:
        values = torch.stack([loss.detach().float(), norm.detach().float()])  # MPS has no float64
        self._event = torch.cuda.Event() if values.is_cuda else None
        self._values = torch.empty(2, dtype=values.dtype, pin_memory=True) if self._event else values
        if self._event:
            self._values.copy_(values, non_blocking=True)
            self._event.record()

    def read(self) -> tuple[float, float]:
        """The loss and the norm; waits until the step has computed them."""
        if self._event:
            self._event.synchronize()
        loss, norm = self._values.tolist()
        return loss, norm


class LateReadback:
    """Gives the numbers of each step; `late`, as a GPU wants it, those of the step before, and nothing at the first."""

    def __init__(self, *, late: bool) -> None:
        self.late = late
        self._waiting: Readback | None = None

    def __call__(self, loss: Tensor, norm: Tensor) -> tuple[float, float] | None:
        """Hand in a step's numbers, and get those that are there."""
        numbers = Readback(loss, norm)
        if not self.late:
            return numbers.read()
        before, self._waiting = self._waiting, numbers
        return before.read() if before else None

    def clear(self) -> None:
        """Forget what has not been given out."""
        self._waiting = None
