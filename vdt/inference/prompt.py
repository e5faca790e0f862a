"""What a user writes, as the text that a model reads."""

from __future__ import annotations

from collections.abc import Sequence

from ..config import VDTConfig
from ..text import ENCODERS, Text


def resolve_text(config: VDTConfig, text: Text | str | Sequence[str] | None) -> Text | None:
    """The embeddings of a sentence, or of one for each clip; embeddings pass; "" is no text.

    Raises ValueError if the model reads no text, or text of another encoder than the one that needs no file.
    """
    if text is None or (isinstance(text, str) and not text.strip()):
        return None
    spec = config.text
    if spec is None:
        raise ValueError("this model reads no text: leave the text out, or load a model that was trained with captions")
    if isinstance(text, Text):
        if (width := text.embeddings.shape[2]) != spec.width:
            raise ValueError(
                f"got a text of width {width}, the model reads width {spec.width}: use the encoder it was trained with"
            )
        return text
    if spec.encoder not in ENCODERS:
        raise ValueError("this model reads the embeddings of another encoder: pass them as Text, not as a sentence")
    return Text.of_words(*([text] if isinstance(text, str) else text))
