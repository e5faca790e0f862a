"""The report on texts: sentences drawn by seed, shares of what was judged, files that are written."""

import json
from collections import Counter

import numpy as np
import pytest

from vdt.config import VDT_CONFIGS
from vdt.inference.pipeline import Pipeline
from vdt.inference.settings import GenerationConfig
from vdt.models.transformer import VDT
from vdt.physics.language import draw_sentences, report, report_text, text_table, write_text_report
from vdt.physics.language.captions import paraphrases, whole_captions


def test_sentences_are_of_their_kind_with_events_in_turns():
    for kind, phrasings in (("captions", whole_captions), ("paraphrases", paraphrases)):
        drawn = draw_sentences(40, kind, seed=1)
        assert Counter(facts.event for facts, _ in drawn) == dict.fromkeys(("bounces", "hits", "passes", "stops"), 10)
        assert all(sentence in phrasings(facts) for facts, sentence in drawn)
        assert drawn == draw_sentences(40, kind, seed=1) != draw_sentences(40, kind, seed=2)
    assert len({facts.colour for facts, _ in draw_sentences(200, "captions")}) >= 6


def test_shares_of_both_kinds_stand_in_table_and_files(tmp_path, monkeypatch):
    asked = []

    def evaluate(pipeline, sentences, config):
        asked.extend(sentences)
        shares = {fact: 0.5 for fact in report.FACTS} | {f"{fact}_ci": [0.25, 0.75] for fact in report.FACTS}
        return {"clips": len(sentences), **shares}, [np.full((4, 8, 8, 3), 90, np.uint8)] * len(sentences)

    monkeypatch.setattr(report, "evaluate_text", evaluate)
    made = report_text(None, 20, GenerationConfig(seed=3))
    assert len(asked) == 20 and len(made.samples) == report.NUM_SHOWN
    table = text_table(made)
    assert table.count("50 (25 to 75)") == 8 and table.count("(n=10)") == 2
    write_text_report(made, tmp_path / "report")
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"report.json", "table.md", "sheet.png"}
    assert json.loads((tmp_path / "report/report.json").read_text())["captions"]["colour"] == 0.5


def test_a_model_without_text_is_refused(tiny_vae):
    pipeline = Pipeline(VDT(VDT_CONFIGS["VDT-Tiny/2"]), tiny_vae)
    with pytest.raises(ValueError, match="text"):
        report_text(pipeline, 2, GenerationConfig())
