"""What a model is given of a clip, and how its input is made of that: one strategy per conditioning scheme.

A strategy makes the network's input at any step, and its unconditional twin for guidance. Samplers and losses know
nothing else of conditioning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ..config import ConditioningSpec, MaskSpec
from ..models.conditioning import Conditioning
from .schedule import Schedule

# B clips, T frames, C channels, h x w cells; masks are bool (B, T, h, w), True = generate.


class Given(Protocol):
    """What is given of B clips."""

    @property
    def mask(self) -> Tensor:
        """The cells to generate, bool (B, T, h, w): only there are outputs read and scored."""
        ...

    def inputs(self, x: Tensor, index: int | Tensor) -> tuple[Tensor, Conditioning]:
        """The network's input and conditioning for the noisy state x (B, T, C, h, w) at a step."""
        ...

    def paste(self, x0: Tensor) -> Tensor:
        """Clean clips (B, T, C, h, w) with what is given put in."""
        ...

    def dropped(self, schedule: Schedule, noise: Tensor) -> Given | None:
        """What guidance's second pass sees, which is given nothing; None where nothing is given anyway."""
        ...


@dataclass(frozen=True, eq=False)
class GivenCells:
    """Masked modelling (equation 3 of the paper): clean latents at given cells, the noisy state at the others.

    clean is (B, T, C, h, w), scaled; any value at the cells to generate.
    """

    clean: Tensor
    mask: Tensor

    def inputs(self, x: Tensor, index: int | Tensor) -> tuple[Tensor, Conditioning]:
        """See `Given.inputs`."""
        return self.paste(x), Conditioning(mask=self.mask)

    def paste(self, x0: Tensor) -> Tensor:
        """See `Given.paste`."""
        return torch.where(self.mask.unsqueeze(2), x0, self.clean)

    def dropped(self, schedule: Schedule, noise: Tensor) -> Given | None:
        """See `Given.dropped`."""
        return None if bool(self.mask.all()) else HiddenCells(self.clean, self.mask, schedule, noise)


@dataclass(frozen=True, eq=False)
class HiddenCells:
    """The unconditional twin: given cells are noised to the current step (history guidance, arXiv 2502.06764).

    The model has learned this as the task that generates everything.
    """

    clean: Tensor
    mask: Tensor
    schedule: Schedule
    noise: Tensor  # (B, T, C, h, w), one draw for all steps

    def inputs(self, x: Tensor, index: int | Tensor) -> tuple[Tensor, Conditioning]:
        """See `Given.inputs`."""
        noised = self.schedule.q_sample(self.clean, index, self.noise)
        return torch.where(self.mask.unsqueeze(2), x, noised), Conditioning(mask=torch.ones_like(self.mask))

    def paste(self, x0: Tensor) -> Tensor:
        """See `Given.paste`."""
        return torch.where(self.mask.unsqueeze(2), x0, self.clean)

    def dropped(self, schedule: Schedule, noise: Tensor) -> Given | None:
        """See `Given.dropped`."""
        return None


STRATEGIES: dict[type[Any], Callable[[Tensor, Tensor], Given]] = {MaskSpec: GivenCells}


def make_given(specs: Sequence[ConditioningSpec], clean: Tensor, mask: Tensor) -> Given:
    """The strategy of a model with these specs for clean scaled latents (B, T, C, h, w) and a mask (B, T, h, w)."""
    makers = [STRATEGIES[type(spec)] for spec in specs if type(spec) in STRATEGIES]
    return (makers[0] if makers else GivenCells)(clean, mask)
