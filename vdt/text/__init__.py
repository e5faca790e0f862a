"""From a sentence to embeddings, without a file to download.

What lives here turns words into numbers by rule, and carries embeddings. Encoders of other projects (CLIP, T5) are the
host's: their embeddings enter as tensors. Nothing here knows models, clips or scenes.
"""

from .embeddings import Text
from .words import ENCODERS, WordEncoder, split_words

__all__ = ["ENCODERS", "Text", "WordEncoder", "split_words"]
