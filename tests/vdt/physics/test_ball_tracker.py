"""The ball tracker against drawn discs: where they are, whether they are there, and how far from the truth."""

import numpy as np
import pytest

from vdt.physics.ball_tracker import Track, centroid_error, disc, fill_absent, track

BALL, RADIUS = (220, 60, 20), 5.0


def errors(found, centres):
    return np.linalg.norm(found.centres - centres, axis=-1)


def test_finds_sub_pixel_centres(draw):
    centres = np.random.default_rng(0).uniform(7, 40, (12, 2))
    found = track(draw(centres), BALL, RADIUS)
    assert found.present.all()
    assert errors(found, centres).max() < 0.15
    assert found.area == pytest.approx(np.pi * RADIUS**2, rel=0.1)


def test_shading_and_highlight_do_not_pull_the_centre(draw):
    centres = np.random.default_rng(1).uniform(10, 37, (6, 2))
    frames = draw(centres).astype(float)
    rows, columns = np.mgrid[:48, :48]
    for frame, (x, y) in zip(frames, centres, strict=True):
        ball = np.hypot(columns - x, rows - y) <= RADIUS + 1
        frame[ball] *= np.clip(1 - 0.06 * (columns - x), 0.45, 1)[ball][:, None]  # dark on the right
        highlight = np.hypot(columns - x + 2, rows - y + 2) <= 1
        frame[highlight] += 0.4 * (255 - frame[highlight])
    assert errors(track(frames.astype(np.uint8), BALL, RADIUS), centres).max() < 0.4


def test_blur_and_noise_as_from_a_decoder(draw):
    from vdt.evaluation.metrics import blur

    centres = np.random.default_rng(2).uniform(8, 39, (8, 2))
    frames = blur(draw(centres).astype(float), sigma=1.0, radius=3)
    frames += np.random.default_rng(3).normal(0, 4, frames.shape)
    assert errors(track(frames.clip(0, 255).astype(np.uint8), BALL, RADIUS), centres).max() < 0.3


def test_stray_pixels_and_other_colours_do_not_pull(draw):
    centres = np.array([[12.3, 30.6]])
    frames = draw(centres, np.array([[30.0, 12.0]]))
    frames[0, 2:4, 44:46] = BALL
    found = track(frames, BALL, RADIUS)
    assert errors(found, centres).max() < 0.15


def test_an_absent_ball_keeps_its_last_place(draw):
    centres = np.array([[np.nan] * 2, [10, 20], [14, 20], [np.nan] * 2, [np.nan] * 2])
    frames = draw(centres)
    frames[3, 30:32, 30:32] = BALL  # a speck is not a ball
    found = track(frames, BALL, RADIUS)
    assert found.present.tolist() == [False, True, True, False, False]
    assert np.abs(found.centres - [[10, 20], [10, 20], [14, 20], [14, 20], [14, 20]]).max() < 0.1


def test_a_ball_never_seen_is_in_the_middle():
    found = track(np.full((2, 20, 30, 3), 128, np.uint8), BALL, RADIUS)
    assert not found.present.any()
    assert found.centres.tolist() == [[14.5, 9.5]] * 2


def test_half_hidden_counts_as_present(draw):
    frames = draw(np.array([[20.0, 20.0], [20.0, 20.0]]))
    frames[0, :, 20:] = 128
    frames[1, :, 17:] = 128
    assert track(frames, BALL, RADIUS).present.tolist() == [True, False]


def test_filling_absent_frames_changes_no_present_ones():
    centres = np.arange(6.0).reshape(3, 2)
    assert np.array_equal(fill_absent(centres, np.ones(3, bool), (0, 0)), centres)


def test_disc_has_the_area_of_a_circle():
    assert disc((41, 41), (20.3, 19.8), 9).sum() == pytest.approx(np.pi * 81, rel=0.01)


def test_grey_cannot_be_tracked(draw):
    with pytest.raises(ValueError, match="hue"):
        track(draw(np.array([[20.0, 20.0]])), (90, 90, 90), RADIUS)


def test_centroid_error_counts_generated_frames_with_a_visible_ball():
    found = Track(centres=np.zeros((5, 2)), present=np.array([1, 1, 1, 0, 1], bool), area=np.ones(5))
    truth = np.array([[3, 4]] * 5) * np.arange(5)[:, None]
    generated = np.array([False, True, True, True, True])
    result = centroid_error(found, truth, np.array([1, 1, 0.4, 1, 0.5]), generated)
    assert result.scored.tolist() == [False, True, False, True, True]
    assert result.error[result.scored].tolist() == [5, 15, 20]
    assert np.isnan(result.error[~result.scored]).all()


def test_vanishing_costs_what_standing_still_would(make_clip, draw):
    centres = np.array([10.0, 24.0]) + np.arange(8)[:, None] * np.array([4.0, 0.0])
    clip, generated = make_clip(centres), np.arange(8) >= 4
    vanished = draw(np.where(generated[:, None], np.nan, centres))
    still = draw(np.where(generated[:, None], centres[3], centres))
    costs = []
    for frames in (vanished, still):
        found = track(frames, clip.colours[0], clip.radius)
        costs.append(centroid_error(found, clip.centres[0], clip.visible[0], generated).error[4:])
    assert costs[0] == pytest.approx([4, 8, 12, 16], abs=0.1)
    assert costs[1] == pytest.approx(costs[0], abs=0.1)
