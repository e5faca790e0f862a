"""The ruler of objects: exact on the truth, and lower by what was done to an object, and by nothing else."""

import numpy as np
import pytest

from vdt.physics.objects import lab, mean_colour, object_region, score_object

BALL, TARGET = np.array([220, 60, 20]), np.array([30, 90, 210])
GENERATED = np.arange(8) >= 4


@pytest.fixture
def clip(make_clip):
    ball = np.stack([10 + 2.0 * np.arange(8), np.full(8, 14.0)], axis=1)
    return make_clip(ball, target=(30.0, 34.0), family="roll_collide")


def painted(clip, change):
    frames = clip.frames.copy()
    for t in np.flatnonzero(GENERATED):
        change(frames[t], clip.silhouettes[:, t])
    return frames


def test_the_truth_scores_exactly(clip):
    for number in (0, 1):
        score = score_object(clip.frames, clip, number, GENERATED)
        assert np.isnan(score.iou[:4]).all() and (score.iou[4:] == 1).all()
        assert (score.present[4:] == 1).all() and not score.delta_e[4:].any() and not score.levels[4:].any()


def test_a_dissolving_object_loses_outline_and_presence_and_the_other_does_not(clip):
    def half_gone(frame, masks):
        rows = np.flatnonzero(masks[0].any(1))
        gone = masks[0] & (np.arange(48)[:, None] > rows[0] + len(rows) // 4)
        frame[gone] = 130

    frames = painted(clip, half_gone)
    ball, target = (score_object(frames, clip, number, GENERATED) for number in (0, 1))
    assert (ball.iou[4:] < 0.5).all() and (target.iou[4:] == 1).all()
    frames = painted(clip, lambda frame, masks: frame.__setitem__(masks[0], 130))
    assert (score_object(frames, clip, 0, GENERATED).present[4:] == 0).all()


def test_a_turning_colour_is_a_distance_and_then_an_absence(clip):
    paler = painted(clip, lambda frame, masks: frame.__setitem__(masks[0], (220, 90, 60)))
    score = score_object(paler, clip, 0, GENERATED)
    true = mean_colour(clip.frames, clip.silhouettes[0])
    expected = np.linalg.norm(lab(np.array([220.0, 90, 60])) - lab(true), axis=1)
    assert np.allclose(score.delta_e[4:], expected[4:]) and (score.iou[4:] > 0.85).all()
    assert (score.levels[4:] > 4).all()
    green = painted(clip, lambda frame, masks: frame.__setitem__(masks[0], (20, 220, 30)))
    score = score_object(green, clip, 0, GENERATED)
    assert (score.iou[4:] < 0.4).all() and (score.delta_e[4:] > 80).all()


def test_a_moved_object_keeps_its_colour_and_loses_its_place(clip):
    frames = clip.frames.copy()
    frames[GENERATED] = np.roll(clip.frames[GENERATED], 4, axis=2)
    score = score_object(frames, clip, 0, GENERATED)
    assert (score.iou[4:] < 0.6).all() and (score.present[4:] == 1).all() and (score.levels[4:] < 12).all()


def test_frames_in_which_the_object_is_hidden_are_not_scored(clip):
    clip.visible[1, 5] = 0.4
    assert np.isnan(score_object(clip.frames, clip, 1, GENERATED).iou[5])


def test_a_region_is_a_hue_and_grey_has_none():
    frames = np.array([[[BALL, BALL // 2, TARGET, (128, 128, 128), (200, 160, 150), (0, 0, 0)]]], np.uint8)
    assert object_region(frames, BALL)[0, 0].tolist() == [True, True, False, False, False, False]
    pink = np.array([[[(255, 0, 20), (255, 20, 0)]]], np.uint8)  # on both sides of the seam of the circle of hues
    assert object_region(pink, (255, 0, 10)).all()


def test_lab_is_cie_s():
    # Published values of the sRGB primaries and white under D65.
    known = {
        (255, 255, 255): (100, 0, 0),
        (255, 0, 0): (53.24, 80.09, 67.20),
        (0, 255, 0): (87.73, -86.18, 83.18),
        (0, 0, 255): (32.30, 79.19, -107.86),
        (0, 0, 0): (0, 0, 0),
    }
    for rgb, expected in known.items():
        assert np.allclose(lab(np.array(rgb, dtype=np.float64)), expected, atol=0.05), rgb
