"""A text in a CONDITIONING: embeddings of stock nodes or ours, for our samplers and for the passes of stock ones.

The rule: an embedding of zeros does not count, and where none counts there is no text. So padding needs no mask, what
ConditioningZeroOut makes is no text, and neither is what VDT Conditioning hands out without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import comfy.conds
import torch
from torch import Tensor

from ...vdt.config import VDTConfig
from ...vdt.inference.prompt import resolve_text
from ...vdt.text import Text

# B texts, L embeddings of width E.

GUIDANCE_KEY = "vdt_text_guidance"  # of a conditioning: the weight of its text in its own pass


class CondTexts(comfy.conds.CONDRegular):
    """The text of each pass, None where there is none: a tuple, which hosts hand on as it is."""

    def process_cond(self, batch_size: int, **unused: Any) -> CondTexts:
        return self

    def can_concat(self, other: Any) -> bool:
        return True

    def concat(self, others: Sequence[Any]) -> tuple[Text | None, ...]:
        return tuple(chain(self.cond, *(other.cond for other in others)))

    def size(self) -> list[int]:
        return [1]


def encode(config: VDTConfig, sentence: str) -> list[Any]:
    """CONDITIONING of a sentence, for a model whose encoder is ours; "" is no text."""
    text = resolve_text(config, sentence)
    if text is None:
        return [[torch.zeros(1, 1, config.text.width if config.text else 1), {}]]
    return [[text.embeddings, {}]]


def has_text(options: dict[str, Any]) -> bool:
    """Whether a conditioning, as samplers hold it, brings embeddings other than zeros."""
    embeddings = options.get("cross_attn")
    return isinstance(embeddings, Tensor) and bool(embeddings.any())


def text_of(embeddings: Tensor | None, options: dict[str, Any]) -> Text | None:
    """The text of one conditioning, (B, L, E) with its settings; None where nothing of it counts."""
    if embeddings is None or not bool(embeddings.any()):
        return None
    text = Text(embeddings.float())  # refuses other shapes
    counts, mask = (embeddings != 0).any(-1), options.get("attention_mask")
    if isinstance(mask, Tensor) and mask.shape == counts.shape:
        counts &= mask.to(counts.device) > 0
    return Text(text.embeddings, counts) if bool(counts.any()) else None


def read(conditioning: list[Any] | None, config: VDTConfig, clips: int) -> Text | None:
    """The one text of a CONDITIONING for so many clips; ValueError where the model cannot read it."""
    found = [text_of(embeddings, options) for embeddings, options in conditioning or ()]
    texts = [text for text in found if text is not None]
    if len(texts) > 1:
        raise ValueError(
            f"got {len(texts)} combined conditionings, expected one text: join them with Conditioning (Concat)"
        )
    text = resolve_text(config, texts[0]) if texts else None
    if text is not None and len(text.embeddings) not in (1, clips):
        raise ValueError(f"got texts for {len(text.embeddings)} clips, expected one for all or one for each of {clips}")
    return text


def conds_of(config: VDTConfig, settings: dict[str, Any]) -> dict[str, Any]:
    """What a pass of a stock sampler is told of its text, for models that read one.

    ValueError where the embeddings are those of another encoder.
    """
    text = resolve_text(config, text_of(settings.get("cross_attn"), settings))
    conds: dict[str, Any] = {"vdt_texts": CondTexts((text,))}
    if (weight := settings.get(GUIDANCE_KEY, 1.0)) != 1 and text is not None:
        conds[GUIDANCE_KEY] = comfy.conds.CONDConstant(weight)
    return conds


def joined(texts: Sequence[Text | None], clips: int) -> Text | None:
    """The texts of all passes, each of so many clips, as one batch; None where no pass has any."""
    there = [text for text in texts if text is not None]
    if not there:
        return None
    length, width = max(text.embeddings.shape[1] for text in there), there[0].embeddings.shape[2]
    embeddings = torch.zeros(len(texts) * clips, length, width)
    counts = torch.zeros(len(texts) * clips, length, dtype=torch.bool)
    for place, text in enumerate(texts):
        if text is not None:
            rows, columns = slice(place * clips, (place + 1) * clips), slice(text.embeddings.shape[1])
            embeddings[rows, columns], counts[rows, columns] = text.for_batch(clips, embeddings.device)
    return Text(embeddings, counts)
