"""The planner's decisions for every task, and its refusals in words."""

import numpy as np
import pytest

from vdt import masks
from vdt.config import VDT_CONFIGS
from vdt.planner import (
    DEFAULT_FPS,
    PLACEHOLDER,
    TASKS,
    Plan,
    Source,
    Wishes,
    check_given,
    clip_length,
    describe_clip,
    make_plan,
    pick_frames,
    plan_clip,
)

CONFIG = VDT_CONFIGS["VDT-XS/2"]  # 16 frames, 64 x 64


def source(num_frames=16, height=48, width=80, fps=12.0):
    return Source(num_frames=num_frames, height=height, width=width, fps=fps)


def plan(task="predict", clip=None, **wishes) -> Plan:
    return make_plan(CONFIG, Wishes(task=task, **wishes), source() if clip is None else clip)


def test_predict_follows_the_model_and_the_clip():
    got = plan()
    assert (got.num_frames, got.height, got.width, got.fps) == (16, 64, 64, 12.0)
    assert got.positions == got.sources == tuple(range(8))
    assert "16 frames of 64x64 at 12 fps" in got.describe() and "\n" not in got.describe()


@pytest.mark.parametrize(("num_frames", "given"), [(1, 1), (3, 3), (8, 8), (500, 8)])
def test_predict_uses_what_there_is(num_frames, given):
    assert plan(clip=source(num_frames)).positions == tuple(range(given))


def test_predict_needs_only_the_given_frames():
    assert plan(clip=source(4), given=4, frames=24).num_frames == 24


def test_backward_puts_the_clip_at_the_end():
    short = plan("backward", source(10), given=3)
    assert short.positions == (13, 14, 15) and short.sources == (7, 8, 9)
    whole = plan("backward", source(40), given=2)
    assert whole.positions == whole.sources == (14, 15)


def test_interpolate_keeps_positions_of_a_long_clip():
    got = plan("interpolate", source(30), every=5)
    assert got.positions == got.sources == (0, 5, 10, 15) and got.fps == 12.0


def test_interpolate_spreads_a_short_clip_and_keeps_its_duration():
    got = plan("interpolate", source(5), every=3)
    assert got.num_frames == (5 - 1) * 3 + 1 and got.positions == (0, 3, 6, 9, 12) and got.sources == (0, 1, 2, 3, 4)
    assert got.fps == 36.0
    assert plan("interpolate", source(5), every=3, frames=13) == got


@pytest.mark.parametrize("num_frames", [2, 16, 500])
def test_slow_motion_keeps_all_frames_of_the_clip_and_its_rate(num_frames):
    got = plan("slow_motion", source(num_frames), every=4)
    assert got.num_frames == (num_frames - 1) * 4 + 1 and got.fps == 12.0
    assert got.sources == tuple(range(num_frames)) and got.positions == tuple(range(0, got.num_frames, 4))
    assert clip_length(CONFIG, Wishes(task="slow_motion")) > 10**9
    assert plan("slow_motion", source(3)).positions == (0, 2, 4)


def test_image_to_video_places_the_first_frame_anywhere():
    assert plan("image_to_video", source(1)).positions == (0,)
    last = plan("image_to_video", source(1), frame=-1)
    assert last.positions == (15,) and last.sources == (0,)


def test_known_frames_come_from_their_positions_or_in_order():
    assert plan("frames", known="0-2,-1").sources == (0, 1, 2, 15)
    assert plan("frames", source(2), known="0,-1").sources == (0, 1)


def test_spatial_takes_the_frames_there_are():
    assert plan("spatial", source(5), mask=True).num_frames == 5
    assert plan("spatial", source(50), mask=True).num_frames == 16


def test_unconditional_needs_no_source():
    got = make_plan(CONFIG, Wishes(task="unconditional"), None)
    assert got.positions == () and got.fps == DEFAULT_FPS and bool(got.frame_mask().all())


def test_wished_rate_and_size():
    got = plan(fps=6.0, size=(48, 96), policy="fit")
    assert (got.fps, got.height, got.width, got.policy) == (6.0, 48, 96, "fit")


def test_clip_length_is_wish_or_model():
    assert (
        clip_length(CONFIG, Wishes(task="predict")) == 16 and clip_length(CONFIG, Wishes(task="predict", frames=9)) == 9
    )


