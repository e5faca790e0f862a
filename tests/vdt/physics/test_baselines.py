"""Baselines on motions they know: exact where their law holds, blind to the frames they may not see."""

import numpy as np

from vdt.evaluation.metrics import psnr
from vdt.physics import baselines
from vdt.physics.ball_tracker import Track, track

T = 12
TIMES = np.arange(T)[:, None]
LINE = np.array([6.0, 8.0]) + TIMES * np.array([2.5, 1.5])
PARABOLA = np.array([6.0, 34.0]) + TIMES * np.array([2.5, -5.0]) + 0.4 * TIMES**2 * np.array([0.0, 1.0])
PREDICT = np.arange(T) >= 6
INTERPOLATE = ~np.isin(np.arange(T), [0, 4, 8, 11])


def seen(centres):
    return Track(centres=np.array(centres, float), present=np.ones(len(centres), bool), area=np.ones(len(centres)))


def test_a_curve_of_its_own_law_is_continued_exactly():
    laws = [("constant_velocity", LINE), ("quadratic", LINE), ("quadratic", PARABOLA)]
    for generated in (PREDICT, ~PREDICT, INTERPOLATE):
        for method, motion in laws:
            given = np.where(generated[:, None], np.nan, motion)  # the rest cannot be read
            found = baselines.extrapolate(seen(given), generated, method)
            assert np.abs(found - motion).max() < 1e-9, (method, generated)


def test_one_given_frame_stands_still():
    generated = np.arange(T) >= 1
    assert np.allclose(baselines.extrapolate(seen(LINE), generated, "quadratic"), LINE[0])


def test_frames_without_a_ball_do_not_count():
    found = seen(LINE)
    found.centres[4], found.present[4] = (0, 0), False
    assert np.allclose(baselines.extrapolate(found, PREDICT, "constant_velocity"), LINE)


def test_drawn_motion_is_read_and_redrawn(make_clip):
    clip = make_clip(LINE)
    given = np.where(PREDICT[:, None, None, None], 0, clip.frames)
    found = track(given, clip.colours[0], clip.radius)
    centres = baselines.extrapolate(found, PREDICT, "constant_velocity")
    assert np.linalg.norm(centres - LINE, axis=-1).max() < 0.5
    drawn = baselines.redraw(given, clip, found, PREDICT, LINE)
    assert psnr(drawn, clip.frames).min() > 33
    assert np.array_equal(drawn[~PREDICT], clip.frames[~PREDICT])
    read = track(drawn, clip.colours[0], clip.radius)
    assert np.linalg.norm(read.centres - LINE, axis=-1).max() < 0.25


def test_a_ball_drawn_outside_leaves_the_background(make_clip, draw):
    clip = make_clip(np.tile([[10.0, 24.0]], (T, 1)) + np.arange(T)[:, None] * [2, 0])
    found = track(clip.frames, clip.colours[0], clip.radius)
    drawn = baselines.redraw(clip.frames, clip, found, PREDICT, np.full((T, 2), 1e6))
    empty = draw(np.full((1, 2), np.nan))
    assert np.abs(drawn[PREDICT].astype(int) - empty).max() <= 12  # always covered ground is filled in from around
