"""Scenes in words: captions that are true of a clip, and the judge of clips that were made from words.

Encoders of text live in `vdt.text`, training on captions in `vdt.training`.
"""

from .captions import SceneFacts, all_facts, captions, facts_of_windows, paraphrases
from .obedience import Obedience, evaluate_text, judge
from .report import TextReport, draw_sentences, report_text, text_table, write_text_report

__all__ = [
    "Obedience",
    "SceneFacts",
    "TextReport",
    "all_facts",
    "captions",
    "draw_sentences",
    "evaluate_text",
    "facts_of_windows",
    "judge",
    "paraphrases",
    "report_text",
    "text_table",
    "write_text_report",
]
