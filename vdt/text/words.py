"""A frozen encoder by rule: every word is a fixed vector of signs, in the company of its neighbours."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
WIDTH = 64  # signs of one word
NEIGHBOURS = 3  # the word before, the word itself, the word after
MAX_WORDS = 64


class WordEncoder:
    """Embeddings (B, L, 192): for each word the signs of the word before it, of itself and of the word after it.

    The signs are the first bits of the word's SHA-256, so that two words are nearly orthogonal and no table is needed;
    neighbours say what belongs together ("red ball"). A model learns what words mean; a word that it has never read is
    one more direction, which it ignores.
    """

    width = NEIGHBOURS * WIDTH

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Embeddings float32 (B, L, 192) and which of them count, bool (B, L); L is the longest text's, at least 1.

        Words beyond the first 64 are not read.
        """
        signs, counts = self.words(texts)
        return self.joined(signs, counts), counts

    def words(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """The signs of the words alone, float32 (B, L, 64), and which of them count, bool (B, L)."""
        words = [split_words(text)[:MAX_WORDS] for text in texts]
        length = max(1, *map(len, words)) if words else 1
        signs = torch.zeros(len(words), length, WIDTH)
        counts = torch.zeros(len(words), length, dtype=torch.bool)
        for row, each in enumerate(words):
            if each:
                signs[row, : len(each)] = torch.stack([word_signs(word) for word in each])
                counts[row, : len(each)] = True
        return signs, counts

    def joined(self, signs: Tensor, counts: Tensor) -> Tensor:
        """Signs (B, L, 64) with those of their neighbours, (B, L, 192); 0 where nothing counts, as beyond both ends."""
        signs = signs * counts[..., None]
        before, after = F.pad(signs, (0, 0, 1, 0))[:, :-1], F.pad(signs, (0, 0, 0, 1))[:, 1:]
        return torch.cat([before, signs, after], dim=-1) * counts[..., None]


def split_words(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation."""
    return WORD.findall(text.lower())


ENCODERS = {"words": WordEncoder}  # by their names in configurations and recipes


@lru_cache(maxsize=65_536)
def word_signs(word: str) -> Tensor:
    """The fixed vector of a word, float32 (64,) of -1 and 1."""
    digest = hashlib.sha256(word.encode()).digest()
    bits = [(digest[bit // 8] >> (bit % 8)) & 1 for bit in range(WIDTH)]
    return torch.tensor(bits, dtype=torch.float32) * 2 - 1
