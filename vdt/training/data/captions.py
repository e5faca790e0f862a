"""Captions in batches: one phrasing of each, encoded, and left out now and then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...config import ConditioningSpec, CrossAttentionSpec, VDTConfig
from ...text import ENCODERS
from ..recipe import TextRecipe


class CaptionEncoder:
    """Draws a phrasing for each sample and encodes it; all are padded to one length, so that shapes stay."""

    def __init__(self, recipe: TextRecipe, captions: Iterable[Sequence[str]]) -> None:
        self.encode = ENCODERS[recipe.encoder]()
        self.drop = recipe.drop
        self._encoded: dict[str, Tensor] = {}
        self.length = max((self._known(text).shape[0] for each in captions for text in each), default=1)

    def draw(self, captions: Sequence[Sequence[str]], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Embeddings (B, L, E) and which of them count, bool (B, L); none of a sample without text."""
        count = len(captions)
        chosen = torch.rand(count, generator=generator)
        kept = (torch.rand(count, generator=generator) >= self.drop).tolist()
        embeddings = torch.zeros(count, self.length, self.encode.width)
        mask = torch.zeros(count, self.length, dtype=torch.bool)
        for row, (each, place) in enumerate(zip(captions, chosen.tolist(), strict=True)):
            if each and kept[row]:
                words = self._known(each[int(place * len(each))])
                embeddings[row, : len(words)], mask[row, : len(words)] = words, True
        return embeddings, mask

    def _known(self, text: str) -> Tensor:
        """Embeddings (L, E) of a text, encoded once."""
        if text not in self._encoded:
            embeddings, counts = self.encode([text])
            self._encoded[text] = embeddings[0][counts[0]]
        return self._encoded[text]


def config_with_encoder(config: VDTConfig, encoder: str) -> VDTConfig:
    """The configuration, whose cross-attention to a text names the encoder; ValueError for a model without one."""
    if not encoder:
        return config
    width = ENCODERS[encoder].width
    specs = tuple(_named(spec, encoder) for spec in config.conditioning)
    found = [getattr(spec, "width", 0) for spec in config.conditioning if getattr(spec, "source", "") == "text"]
    if found != [width]:
        raise ValueError(
            f'text encoder "{encoder}" gives embeddings of width {width}, and the model has '
            f"{f'cross-attention to a text of width {found[0]}' if found else 'no cross-attention to a text'}: add "
            f'{{ kind = "{CrossAttentionSpec.kind}", source = "text", width = {width} }} to conditioning of [model]'
        )
    return replace(config, conditioning=specs)


def _named(spec: ConditioningSpec, encoder: str) -> ConditioningSpec:
    """A spec, which names its encoder if it is one of a text."""
    names_one = getattr(spec, "source", "") == "text"
    return replace(spec, encoder=encoder) if names_one else spec  # type: ignore[arg-type]
