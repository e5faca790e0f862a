"""The record that travels with every call of a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditioning:
    """What a pass of the network gets in addition to the noisy clip and the timestep; None is nothing of that kind.

    mask is bool (B, T, h, w), True = generate; frames are clean latents (B, T, C, h, w), 0 where they are not given;
    text is a sequence of embeddings (B, L, E), and text_mask, bool (B, L), says which of them are no padding.
    """

    mask: Tensor | None = None
    frames: Tensor | None = None
    text: Tensor | None = None
    text_mask: Tensor | None = None

    def crop(self, of: Callable[[Tensor], Tensor]) -> Conditioning:
        """The same for a part of the picture: `of` cuts tensors (..., h, w)."""
        cut = {name: of(value) for name in ("mask", "frames") if (value := getattr(self, name)) is not None}
        return dataclasses.replace(self, **cut)

    def mask_or_all(self, x: Tensor) -> Tensor:
        """The cells to generate of clips x (B, T, C, h, w), bool (B, T, h, w): all where there is no mask."""
        return torch.ones_like(x[:, :, 0], dtype=torch.bool) if self.mask is None else self.mask

    @staticmethod
    def cat(parts: Sequence[Conditioning]) -> Conditioning:
        """Several passes as one batch; either all of them have a field or none has."""
        if len(parts) == 1:
            return parts[0]
        fields = (field.name for field in dataclasses.fields(Conditioning))
        values = {name: [getattr(part, name) for part in parts] for name in fields}
        for name, each in values.items():
            assert len({value is None for value in each}) == 1, f"some of these passes have the field {name}, some not"
        return Conditioning(**{name: None if each[0] is None else torch.cat(each) for name, each in values.items()})


@dataclass(frozen=True, eq=False)
class Context:
    """What cross-attention reads: tokens (B, L, D), and a mask, bool (B, L), of those that count."""

    tokens: Tensor
    mask: Tensor

    @staticmethod
    def cat(parts: Sequence[Context]) -> Context:
        """The tokens of several conditioners, one after another."""
        return Context(torch.cat([part.tokens for part in parts], 1), torch.cat([part.mask for part in parts], 1))


NOTHING = Conditioning()
