"""Guidance by what is given: the difference between a pass that sees it and one that does not."""

from __future__ import annotations

import torch
from torch import Tensor

from .denoiser import GivenDenoiser, Model, split_output
from .given import Given
from .schedule import Schedule
from .settings import SamplingConfig


class GuidedDenoiser(GivenDenoiser):
    """With guidance g the prediction is u + g (c - u), where u comes from a pass that is given nothing.

    It acts while noise outweighs the signal, where things find their place (arXiv 2404.07724). The variance is c's.

    Args:
        model, schedule, given: see `GivenDenoiser`.
        sampling: says how strongly guidance acts, and at which steps.
        noise: (B, T, C, h, w), of the pass that is given nothing; one draw for all steps.
    """

    def __init__(
        self, model: Model, schedule: Schedule, given: Given, sampling: SamplingConfig, noise: Tensor | None
    ) -> None:
        super().__init__(model, schedule, given)
        self.sampling = sampling
        if sampling.is_guided and noise is None:
            raise ValueError(f"guidance {sampling.guidance:g} needs noise of the shape of the clips")
        self.unconditional = None if noise is None else given.dropped(schedule, noise)

    def value(self, x: Tensor, index: int) -> Tensor:
        """The network's output, guided at the steps that `sampling` names."""
        if self.unconditional is None or not self.sampling.guides(self.schedule, index):
            return super().value(x, index)
        conditional, unconditional = self.run(x, index, self.given, self.unconditional)
        # eps and v are both affine in x0 for a fixed x, so guiding either is guiding x0.
        value, variance = split_output(conditional, x.shape[2])
        null, _ = split_output(unconditional, x.shape[2])
        value = null + self.sampling.guidance * (value - null)
        return value if variance is None else torch.cat([value, variance], dim=2)
