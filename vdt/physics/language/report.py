"""How well clips obey their texts, as a report: sentences drawn by seed, shares with intervals, a sheet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...evaluation.records import Frames
from ...evaluation.statistics import format_interval
from ...media.files import write_text
from ...visualize.contact_sheet import Row, contact_sheet
from .captions import SceneFacts, all_facts, paraphrases, whole_captions
from .obedience import evaluate_text

if TYPE_CHECKING:
    from ...inference.pipeline import Pipeline
    from ...inference.settings import GenerationConfig

FACTS = {"colour": "colour", "thing": "object", "direction": "direction", "event": "event"}
KINDS = {"captions": "phrasings of the training", "paraphrases": "phrasings never learned from"}
NUM_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class TextReport:
    """Shares by kind of phrasing, as JSON values, and some clips with their sentences."""

    values: dict[str, Any]
    samples: Sequence[tuple[str, Frames]]

    def to_json(self) -> str:
        """The values as a file."""
        return json.dumps(self.values, indent=1) + "\n"


def draw_sentences(count: int, kind: str, seed: int = 0) -> list[tuple[SceneFacts, str]]:
    """So many whole sentences of a kind of phrasing, events taking turns, everything else drawn."""
    rng = np.random.default_rng(seed)
    by_event: dict[str, list[SceneFacts]] = {}
    for facts in all_facts():
        by_event.setdefault(facts.event, []).append(facts)
    events = sorted(by_event)
    phrase = paraphrases if kind == "paraphrases" else whole_captions
    drawn = []
    for index in range(count):
        choices = by_event[events[index % len(events)]]
        facts = choices[int(rng.integers(len(choices)))]
        drawn.append((facts, str(rng.choice(phrase(facts)))))
    return drawn


def report_text(pipeline: Pipeline, count: int, config: GenerationConfig) -> TextReport:
    """Judge `count` clips made from sentences alone, half of them of each kind of phrasing."""
    values: dict[str, Any] = {"count": count, "seed": config.seed, **vars(config.sampling)}
    samples: list[tuple[str, Frames]] = []
    for kind in KINDS:
        sentences = draw_sentences(max(1, count // 2), kind, seed=config.seed)
        values[kind], clips = evaluate_text(pipeline, sentences, config)
        shown = zip(sentences[: NUM_SHOWN // 2], clips, strict=False)
        samples += [(sentence, clip) for (_, sentence), clip in shown]
    return TextReport(values=values, samples=samples)


def text_table(report: TextReport) -> str:
    """Markdown: the share of clips that show each fact of their text, with 95 % intervals."""
    lines = [f"| clips that show what the text says | {' | '.join(FACTS.values())} |", "|---" * (len(FACTS) + 1) + "|"]
    for kind, label in KINDS.items():
        record = report.values[kind]
        shares = " | ".join(format_interval(*_percent(record, fact), 0) for fact in FACTS)
        lines.append(f"| {label} (n={record['clips']}) | {shares} |")
    return "\n".join([*lines, ""])


def write_text_report(report: TextReport, folder: Path) -> None:
    """report.json, table.md and sheet.png, of clips beside their sentences."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(report.to_json(), folder / "report.json")
    write_text(text_table(report), folder / "table.md")
    contact_sheet([Row(label=sentence, frames=clip) for sentence, clip in report.samples], folder / "sheet.png")


def _percent(record: dict[str, Any], fact: str) -> tuple[float, list[float]]:
    return 100 * record[fact], [100 * bound for bound in record[f"{fact}_ci"]]
