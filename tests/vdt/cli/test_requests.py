"""From what was asked for and the clip that is there to a plan, for every task, and the refusals in words."""

import numpy as np
import pytest

from vdt.cli.generate.plan import make_plan
from vdt.cli.generate.requests import GenerateRequest, VideoRequest
from vdt.cli.task_flags import SETTINGS, all_tasks, clip_tasks
from vdt.config import VDT_CONFIGS
from vdt.inference.video_jobs import VIDEO_TASKS
from vdt.masks import TASKS
from vdt.masks.clip_plan import Plan, Source
from vdt.media.frames import DEFAULT_FPS, PLACEHOLDER

CONFIG = VDT_CONFIGS["VDT-XS/2"]  # 16 frames, 64 x 64


def source(num_frames=16, height=48, width=80, fps=12.0):
    return Source(num_frames=num_frames, height=height, width=width, fps=fps)


def plan(task="predict", clip=None, **request) -> Plan:
    return make_plan(CONFIG, GenerateRequest(task=task, **request), source() if clip is None else clip)


def test_the_command_line_has_the_tasks_and_settings_of_the_library():
    assert set(all_tasks()) == {*TASKS, *VIDEO_TASKS, "outpaint"} - {"random"}
    assert set(filter(None, clip_tasks().values())) == set(SETTINGS)


def test_predict_follows_the_model_and_the_clip():
    got = plan()
    assert (got.num_frames, got.height, got.width, got.fps) == (16, 64, 64, 12.0)
    assert got.positions == got.sources == tuple(range(8))
    assert "16 frames of 64x64 at 12 fps" in got.describe() and "\n" not in got.describe()


def test_predict_uses_what_there_is():
    for num_frames, given in ((1, 1), (3, 3), (8, 8), (500, 8)):
        assert plan(clip=source(num_frames)).positions == tuple(range(given))


def test_predict_needs_only_the_given_frames():
    assert plan(clip=source(4), setting=4, frames=24).num_frames == 24


def test_backward_puts_the_clip_at_the_end():
    short = plan("backward", source(10), setting=3)
    assert short.positions == (13, 14, 15) and short.sources == (7, 8, 9)
    whole = plan("backward", source(40), setting=2)
    assert whole.positions == whole.sources == (14, 15)


def test_interpolate_keeps_positions_of_a_long_clip():
    got = plan("interpolate", source(30), setting=5)
    assert got.positions == got.sources == (0, 5, 10, 15) and got.fps == 12.0


def test_interpolate_spreads_a_short_clip_and_keeps_its_duration():
    got = plan("interpolate", source(5), setting=3)
    assert got.num_frames == (5 - 1) * 3 + 1 and got.positions == (0, 3, 6, 9, 12) and got.sources == (0, 1, 2, 3, 4)
    assert got.fps == 36.0
    assert plan("interpolate", source(5), setting=3, frames=13) == got
    assert plan("interpolate", source(3)).positions == (0, 4, 8)


def test_image_to_video_places_the_first_frame_anywhere():
    assert plan("image_to_video", source(1)).positions == (0,)
    last = plan("image_to_video", source(1), setting=-1)
    assert last.positions == (15,) and last.sources == (0,)


def test_given_frames_come_from_their_positions_or_in_order():
    assert plan("frames", setting="0-2,-1").sources == (0, 1, 2, 15)
    assert plan("frames", source(2), setting="0,-1").sources == (0, 1)


def test_spatial_takes_the_frames_there_are(tmp_path):
    assert plan("spatial", source(5), setting=tmp_path).num_frames == 5
    assert plan("spatial", source(50), setting=tmp_path).num_frames == 16


def test_unconditional_needs_no_source():
    got = make_plan(CONFIG, GenerateRequest(task="unconditional"), None)
    assert got.positions == () and got.fps == DEFAULT_FPS and bool(got.frame_mask().all())


def test_rate_and_size_are_those_asked_for():
    got = plan(fps=6.0, size=(48, 96), fit="fit")
    assert (got.fps, got.height, got.width, got.fit) == (6.0, 48, 96, "fit")


def test_clip_length_is_that_asked_for_or_the_models():
    assert GenerateRequest(task="predict").clip_length(CONFIG) == 16
    assert GenerateRequest(task="predict", frames=9).clip_length(CONFIG) == 9


def test_place_fills_the_rest_with_grey():
    got = plan("backward", source(2), setting=2, size=(16, 16))
    frames = np.arange(2, dtype=np.uint8).repeat(16 * 16 * 3).reshape(2, 16, 16, 3)
    clip = got.place(frames)
    assert clip.shape == (16, 16, 16, 3) and (clip[:14] == PLACEHOLDER).all() and (clip[14:] == frames).all()
    mask = got.frame_mask(2, 2)
    assert mask.shape == (16, 2, 2) and bool(mask[:14].all()) and not bool(mask[14:].any())


@pytest.mark.parametrize(
    ("asked", "clip", "words"),
    [
        ({"setting": 8}, source(5), ["--given 8", "got 5", "--given 5"]),
        ({"setting": 16}, source(30), ["16 of 16", "1 to 15"]),
        ({"setting": 20}, source(5), ["20 of 16"]),
        ({"setting": 0}, source(5), ["given 0"]),
        ({"size": (0, 64)}, source(), ["0x64", "1 or more"]),
        ({"frames": 0}, source(), ["--frames 0", "1 or more"]),
        ({"fps": -1.0}, source(), ["--fps -1", "at most 1000"]),
        ({"task": "interpolate", "setting": 1}, source(), ["every=1"]),
        ({"task": "interpolate"}, source(1), ["1", "2 frames or more"]),
        ({"task": "interpolate", "frames": 12}, source(3), ["--frames 9"]),
        ({"task": "frames"}, source(), ["the task frames needs --known"]),
        ({"task": "frames", "setting": "0,9"}, source(4), ["frame 9", "has 4", "10 or more"]),
        ({"task": "frames", "setting": "0,99"}, source(), ["99", "16"]),
        ({"task": "image_to_video", "setting": 16}, source(), ["16", "15"]),
        ({"task": "spatial"}, source(), ["the task spatial needs --mask"]),
        ({"task": "spatial", "setting": "mask.png", "frames": 9}, source(4), ["--frames 4"]),
        ({}, source(0), ["no frames"]),
    ],
)
def test_refusals_name_got_expected_and_fix(asked, clip, words):
    with pytest.raises(ValueError) as error:
        plan(**{"clip": clip, **asked})
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


def test_every_task_but_one_needs_a_source():
    for task in set(clip_tasks()) - {"unconditional"}:
        needed = {"frames": "0", "spatial": "mask.png"}.get(task)
        with pytest.raises(ValueError, match="--input"):
            make_plan(CONFIG, GenerateRequest(task=task, setting=needed), None)


def test_a_video_askedis_a_job_of_the_models_size(tmp_path):
    job = VideoRequest(task="slow_motion", input=tmp_path, fps=6.0, fit="fit").job(CONFIG)
    assert (job.size, job.fps, job.fit, job.every) == ((64, 64), 6.0, "fit", 2)
    job = VideoRequest(task="extend", input=tmp_path, before=3, size=(32, 48)).job(CONFIG)
    assert (job.size, job.frames, job.before) == ((32, 48), 0, 3)
