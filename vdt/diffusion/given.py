"""What a model is given of a clip, and how its input is made of that: one strategy per conditioning scheme.

A strategy makes the network's input at any step, and its unconditional twin for guidance. Samplers and losses know
nothing else of conditioning.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ..config import AdaLNSpec, ConditioningSpec, CrossAttentionSpec, MaskSpec, TokenConcatSpec
from ..models.conditioning import Conditioning
from ..text import Text
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

    def without_text(self) -> Given | None:
        """What guidance by a text compares with; None where there is no text."""
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
        return None if bool(self.mask.all()) else HiddenCells(self.clean, self.mask, schedule, noise, self._nothing())

    def without_text(self) -> Given | None:
        """See `Given.without_text`."""
        return None

    def _nothing(self) -> Conditioning:
        """The conditioning of a pass that is given nothing."""
        return Conditioning(mask=torch.ones_like(self.mask))


@dataclass(frozen=True, eq=False)
class GivenFrames(GivenCells):
    """Whole given frames as clean tokens in the sequence; of a frame that is given in part the model sees nothing."""

    @property
    def frame_mask(self) -> Tensor:
        """The cells of frames that are not given whole, bool (B, T, h, w)."""
        return self.mask.flatten(2).any(2)[..., None, None].expand_as(self.mask)

    def inputs(self, x: Tensor, index: int | Tensor) -> tuple[Tensor, Conditioning]:
        """See `Given.inputs`."""
        mask = self.frame_mask
        return torch.where(mask.unsqueeze(2), x, self.clean), Conditioning(mask=mask)


@dataclass(frozen=True, eq=False)
class FramesAside(GivenFrames):
    """Whole given frames beside the sequence, in which they are blank: for adaptive layer norm and cross-attention."""

    def inputs(self, x: Tensor, index: int | Tensor) -> tuple[Tensor, Conditioning]:
        """See `Given.inputs`."""
        mask = self.frame_mask
        blank = torch.zeros_like(x)
        frames = torch.where(mask.unsqueeze(2), blank, self.clean)
        return torch.where(mask.unsqueeze(2), x, blank), Conditioning(mask=mask, frames=frames)

    def _nothing(self) -> Conditioning:
        return Conditioning(mask=torch.ones_like(self.mask), frames=torch.zeros_like(self.clean))


@dataclass(frozen=True, eq=False)
class HiddenCells(GivenCells):
    """The unconditional twin: given cells are noised to the current step (history guidance, arXiv 2502.06764).

    The model has learned this as the task that generates everything; `empty` is the conditioning of that task.
    """

    schedule: Schedule
    noise: Tensor  # (B, T, C, h, w), one draw for all steps
    empty: Conditioning

    def inputs(self, x: Tensor, index: int | Tensor) -> tuple[Tensor, Conditioning]:
        """See `Given.inputs`."""
        noised = self.schedule.q_sample(self.clean, index, self.noise)
        return torch.where(self.mask.unsqueeze(2), x, noised), self.empty

    def dropped(self, schedule: Schedule, noise: Tensor) -> Given | None:
        """See `Given.dropped`."""
        return None


@dataclass(frozen=True, eq=False)
class WithText:
    """A text in addition to what is given of the clips: embeddings (B, L, E), and which of them count, bool (B, L)."""

    given: Given
    text: Tensor
    text_mask: Tensor

    @property
    def mask(self) -> Tensor:
        """See `Given.mask`."""
        return self.given.mask

    def inputs(self, x: Tensor, index: int | Tensor) -> tuple[Tensor, Conditioning]:
        """See `Given.inputs`."""
        x, conditioning = self.given.inputs(x, index)
        return x, dataclasses.replace(conditioning, text=self.text, text_mask=self.text_mask)

    def paste(self, x0: Tensor) -> Tensor:
        """See `Given.paste`."""
        return self.given.paste(x0)

    def dropped(self, schedule: Schedule, noise: Tensor) -> Given | None:
        """The same text with nothing of the clips given."""
        dropped = self.given.dropped(schedule, noise)
        return dropped and WithText(dropped, self.text, self.text_mask)

    def without_text(self) -> Given | None:
        """The same without a word."""
        return WithText(self.given, self.text, torch.zeros_like(self.text_mask))


STRATEGIES: dict[type[Any], Callable[[Tensor, Tensor], Given]] = {
    MaskSpec: GivenCells,
    TokenConcatSpec: GivenFrames,
    AdaLNSpec: FramesAside,
    CrossAttentionSpec: FramesAside,
}


def make_given(specs: Sequence[ConditioningSpec], clean: Tensor, mask: Tensor, text: Text | None = None) -> Given:
    """The strategy of a model with these specs.

    Args:
        specs: the first one that takes frames decides; a model without any sees given cells as the mask scheme does.
        clean: scaled latents (B, T, C, h, w).
        mask: bool (B, T, h, w), True = generate.
        text: for models that read one.
    """
    frames = [spec for spec in specs if getattr(spec, "source", "frames") == "frames"]
    given = (STRATEGIES[type(frames[0])] if frames else GivenCells)(clean, mask)
    return given if text is None else WithText(given, *text.for_batch(len(clean), clean.device))
