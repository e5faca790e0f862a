"""The torture run itself: it sees every way in which a case can end, survives them, and goes on where it stopped."""

import json
import random
from pathlib import Path

import pytest

from .families.table import FAMILIES
from .families.toys import ENDINGS, Toys
from .journal import Journal, Piece
from .mutate import ODD, damaged_bytes, mutated, places
from .outcomes import ending, is_line
from .report import bad_cases, is_bad, table
from .runner import Options, run_piece


def test_every_ending_is_seen_and_none_ends_the_run(tmp_path):
    options = Options(seed=0, coverage="", failures=tmp_path / "failures")
    piece = run_piece(Toys(), 0, len(ENDINGS), options)
    assert piece.counts == {name: ENDINGS.count(name) for name in set(ENDINGS)}
    assert [(bad.number, bad.outcome) for bad in piece.bad] == [
        (number, name) for number, name in enumerate(ENDINGS) if name not in ("fine", "refused")
    ]
    said = {bad.number: bad.said for bad in piece.bad}
    assert "invalid literal" in said[2] and "does not hold" in said[3] and "exit code 3" in said[4]
    assert "no end after 8 s" in said[5] and "a file is gone" in said[6]
    assert "invalid choice" in piece.refusals[0] and is_line(piece.refusals[0])
    assert len(list((tmp_path / "failures").iterdir())) == 5
    assert is_bad([piece]) and bad_cases([piece])[0].startswith('crashed: --only "toys" --case 2: ')
    assert "| toys" in table(["toys"], [piece])


def test_a_journal_is_read_back_even_if_its_last_line_is_cut(tmp_path):
    path = tmp_path / "journal.jsonl"
    piece = Piece(family="toys", first=0, stop=3, seconds=1.5, sources="abc")
    for number, (outcome, said) in enumerate((("fine", ""), ("refused", "no"), ("crashed", "Traceback\nx"))):
        piece.add(number, outcome, said)
    Journal(path).add(piece)
    with path.open("a") as file:
        file.write('{"family": "toys", "fir')
    (read,) = Journal(path).pieces.values()
    assert read == piece
    journal = Journal(path)
    journal.forget("toys")
    assert not journal.pieces


def test_families_that_cannot_run_are_rows_that_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(Toys, "missing", lambda self: "not run: there is no such disk here")
    piece = run_piece(Toys(), 0, 2, Options(seed=0, coverage="", failures=tmp_path))
    assert not is_bad([piece]) and "not run: there is no such disk here" in table(["toys"], [piece])
    assert "never: not run" in table(["never"], [])


def test_cases_follow_from_seed_and_number():
    value = {"a": [1, 2.5, "text", None], "b": {"c": True}}
    one, other = (json.dumps(mutated(value, random.Random(5)), default=str) for _ in range(2))
    assert one == other and value == {"a": [1, 2.5, "text", None], "b": {"c": True}}
    data = bytes(range(256))
    assert damaged_bytes(data, random.Random(1)) == damaged_bytes(data, random.Random(1)) != data
    assert len(list(places(value))) == 8 and len(ODD) > 40


def test_only_sentences_of_ours_are_refusals():
    from vdt.bounds import whole

    assert ending(lambda: whole("steps", -1, 1)) == ("refused", "steps must be a whole number of 1 or more, got -1")
    for raised in (json.JSONDecodeError("no", "", 0), ValueError("not from our files"), KeyError("x")):

        def case(raised=raised):
            raise raised

        assert ending(case)[0] == "crashed"


def test_every_family_is_in_both_sizes_and_documented():
    text = (Path(__file__).parents[2] / "docs" / "torture.md").read_text(encoding="utf-8")
    missing = [name for name in FAMILIES if f"| {name} " not in text]
    assert not missing, missing
    assert sum(family.full for family in FAMILIES.values()) >= 50_000
    assert [name for name, family in FAMILIES.items() if not family.full or family.piece < 1] == []


@pytest.mark.parametrize("name", list(FAMILIES))
def test_families_have_limits(name):
    family = FAMILIES[name]
    assert family.seconds >= 60 and family.small <= family.full
