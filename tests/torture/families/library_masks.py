"""Masks of any shape, keyframes, and what other video models take; random timelines lose no frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ..family import HypothesisFamily
from .library import frame_list, mostly, numbers, reals, small

side = st.integers(1, 24)
count = st.integers(1, 12)
bits = st.lists(st.booleans(), min_size=1, max_size=12)
shape = st.lists(st.integers(0, 20), min_size=1, max_size=4)
modes = mostly(st.sampled_from(["crop", "fit", "stretch"]))
tasks = mostly(
    st.sampled_from(["predict", "backward", "interpolate", "image_to_video", "frames", "spatial", "random", "x"])
)
settings = st.fixed_dictionaries(
    {},
    optional={
        "given": numbers,
        "every": numbers,
        "frame": numbers,
        "given_frames": frame_list,
        "seed": numbers,
        "probability": reals,
        "last_given": st.booleans(),
    },
)
control = st.tuples(st.integers(0, 9), bits, st.integers(0, 40), st.booleans())
keyframes = st.lists(st.tuples(st.integers(1, 4), small), max_size=4)
CASES = {
    "task": st.tuples(tasks, settings, st.one_of(count, numbers)),
    "painted": st.tuples(tasks, settings, st.tuples(count, side, side), st.one_of(st.none(), shape), numbers),
    "fit": st.tuples(shape, st.tuples(side, side), modes, st.floats(-1, 2)),
    "cells": st.tuples(st.one_of(shape, st.tuples(st.integers(0, 5))), st.tuples(side, side), st.integers(1, 9)),
    "take": st.tuples(count, st.lists(st.integers(0, 11), min_size=1, max_size=8), st.one_of(st.none(), count), count),
    "combine": st.tuples(shape, shape, mostly(st.sampled_from(["union", "intersection", "difference", "invert"]))),
    "keyframes": st.tuples(keyframes, st.one_of(count, numbers), st.tuples(side, side), modes),
    "connect": st.tuples(st.integers(0, 12), st.one_of(st.none(), st.integers(0, 5)), st.one_of(small, numbers)),
    "spread": st.tuples(st.integers(0, 6), st.one_of(small, numbers)),
    "blocks": st.tuples(st.integers(-1, 9), st.integers(-1, 9), st.integers(-1, 9), reals, small, small),
    "batch": st.tuples(
        st.integers(0, 4),
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
        st.dictionaries(
            st.sampled_from(["predict", "interpolate", "border", "moving", "spatial", "random", "unconditional", "x"]),
            reals,
            max_size=4,
        ),
    ),
    "outpaint": st.tuples(st.tuples(st.integers(0, 3), side, side), st.lists(reals, min_size=4, max_size=4)),
    "control": control,
    "public": st.tuples(
        st.integers(0, 5), st.integers(1, 12), st.one_of(small, frame_list), st.one_of(st.none(), small)
    ),
    "bad control": st.tuples(st.text(max_size=5), shape, shape),
}


class Masks(HypothesisFamily):
    name = "library: masks, keyframes, control"
    small = 1000
    full = 10_000
    piece = 2500

    def prepare(self, folder: Path) -> Any:
        import vdt
        from vdt.masks import control  # noqa: F401

        return vdt

    def strategy(self, shared: Any) -> Any:
        return st.one_of([st.tuples(st.just(name), drawn) for name, drawn in CASES.items()])

    def example(self, shared: Any, drawn: Any) -> None:
        from . import library_masks_tries as tries

        tries.TRIES[drawn[0]](*drawn[1])
