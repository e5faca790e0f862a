"""Clips for graphs: a length, a size, and whatever the source has."""

import numpy as np
import pytest
import torch

from vdt.masks.clip_plan import Source, check_given, describe_clip, fit_size, pick_frames, plan_clip
from vdt.masks.tasks import Predict, over_cells
from vdt.media.frames import DEFAULT_FPS, PLACEHOLDER


def test_a_clip_takes_what_there_is_and_leaves_the_rest_empty():
    source = Source(num_frames=5, height=120, width=160, fps=24.0)
    plan = plan_clip(source, length=8, size=(64, 96), fit="fit")
    assert (plan.num_frames, plan.height, plan.width, plan.fps) == (8, 64, 96, 24.0)
    clip = plan.place(np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 64, 96, 3), np.uint8))
    assert clip[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, PLACEHOLDER, PLACEHOLDER, PLACEHOLDER]
    text = describe_clip(plan, source)
    assert text == "8 frames of 96x64 at 24 fps: 5 from a clip of 160x120 (fit), then 3 empty ones to generate"


def test_a_long_clip_is_cut_and_a_rate_is_found():
    plan = plan_clip(Source(num_frames=50, height=64, width=64, fps=0.0), length=16, size=(64, 64))
    assert plan.positions == tuple(range(16)) and plan.fps == DEFAULT_FPS
    with pytest.raises(ValueError, match="a size of 0x64"):
        plan_clip(Source(num_frames=5, height=64, width=64, fps=8.0), length=8, size=(0, 64))


def test_frames_are_picked_by_time():
    for arguments, picked in (
        ({"length": 3}, [0, 1, 2]),
        ({"length": 3, "start": 0.5}, [5, 6, 7]),
        ({"length": 4, "fps": 5.0}, [0, 2, 4, 6]),
        ({"length": 4, "fps": 20.0, "start": 0.8}, [8, 8, 9]),
        ({"length": 4, "start": 0.9}, [9]),
    ):
        assert pick_frames(10, 10.0, **arguments) == picked, arguments


def test_a_start_beyond_the_end_is_refused():
    with pytest.raises(ValueError, match="start 1 s lies outside a clip of 1 s"):
        pick_frames(10, 10.0, length=3, start=1.0)


def predicted(given):
    return over_cells(Predict(given=given).frame_mask(4), 16, 16)


def test_an_empty_frame_cannot_be_given():
    frames = np.full((4, 16, 16, 3), PLACEHOLDER, np.uint8)
    frames[0] = 3
    check_given(frames, predicted(given=1))
    with pytest.raises(ValueError, match=r"frame 1 is given by the mask but holds no picture \(1 such frames of 4\)"):
        check_given(frames, predicted(given=2))


def test_a_side_that_is_not_set_follows_from_the_other():
    source = (120, 160)
    sizes = {(0, 0): source, (60, 0): (60, 80), (0, 80): (60, 80), (64, 64): (64, 64), (1, 0): (1, 1)}
    for asked, size in sizes.items():
        assert fit_size(asked, source) == size, asked


def test_the_mask_of_a_plan_is_white_where_the_source_has_no_frame():
    source = Source(num_frames=3, height=4, width=4, fps=8.0)
    plan = plan_clip(source, length=5, size=(4, 4))
    assert plan.mask()[:, 0, 0].tolist() == [False, False, False, True, True]
    painted = torch.zeros(3, 4, 4, dtype=torch.bool)
    painted[1, 2, 3] = True
    assert plan.mask(painted)[:3].nonzero().tolist() == [[1, 2, 3]] and bool(plan.mask(painted)[3:].all())
    assert plan.mask(painted[1:2])[:3].nonzero()[:, 0].tolist() == [0, 1, 2]  # one serves all
    assert not plan_clip(source, length=3, size=(4, 4)).mask().any()


def test_rates_that_no_clip_has_are_refused():
    for fps in (2.2250738585e-313, 1e-7, 1e4, float("inf"), float("nan"), -1.0):
        with pytest.raises(ValueError, match="fps must be a number from 1e-06 to 1,000"):
            pick_frames(38, 0.2, length=38, fps=fps)
