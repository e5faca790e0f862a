"""Intervals, verdicts and the page: against closed forms, and nothing recorded is lost."""

import json

import numpy as np
import pytest

from vdt.ablations.grid import Claim
from vdt.ablations.page import collect, write_page
from vdt.ablations.report import claims_table
from vdt.ablations.statistics import Spread, difference, values_of

from .test_grid import GRID, RECIPE
from .test_queue import record


def test_the_spread_is_that_of_a_one_way_analysis_of_variance():
    groups = [np.random.default_rng(0).normal(mean, 0.1, 3) for mean in (0.1, 5.0, 9.0)]
    within = sum(((group - group.mean()) ** 2).sum() for group in groups) / 6
    spread = Spread.of(groups)
    assert spread.deviation == pytest.approx(within**0.5) and spread.freedom == 6
    assert spread.half_width(3) == pytest.approx(2.447 * (within / 3) ** 0.5)
    assert spread.half_width(3, 3) == pytest.approx(2.447 * (within * 2 / 3) ** 0.5)
    assert Spread.of([[1.0], [2.0]]).half_width(1) is None  # no seed was repeated


def test_intervals_of_two_seeds_hold_what_they_say():
    """Of a thousand grids of five equal variants with two seeds, 95 % of the differences include zero."""
    generator = np.random.default_rng(1)
    inside = 0
    for _ in range(1000):
        values = {name: list(generator.normal(0, 1, 2)) for name in "abcde"}
        found = difference(values, "a", "b", "v_error")
        inside += found.verdict == "not settled"
    assert 930 <= inside <= 970


def test_a_verdict_follows_the_sign_that_the_metric_asks_for():
    values = {"a": [1.0, 1.1], "b": [3.0, 3.1]}
    assert difference(values, "a", "b", "v_error").verdict == "holds"
    assert difference(values, "a", "b", "psnr").verdict == "the other way round"
    assert difference(values, "a", "c", "psnr") is None
    assert difference({"a": [1.0], "b": [2.0]}, "a", "b", "v_error").verdict == "one seed, no interval"


def test_what_has_no_value_is_left_out():
    records = [record("a"), record("a", 1)]
    assert values_of(records, "contact_accuracy") == {"a": []}
    text = claims_table([Claim(says="x", better="a", than="b", metric="contact_accuracy")], records)
    assert text.splitlines()[2] == "| x | - | not run |"


def test_the_page_keeps_earlier_runs_and_takes_new_ones(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "base.toml").write_text(RECIPE)
    grid = tmp_path / "schemes.toml"
    grid.write_text(GRID + '[[claims]]\nsays = "Masks win"\nbetter = "mask"\nthan = "adaln"\n')
    runs = tmp_path / "runs"
    with pytest.raises(ValueError, match="no finished run"):
        collect(grid, runs / "schemes")
    keep(runs / "schemes", record("mask", 0, v_error=0.1, group="scheme"), record("gone", 0))
    assert [each.name for each in collect(grid, runs / "schemes")] == ["mask"]  # the grid has no run "gone"
    later = tmp_path / "later"
    keep(later / "schemes", record("adaln", 0, v_error=0.2, group="scheme"))
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    text = write_page([grid], later, page, page.parent / "images")
    assert page.read_text() == text
    assert "| Masks win | v error mask against adaln: better by +0.100 | one seed, no interval |" in text
    assert "2 runs of 0.5 minutes of the process's own time" in text
    assert "![Schemes](images/ablations-schemes.png)" in text
    assert (page.parent / "images" / "ablations-schemes.png").stat().st_size > 5000
    assert [each["name"] for each in json.loads(grid.with_suffix(".json").read_text())] == ["adaln", "mask"]


def keep(folder, *records):
    """Leave the records as finished runs do."""
    for each in records:
        own = folder / f"{each.name}-s{each.seed}"
        own.mkdir(parents=True)
        (own / "record.json").write_text(each.to_json())
