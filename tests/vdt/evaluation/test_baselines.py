"""Baselines on motions they know: exact where their law holds, blind to the frames they may not see."""

import numpy as np
import pytest

from vdt.evaluation import baselines
from vdt.evaluation.metrics import psnr
from vdt.evaluation.readout import Track, track

T = 12
TIMES = np.arange(T)[:, None]
LINE = np.array([6.0, 8.0]) + TIMES * np.array([2.5, 1.5])
PARABOLA = np.array([6.0, 34.0]) + TIMES * np.array([2.5, -5.0]) + 0.4 * TIMES**2 * np.array([0.0, 1.0])
PREDICT = np.arange(T) < 6
INTERPOLATE = np.isin(np.arange(T), [0, 4, 8, 11])


def seen(centres):
    return Track(centres=np.array(centres, float), present=np.ones(len(centres), bool), area=np.ones(len(centres)))


@pytest.mark.parametrize("known", [PREDICT, ~PREDICT, INTERPOLATE], ids=["predict", "backward", "interpolate"])
@pytest.mark.parametrize(
    ("method", "motion"), [("constant_velocity", LINE), ("quadratic", LINE), ("quadratic", PARABOLA)]
)
def test_a_curve_of_its_own_law_is_continued_exactly(method, motion, known):
    given = np.where(known[:, None], motion, np.nan)  # the rest cannot be read
    assert np.abs(baselines.extrapolate(seen(given), known, method) - motion).max() < 1e-9


def test_one_given_frame_stands_still():
    known = np.arange(T) < 1
    assert np.allclose(baselines.extrapolate(seen(LINE), known, "quadratic"), LINE[0])


def test_frames_without_a_ball_do_not_count():
    found = seen(LINE)
    found.centres[4], found.present[4] = (0, 0), False
    assert np.allclose(baselines.extrapolate(found, PREDICT, "constant_velocity"), LINE)


def test_drawn_motion_is_read_and_redrawn(make_clip):
    clip = make_clip(LINE)
    given = np.where(PREDICT[:, None, None, None], clip.frames, 0)
    found = track(given, clip.colours[0], clip.radius)
    centres = baselines.extrapolate(found, PREDICT, "constant_velocity")
    assert np.linalg.norm(centres - LINE, axis=-1).max() < 0.5
    drawn = baselines.draw_moved(given, clip, found, PREDICT, LINE)
    assert psnr(drawn, clip.frames).min() > 33
    assert np.array_equal(drawn[PREDICT], clip.frames[PREDICT])
    read = track(drawn, clip.colours[0], clip.radius)
    assert np.linalg.norm(read.centres - LINE, axis=-1).max() < 0.25


def test_a_ball_drawn_outside_leaves_the_background(make_clip, draw):
    clip = make_clip(np.tile([[10.0, 24.0]], (T, 1)) + np.arange(T)[:, None] * [2, 0])
    found = track(clip.frames, clip.colours[0], clip.radius)
    drawn = baselines.draw_moved(clip.frames, clip, found, PREDICT, np.full((T, 2), 1e6))
    empty = draw(np.full((1, 2), np.nan))
    assert np.abs(drawn[~PREDICT].astype(int) - empty).max() <= 12  # always covered ground is filled in from around


def test_copy_last_repeats_the_frame_before():
    frames = np.arange(T, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    assert baselines.copy_last(frames, PREDICT)[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5]
    assert baselines.copy_last(frames, ~PREDICT)[:, 0, 0, 0].tolist() == [6] * 7 + [7, 8, 9, 10, 11]
    assert baselines.copy_last(frames, INTERPOLATE)[:, 0, 0, 0].tolist() == [0] * 4 + [4] * 4 + [8] * 3 + [11]


def test_linear_blend_mixes_the_neighbours():
    frames = 10 * np.arange(T, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    hidden = np.where(INTERPOLATE[:, None, None, None], frames, 255).astype(np.uint8)
    assert np.abs(baselines.linear_blend(hidden, INTERPOLATE).astype(int) - frames).max() <= 1
    assert np.array_equal(baselines.linear_blend(hidden, PREDICT)[6:], np.repeat(hidden[5:6], 6, axis=0))


def test_nothing_given_is_an_error():
    with pytest.raises(ValueError, match="given frame"):
        baselines.copy_last(np.zeros((3, 8, 8, 3), np.uint8), np.zeros(3, bool))
