"""Scenes in words: captions that are true of a clip, and the judge of clips that were made from words.

Encoders of text live in `vdt.text`, training on captions in `vdt.training`.
"""

from .captions import SceneFacts, all_facts, captions, paraphrases
from .obedience import Obedience, evaluate_text, judge

__all__ = ["Obedience", "SceneFacts", "all_facts", "captions", "evaluate_text", "judge", "paraphrases"]
