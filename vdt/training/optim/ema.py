"""An exponential moving average of weights, which is what gets evaluated and shipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class EMA:
    """Shadow of a module's parameters: decay * shadow + (1 - decay) * parameter, warmed up over early steps."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.module = module
        self.shadow = {name: value.detach().clone() for name, value in module.named_parameters()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the module after optimiser step `step` (from 0); early steps follow faster."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        live = [local(value.detach()) for _, value in self.module.named_parameters()]
        torch._foreach_lerp_([local(value) for value in self.shadow.values()], live, weight)

    @contextmanager
    def swapped(self) -> Iterator[nn.Module]:
        """The module with averaged weights inside the block, its own again after it."""
        self._swap()
        try:
            yield self.module
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, value in self.module.named_parameters():
            shadow = self.shadow[name].clone()
            self.shadow[name].copy_(value)
            value.copy_(shadow)

    def state_dict(self) -> dict[str, Tensor]:
        """The module's state with averaged parameters."""
        return {**self.module.state_dict(), **self.shadow}


def local(value: Tensor) -> Tensor:
    """The part of a sharded tensor that this process holds; any other tensor is whole."""
    return value.to_local() if hasattr(value, "to_local") else value
