"""What a user writes, as the text that a model reads, and which of its words that model has learned."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..bounds import shown
from ..checkpoints import describe
from ..config import VDTConfig
from ..text import ENCODERS, Text, split_words

WORDS_KEY = "words"  # of the metadata of a model file
NUM_EXAMPLES = 3
MOST_NAMED = 8  # unknown words of a sentence


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
        raise ValueError(
            "this model reads no text: leave the text out, or load one that was trained with captions, such as bundled "
            "text"
        )
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


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The words of all captions that a model was trained with, and some of these captions; none: nothing is known."""

    words: frozenset[str] = frozenset()
    examples: tuple[str, ...] = ()

    @classmethod
    def of(cls, captions: Iterable[str]) -> Vocabulary:
        """Of captions; the examples are long ones of different lengths."""
        by_length = sorted(set(captions), key=lambda caption: (len(split_words(caption)), caption))
        places = [len(by_length) * part // (NUM_EXAMPLES + 1) for part in range(1, NUM_EXAMPLES + 1)]
        examples = tuple(dict.fromkeys(by_length[place] for place in places)) if by_length else ()
        return cls(words=frozenset(word for each in by_length for word in split_words(each)), examples=examples)

    @classmethod
    def read(cls, path: str | Path | None) -> Vocabulary:
        """What a model file says; empty where it says nothing, or there is no file: advice never stops a run."""
        try:
            values = json.loads(describe(path).metadata[WORDS_KEY]) if path is not None else {}
            found = {key: [str(each) for each in values[key]] for key in ("words", "examples")}
        except (KeyError, TypeError, ValueError, OSError):
            return cls()
        return cls(words=frozenset(found["words"]), examples=tuple(found["examples"]))

    def to_json(self) -> str:
        """For the metadata of a file."""
        return json.dumps({"words": sorted(self.words), "examples": list(self.examples)})

    def unknown(self, text: str) -> list[str]:
        """The words of a text that the model has not learned, each once; none where nothing is known of its words."""
        return [word for word in dict.fromkeys(split_words(text)) if word not in self.words] if self.words else []

    def advice(self, text: str) -> str:
        """Sentences for a text with unknown words: which, what was perhaps meant, and what the model knows; or ""."""
        unknown = self.unknown(text)
        if not unknown:
            return ""
        more = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
        named = ", ".join(self._named(word) for word in unknown[:MOST_NAMED]) + more
        examples = "".join(f"\n  {each}" for each in self.examples)
        return f"the model has not learned these words: {named}. It knows sentences such as{examples}"

    def _named(self, word: str) -> str:
        """An unknown word, with the one that is most like it."""
        near = difflib.get_close_matches(word, sorted(self.words), 1, 0.75)
        return shown(word) + (f" (perhaps {shown(near[0])}?)" if near else "")
