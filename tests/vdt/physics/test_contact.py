"""Contact from pixels in drawn cases: hits, near misses, passing in front, targets that move by themselves."""

import numpy as np

from vdt.physics.contact import contact_to_predict, outline_gap, touches

T, GIVEN = 12, 6
GENERATED = np.arange(T) >= GIVEN


def line(start, step, count=T):
    return np.asarray(start, float) + np.arange(count)[:, None] * np.asarray(step, float)


def stays(place, from_frame, step):
    """A target at rest until a frame, then pushed by `step` a frame."""
    return np.asarray(place, float) + np.clip(np.arange(T) - from_frame + 1, 0, None)[:, None] * np.asarray(step, float)


def test_a_pushed_target_is_a_hit(make_clip):
    ball = np.minimum(line((4, 24), (3, 0)), (24.0, 24.0))
    for push in (0.4, 1.0, 2.0):
        clip = make_clip(ball, stays((34, 24), 8, (push, 0)), contact_frame=8)
        assert touches(clip.frames, clip, GENERATED), push


def test_a_ball_that_stops_before_the_target_is_no_hit(make_clip):
    clip = make_clip(np.minimum(line((4, 24), (2, 0)), (18.0, 24.0)), (34, 24))
    assert not touches(clip.frames, clip, GENERATED)


def test_a_ball_that_passes_in_front_is_no_hit(make_clip):
    clip = make_clip(line((3, 26), (3.5, 0)), (32, 23))
    assert not touches(clip.frames, clip, GENERATED)


def test_blur_alone_is_no_push(make_clip):
    from vdt.evaluation.metrics import blur

    clip = make_clip(line((3, 26), (3.5, 0)), (32, 23))
    blurred = blur(clip.frames.astype(float), sigma=1.0, radius=3).astype(np.uint8)
    assert not touches(np.where(GENERATED[:, None, None, None], blurred, clip.frames), clip, GENERATED)


def test_a_moving_target_only_has_to_be_met(make_clip):
    met = make_clip(line((4, 24), (1.2, 0)), line((40, 24), (-1.4, 0)), contact_frame=10)
    missed = make_clip(line((4, 12), (1.2, 0)), line((40, 40), (-1.4, 0)))
    assert touches(met.frames, met, GENERATED)
    assert not touches(missed.frames, missed, GENERATED)


def test_a_target_pushed_without_a_ball_near_is_no_hit(make_clip):
    clip = make_clip(line((4, 24), (0.2, 0)), stays((34, 24), 8, (1, 0)))
    assert not touches(clip.frames, clip, GENERATED)


def test_a_vanished_ball_is_no_hit(make_clip):
    ball = line((4, 24), (3, 0))
    ball[GIVEN:] = np.nan
    clip = make_clip(ball, stays((34, 24), 8, (1, 0)))
    assert not touches(clip.frames, clip, GENERATED)


def test_outline_gap_counts_the_pixels_between():
    masks = np.zeros((3, 4, 12), bool)
    masks[0, :, :4], masks[1, :, 4:], masks[2, :, 7:] = True, True, True
    assert outline_gap(masks[0], masks[1]) == 0
    assert outline_gap(masks[0], masks[2]) == 3
    assert outline_gap(masks[0], np.zeros((4, 12), bool)) == np.inf


def test_contact_counts_only_what_is_still_to_come(make_clip):
    generated = np.arange(8) >= 4
    ball = np.tile([[10.0, 24.0]], (8, 1))
    frames = (-1, 0, 3, 4, 7)
    answers = [contact_to_predict(make_clip(ball, (35, 24), contact_frame=frame), generated) for frame in frames]
    assert answers == [False, None, None, True, True]
    assert contact_to_predict(make_clip(ball), generated) is None
    assert contact_to_predict(make_clip(ball, (35, 24)), ~generated) is None
