"""Guidance by what is given: the difference between a pass that sees it and one that does not."""

from __future__ import annotations

import torch
from torch import Tensor

from .denoiser import GivenDenoiser, Model, split_output
from .given import Given
from .schedule import Schedule
from .settings import SamplingConfig


class GuidedDenoiser(GivenDenoiser):
    """With guidance g the prediction is c + (g - 1) (c - u), where u comes from a pass that is given nothing.

    It acts while noise outweighs the signal, where things find their place (arXiv 2404.07724). Guidance by a text adds
    (g' - 1) (c - w) on every step, where w comes from a pass without the text. The variance is c's.

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
        self.wordless = given.without_text() if sampling.is_text_guided else None

    def value(self, x: Tensor, index: int) -> Tensor:
        """The network's output, guided at the steps that `sampling` names."""
        frames = self.unconditional if self.sampling.guides(self.schedule, index) else None
        weighted = [
            (given, weight)
            for given, weight in ((frames, self.sampling.guidance), (self.wordless, self.sampling.text_guidance))
            if given is not None
        ]
        conditional, *others = self.run(x, index, self.given, *(given for given, _ in weighted))
        if not others:
            return conditional
        # eps and v are both affine in x0 for a fixed x, so guiding either is guiding x0.
        value, variance = split_output(conditional, x.shape[2])
        guided = value
        for other, (_, weight) in zip(others, weighted, strict=True):
            null, _ = split_output(other, x.shape[2])
            guided = _guide(guided, value, null, weight)
        return guided if variance is None else torch.cat([guided, variance], dim=2)


def _guide(guided: Tensor, value: Tensor, null: Tensor, weight: float) -> Tensor:
    """Add one guidance; of the first alone this is null + weight (value - null)."""
    return null + weight * (value - null) + (guided - value)
