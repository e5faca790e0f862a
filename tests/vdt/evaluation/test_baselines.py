"""Holding and cross-fading given frames."""

import numpy as np
import pytest

from vdt.evaluation.baselines import copy_last, has_gaps, linear_blend, simple_baselines

T = 12
PREDICT = np.arange(T) >= 6
INTERPOLATE = ~np.isin(np.arange(T), [0, 4, 8, 11])
COUNT = np.arange(T, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)


def test_copy_last_repeats_the_frame_before():
    assert copy_last(COUNT, PREDICT)[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5]
    assert copy_last(COUNT, ~PREDICT)[:, 0, 0, 0].tolist() == [6] * 7 + [7, 8, 9, 10, 11]
    assert copy_last(COUNT, INTERPOLATE)[:, 0, 0, 0].tolist() == [0] * 4 + [4] * 4 + [8] * 3 + [11]


def test_linear_blend_mixes_the_neighbours():
    frames = 10 * COUNT
    hidden = np.where(INTERPOLATE[:, None, None, None], 255, frames).astype(np.uint8)
    assert np.abs(linear_blend(hidden, INTERPOLATE).astype(int) - frames).max() <= 1
    assert np.array_equal(linear_blend(hidden, PREDICT)[6:], np.repeat(hidden[5:6], 6, axis=0))


def test_gaps_add_the_linear_blend():
    assert has_gaps(INTERPOLATE) and not has_gaps(PREDICT) and not has_gaps(~PREDICT)
    assert list(simple_baselines(COUNT, INTERPOLATE)) == ["copy_last", "linear_blend"]
    assert list(simple_baselines(COUNT, PREDICT)) == ["copy_last"]


def test_nothing_given_is_an_error():
    with pytest.raises(ValueError, match="given frame"):
        copy_last(np.zeros((3, 8, 8, 3), np.uint8), np.ones(3, bool))
