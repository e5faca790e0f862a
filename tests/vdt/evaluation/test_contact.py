"""Contact from pixels in drawn cases: hits, near misses, passing in front, targets that move by themselves."""

import numpy as np
import pytest

from vdt.evaluation.contact import outline_gap, touches

T, GIVEN = 12, 6
KNOWN = np.arange(T) < GIVEN


def line(start, step, count=T):
    return np.asarray(start, float) + np.arange(count)[:, None] * np.asarray(step, float)


def stays(place, from_frame, step):
    """A target at rest until a frame, then pushed by `step` a frame."""
    return np.asarray(place, float) + np.clip(np.arange(T) - from_frame + 1, 0, None)[:, None] * np.asarray(step, float)


@pytest.mark.parametrize("push", [0.4, 1.0, 2.0])
def test_a_pushed_target_is_a_hit(make_clip, push):
    ball = np.minimum(line((4, 24), (3, 0)), (24.0, 24.0))
    clip = make_clip(ball, stays((34, 24), 8, (push, 0)), contact_frame=8)
    assert touches(clip.frames, clip, KNOWN)


def test_a_ball_that_stops_before_the_target_is_no_hit(make_clip):
    clip = make_clip(np.minimum(line((4, 24), (2, 0)), (18.0, 24.0)), (34, 24))
    assert not touches(clip.frames, clip, KNOWN)


def test_a_ball_that_passes_in_front_is_no_hit(make_clip):
    clip = make_clip(line((3, 26), (3.5, 0)), (32, 23))
    assert not touches(clip.frames, clip, KNOWN)


def test_blur_alone_is_no_push(make_clip):
    from vdt.evaluation.metrics import blur

    clip = make_clip(line((3, 26), (3.5, 0)), (32, 23))
    blurred = blur(clip.frames.astype(float), sigma=1.0, radius=3).astype(np.uint8)
    assert not touches(np.where(KNOWN[:, None, None, None], clip.frames, blurred), clip, KNOWN)


def test_a_moving_target_only_has_to_be_met(make_clip):
    met = make_clip(line((4, 24), (1.2, 0)), line((40, 24), (-1.4, 0)), contact_frame=10)
    missed = make_clip(line((4, 12), (1.2, 0)), line((40, 40), (-1.4, 0)))
    assert touches(met.frames, met, KNOWN)
    assert not touches(missed.frames, missed, KNOWN)


def test_a_target_pushed_without_a_ball_near_is_no_hit(make_clip):
    clip = make_clip(line((4, 24), (0.2, 0)), stays((34, 24), 8, (1, 0)))
    assert not touches(clip.frames, clip, KNOWN)


def test_a_vanished_ball_is_no_hit(make_clip):
    ball = line((4, 24), (3, 0))
    ball[GIVEN:] = np.nan
    clip = make_clip(ball, stays((34, 24), 8, (1, 0)))
    assert not touches(clip.frames, clip, KNOWN)


def test_outline_gap_counts_the_pixels_between():
    masks = np.zeros((3, 4, 12), bool)
    masks[0, :, :4], masks[1, :, 4:], masks[2, :, 7:] = True, True, True
    assert outline_gap(masks[0], masks[1]) == 0
    assert outline_gap(masks[0], masks[2]) == 3
    assert outline_gap(masks[0], np.zeros((4, 12), bool)) == np.inf
