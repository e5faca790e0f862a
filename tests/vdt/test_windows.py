"""Every frame of a long clip is generated once, from frames that are known by then."""

import numpy as np
import pytest
import torch

from vdt import masks
from vdt.windows import plan_windows


def drawn(seed):
    """A random length, mask, window and overlap."""
    rng = np.random.default_rng(seed)
    length, size = int(rng.integers(1, 201)), int(rng.integers(3, 33))
    mask = torch.ones(length, 2, 2, dtype=torch.bool)
    for frame in rng.choice(length, int(rng.integers(0, min(length, 12) + 1)), replace=False):
        mask[frame] = torch.from_numpy(rng.random((2, 2)) < rng.choice([0.0, 0.0, 0.5]))
    return mask, size, int(rng.integers(1, size - 1))


@pytest.mark.parametrize("seed", range(200))
def test_each_frame_is_made_once_and_from_known_ones(seed):
    mask, size, overlap = drawn(seed)
    known = {frame for frame, cells in enumerate(mask.flatten(1)) if not cells.any()}
    to_make = set(range(len(mask))) - known
    for window in plan_windows(mask, size, overlap):
        assert list(window.frames) == sorted(set(window.frames)) and len(window.frames) <= size
        assert set(window.makes) == set(window.frames) - known and window.makes
        known |= set(window.makes)
        to_make -= set(window.makes)
    assert not to_make


@pytest.mark.parametrize("seed", range(200))
def test_no_window_loses_sight_of_the_other_end_of_a_gap(seed):
    mask, size, overlap = drawn(seed)
    if len(mask) <= size:
        pytest.skip("one window")
    ends = {frame for frame, cells in enumerate(mask.flatten(1)) if not cells.all()}  # known, at least in part
    for window in plan_windows(mask, size, overlap):
        for frame in set(window.makes) - ends:
            before, after = [end for end in ends if end < frame], [end for end in ends if end > frame]
            if before and after:
                assert {max(before), min(after)} <= set(window.frames)
        ends |= set(window.makes)


@pytest.mark.parametrize("seed", range(50))
def test_a_longer_prediction_begins_as_the_shorter_one(seed):
    rng = np.random.default_rng(seed)
    size, given = int(rng.integers(4, 20)), int(rng.integers(1, 30))
    overlap = int(rng.integers(1, size - 1))
    short, long = (
        plan_windows(masks.predict(given + size + more, 1, 1, given=given), size, overlap) for more in (1, 40)
    )
    assert long[: len(short)] == short


def test_the_plans_of_the_tasks():
    def frames(mask, size=16, overlap=8):
        return [
            (window.frames[0], window.frames[-1], len(window.makes)) for window in plan_windows(mask, size, overlap)
        ]

    assert frames(masks.predict(16, 1, 1, given=8)) == [(0, 15, 8)]
    assert frames(masks.predict(32, 1, 1, given=8)) == [(0, 15, 8), (8, 23, 8), (16, 31, 8)]
    assert frames(masks.predict(40, 1, 1, given=16)) == [(8, 23, 8), (16, 31, 8), (24, 39, 8)]
    assert frames(masks.backward(24, 1, 1, given=8)) == [(8, 23, 8), (0, 15, 8)]
    assert frames(masks.interpolate(25, 1, 1, every=4)) == [(0, 12, 9), (5, 20, 6), (13, 28, 7)]
    assert frames(masks.unconditional(20, 1, 1)) == [(0, 15, 16), (8, 23, 8)]
    assert frames(torch.zeros(40, 1, 1, dtype=torch.bool)) == []


def test_a_gap_that_fits_one_window_is_seen_from_both_sides():
    mask = masks.frames(32, 1, 1, given=[*range(10), *range(20, 32)])
    (window,) = plan_windows(mask, 16, 8)
    assert window.frames == tuple(range(7, 23)) and window.makes == tuple(range(10, 20))


def test_a_far_keyframe_is_reached_through_every_nth_frame():
    first, *rest = plan_windows(masks.frames(31, 1, 1, given=[0, 30]), 16, 8)
    assert first.frames == tuple(range(0, 31, 2)) and len(first.makes) == 14
    assert all(max(np.diff(window.frames)) == 1 for window in rest)


@pytest.mark.parametrize(("size", "overlap"), [(16, 0), (16, 15), (2, 1)])
def test_windows_need_room_for_known_and_new_frames(size, overlap):
    with pytest.raises(ValueError, match=f"windows of {size} frames that overlap by {overlap}"):
        plan_windows(masks.unconditional(20, 1, 1), size, overlap)
