"""The four places at which a conditioner can act on a forward pass, each neutral by default."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .record import Conditioning, Context


class Conditioner(nn.Module):
    """One way of telling the network what is given.

    Letters: B batch, T frames, N patches per frame, D width.
    """

    module_name: str  # attribute of the transformer, and so the prefix of its state-dict keys

    def tokens(self, tokens: Tensor, conditioning: Conditioning) -> Tensor:
        """Patch tokens (B, T, N, D) before their positions are added; frames may be appended."""
        return tokens

    def vector(self, conditioning: Conditioning) -> Tensor | None:
        """What is added to the time condition that every adaLN reads, (B, 1 or T, 1, D)."""
        return None

    def context(self, conditioning: Conditioning) -> Context | None:
        """What cross-attention reads."""
        return None

    def strip(self, tokens: Tensor) -> Tensor:
        """The tokens (B, T, N, D) of the clip itself, without what `tokens` appended."""
        return tokens

    def check(self, x: Tensor, conditioning: Conditioning) -> None:
        """Raise ValueError for a conditioning that does not fit latents x (B, T, C, h, w)."""

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw fresh weights, such that a new conditioner changes nothing."""
