"""Numbers are bounded before they become sizes, and every refusal says what it got and what it expected, shortly."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pytest

from vdt import bounds
from vdt.bounds import bounded, check_clip, check_fields, real, shown, whole

HUGE = 10**400


@dataclass(frozen=True)
class Record:
    count: int = bounded(1, 8, 2)
    share: float = bounded(0, 1, 0.5)
    pair: tuple[float, float] = bounded(0, 1, (0.1, 0.2))
    scale: float | tuple[float, ...] = bounded(-2, 2, 1.0)
    word: Literal["a", "b"] = "a"
    flag: bool = False
    name: str = ""
    table: dict[str, float] = field(default_factory=dict)
    view: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self):
        check_fields(self)


def test_records_take_what_they_state():
    for changes in (
        {"count": 8, "share": 1, "pair": (0, 1.0)},
        {"scale": (1.0, -2)},
        {"scale": 2},
        {"share": np.float32(0.5), "table": {"x": 3}},
    ):
        assert dataclasses.replace(Record(), **changes)


def test_records_refuse_every_other_type_and_range_in_a_short_sentence():
    bad = {
        "count": (0, 9, True, "2", 2.0, math.nan, None, [], HUGE),
        "share": (-0.1, 1.1, math.nan, math.inf, "x", True, None, HUGE, []),
        "pair": (0.1, (0.1,), (0.1, 2.0), ("a", "b"), [0.1, 0.2], (math.nan, 0.1)),
        "scale": (3, (1.0, 3.0), ("a",), None, "x", math.inf, (HUGE,)),
        "word": ("c", 1, None, ["a"]),
        "flag": (0, 1, "yes", None),
        "name": (1, None, ["x"]),
        "table": ({"x": "y"}, {"x": math.inf}, [], None),
        "view": ({"x": None}, 5),
    }
    for name, values in bad.items():
        for value in values:
            with pytest.raises(ValueError, match=rf"{name}.* must be .*, got ") as caught:
                dataclasses.replace(Record(), **{name: value})
            assert len(str(caught.value)) < 200, (name, str(caught.value)[:300])


def test_values_are_shown_shortly_whatever_they_are():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    for value in (HUGE, 10**100_000, "x" * 1000, [1] * 1000, deep, [10**100_000]):
        assert len(shown(value)) <= 60
    while deep:  # its destruction would be a recursion too
        deep = deep[0]


def test_whole_and_real_numbers_of_numpy_are_numbers():
    assert whole("n", np.int64(3), 1, 5) == 3 and real("x", np.float32(0.5), 0, 1) == 0.5


def test_a_clip_that_no_memory_holds_is_refused_with_both_numbers(monkeypatch):
    monkeypatch.setattr(bounds, "free_bytes", lambda: 2**30)
    check_clip(16, (64, 64))
    with pytest.raises(ValueError, match=r"takes 12\.0 GiB of memory, 1\.0 GiB are free"):
        check_clip(16, (16384, 16384))
    for length, size in ((0, (64, 64)), (2**63, (64, 64)), (16, (64, 99_999)), (16, (0, 64))):
        with pytest.raises(ValueError, match="must be a whole number from 1"):
            check_clip(length, size)