def test_place_fills_the_rest_with_grey():
    got = plan("backward", source(2), given=2, size=(16, 16))
    frames = np.arange(2, dtype=np.uint8).repeat(16 * 16 * 3).reshape(2, 16, 16, 3)
    clip = got.place(frames)
    assert clip.shape == (16, 16, 16, 3) and (clip[:14] == PLACEHOLDER).all() and (clip[14:] == frames).all()
    mask = got.frame_mask(2, 2)
    assert mask.shape == (16, 2, 2) and bool(mask[:14].all()) and not bool(mask[14:].any())


@pytest.mark.parametrize(
    ("wishes", "clip", "words"),
    [
        ({"given": 8}, source(5), ["--given 8", "got 5", "--given 5"]),
        ({"given": 16}, source(30), ["16 of 16", "1 to 15"]),
        ({"given": 20}, source(5), ["20 of 16"]),
        ({"given": 0}, source(5), ["given 0"]),
        ({"size": (0, 64)}, source(), ["0x64", "1 or more"]),
        ({"task": "interpolate", "every": 1}, source(), ["every=1"]),
        ({"task": "interpolate"}, source(1), ["1", "2 frames or more"]),
        ({"task": "interpolate", "frames": 12}, source(3), ["--frames 9"]),
        ({"task": "slow_motion"}, source(1), ["1 frame", "2 or more"]),
        ({"task": "frames", "known": "0,9"}, source(4), ["frame 9", "has 4", "10 or more"]),
        ({"task": "frames", "known": "0,99"}, source(), ["99", "16"]),
        ({"task": "image_to_video", "frame": 16}, source(), ["16", "15"]),
        ({"task": "spatial", "mask": True, "frames": 9}, source(4), ["--frames 4"]),
        ({}, source(0), ["no frames"]),
    ],
)
def test_refusals_name_got_expected_and_fix(wishes, clip, words):
    with pytest.raises(ValueError) as error:
        plan(**{"clip": clip, **wishes})
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "wishes",
    [
        {"task": "predicts"},
        {"task": "frames"},
        {"task": "spatial"},
        {"task": "interpolate", "given": 3},
        {"task": "slow_motion", "frames": 30},
        {"task": "predict", "mask": True},
        {"task": "unconditional", "every": 2},
        {"task": "predict", "frames": 0},
        {"task": "predict", "fps": -1.0},
    ],
)
def test_wishes_that_make_no_sense_are_refused(wishes):
    with pytest.raises(ValueError):
        Wishes(**wishes)


@pytest.mark.parametrize("task", [task for task in TASKS if task != "unconditional"])
def test_every_other_task_needs_a_source(task):
    extra = {"frames": {"known": "0"}, "spatial": {"mask": True}}.get(task, {})
    with pytest.raises(ValueError, match="--input"):
        make_plan(CONFIG, Wishes(task=task, **extra), None)


# ---- Clips for nodes: a length, a size, and whatever the source has --------------------------------------------------


def test_a_clip_takes_what_there_is_and_leaves_the_rest_empty():
    source = Source(num_frames=5, height=120, width=160, fps=24.0)
    plan = plan_clip(source, length=8, size=(64, 96), policy="fit")
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


@pytest.mark.parametrize(
    ("arguments", "picked"),
    [
        ({"length": 3}, [0, 1, 2]),
        ({"length": 3, "start": 0.5}, [5, 6, 7]),
        ({"length": 4, "fps": 5.0}, [0, 2, 4, 6]),
        ({"length": 4, "fps": 20.0, "start": 0.8}, [8, 8, 9]),
        ({"length": 4, "start": 0.9}, [9]),
    ],
)
def test_frames_are_picked_by_time(arguments, picked):
    assert pick_frames(10, 10.0, **arguments) == picked


def test_a_start_beyond_the_end_is_refused():
    with pytest.raises(ValueError, match="start 1 s lies outside a clip of 1 s"):
        pick_frames(10, 10.0, length=3, start=1.0)


def test_an_empty_frame_cannot_be_given():
    frames = np.full((4, 16, 16, 3), PLACEHOLDER, np.uint8)
    frames[0] = 3
    check_given(frames, masks.predict(4, 16, 16, given=1))
    with pytest.raises(ValueError, match=r"frame 1 is given by the mask but holds no picture \(1 such frames of 4\)"):
        check_given(frames, masks.predict(4, 16, 16, given=2))
