"""What a user writes, as the text that a model reads."""

from __future__ import annotations

from collections.abc import Sequence

from ..bounds import shown
from ..config import VDTConfig
from ..text import ENCODERS, Text, split_words


def resolve_text(config: VDTConfig, text: Text | str | Sequence[str] | None) -> Text | None:
    """The embeddings of a sentence, or of one for each clip; embeddings pass; "" is no text.

    Raises ValueError if the model reads no text, or text of another encoder than the one that needs no file; for a
    sentence without a word that the encoder knows as one, and for embeddings of another width.
    """
    sentences = None if isinstance(text, Text) else _sentences(text)
    if text is None or (sentences is not None and not any(sentences)):
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
        raise ValueError(
            f"this model reads embeddings of width {spec.width} of another encoder: pass them as Text, or connect CLIP "
            f"Text Encode with the encoder it was trained with"
        )
    assert sentences is not None
    for sentence in sentences:
        if sentence and not split_words(sentence):
            raise ValueError(f"got the text {shown(sentence)} without a word of letters a to z: write it in English")
    return Text.of_words(*sentences)


def _sentences(text: str | Sequence[str] | None) -> list[str]:
    """Without the space around them."""
    return [each.strip() for each in ([text] if isinstance(text, str) else text or ())]
