"""The record in which a text travels: embeddings of any encoder, for one clip or for each of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .words import WordEncoder


@dataclass(frozen=True, eq=False)
class Text:
    """Embeddings of a text (B or 1, L, E), and which of them count, bool (B or 1, L); None counts all.

    ValueError for other shapes.
    """

    embeddings: Tensor
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.embeddings.shape)
        if len(shape) != 3 or 0 in shape:
            raise ValueError(f"a text has embeddings (clips, length, width), got {shape}")
        if self.mask is not None and (self.mask.dtype != torch.bool or tuple(self.mask.shape) != shape[:2]):
            raise ValueError(
                f"the mask of a text must be bool {shape[:2]}, got {self.mask.dtype} {tuple(self.mask.shape)}"
            )

    @classmethod
    def of_words(cls, *sentences: str) -> Text:
        """One sentence for all clips, or one for each, through the encoder by rule."""
        return cls(*WordEncoder()(sentences))

    def for_batch(self, batch: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Both for B clips, on a device; ValueError if there are texts of another number of clips."""
        count, length, width = self.embeddings.shape
        if count not in (1, batch):
            raise ValueError(f"got texts for {count} clips, expected one for all or one for each of {batch}")
        counts = torch.ones(count, length, dtype=torch.bool) if self.mask is None else self.mask
        return self.embeddings.to(device).expand(batch, length, width), counts.to(device).expand(batch, length)

    def part(self, start: int, stop: int) -> Text:
        """The texts of clips start to stop - 1; one for all stays one for all."""
        if len(self.embeddings) == 1:
            return self
        return Text(self.embeddings[start:stop], None if self.mask is None else self.mask[start:stop])
