"""Text: a sequence of embeddings, of any encoder, that every block attends to across."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...config import CrossAttentionSpec, VDTConfig
from ..initialisation import xavier
from .base import Conditioner
from .record import Conditioning, Context

# B batch, L embeddings of width E, D width of the transformer.


class TextConditioner(Conditioner):
    """Brings embeddings (B, L, E) to the width of the transformer; without a text no block attends to anything.

    The scale of embeddings differs from encoder to encoder, so they are normalised first.
    """

    module_name = "text_embedder"

    def __init__(self, spec: CrossAttentionSpec, config: VDTConfig) -> None:
        super().__init__()
        self.width = spec.width
        self.norm = nn.LayerNorm(spec.width)
        self.proj = nn.Linear(spec.width, config.hidden_size)

    def context(self, conditioning: Conditioning) -> Context | None:
        """See `Conditioner.context`."""
        text = conditioning.text
        if text is None:
            return None
        text = text.to(self.proj.weight)
        mask = conditioning.text_mask
        counts = torch.ones(text.shape[:2], dtype=torch.bool, device=text.device) if mask is None else mask
        return Context(self.proj(self.norm(text)), counts)

    def check(self, x: Tensor, conditioning: Conditioning) -> None:
        """See `Conditioner.check`."""
        text = conditioning.text
        if text is not None and (text.ndim != 3 or len(text) != len(x) or text.shape[2] != self.width):
            raise ValueError(
                f"expected a text ({len(x)}, length, {self.width}), got {tuple(text.shape)}: use the encoder that the "
                f"model was trained with"
            )

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """See `Conditioner.initialise`."""
        xavier(self.proj, generator)
