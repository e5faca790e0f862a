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
    """Draws a phrasing for each sample and encodes it; all are padded to one length, so that shapes stay.

    Words that are replaced by ones that nobody knows leave the rest of a phrasing to be understood without them.
    """

    def __init__(self, recipe: TextRecipe, captions: Iterable[Sequence[str]]) -> None:
        self.encode = ENCODERS[recipe.encoder]()
        self.drop, self.unknown = recipe.drop, recipe.unknown
        texts = {text for each in {tuple(each) for each in captions} for text in each}
        self.texts = sorted(texts)
        self._places = {text: place for place, text in enumerate(self.texts)}
        self._words, self._counts = self.encode.words(self.texts or [""])
        self.length = self._counts.shape[1]

    def draw(self, captions: Sequence[Sequence[str]], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Embeddings (B, L, E) and which of them count, bool (B, L); none of a sample without text."""
        chosen = torch.rand(len(captions), generator=generator)
        kept = torch.rand(len(captions), generator=generator) >= self.drop
        kept &= torch.tensor([bool(each) for each in captions])
        texts = (
            each[int(part * len(each))] if each else "" for each, part in zip(captions, chosen.tolist(), strict=True)
        )
        places = torch.tensor([self._places.get(text, 0) for text in texts])
        words, counts = self._words[places], self._counts[places] & kept[:, None]
        if self.unknown:
            new = (torch.rand(counts.shape, generator=generator) < self.unknown) & counts
            size = (int(new.sum()), words.shape[-1])
            words[new] = torch.randint(2, size, generator=generator).to(words) * 2 - 1
        return self.encode.joined(words, counts), counts


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
