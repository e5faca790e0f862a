"""Images and clips at places of a longer clip."""

import numpy as np
import pytest

from vdt.masks.keyframes import LOOP_LEAD, Keyframe, connect_clips, loop_start, place_keyframes, spread_frames
from vdt.media.frames import PLACEHOLDER


def images(count, value, size=(32, 32)):
    return np.stack([np.full((*size, 3), value + index, np.uint8) for index in range(count)])


def test_first_and_last_frame():
    clip = place_keyframes(
        [Keyframe(frames=images(1, 10), index=0), Keyframe(frames=images(1, 90), index=-1)], 8, (32, 32)
    )
    assert clip.frames[:, 0, 0, 0].tolist() == [10, *[PLACEHOLDER] * 6, 90]
    assert clip.mask.shape == (8, 32, 32)
    assert clip.mask[:, 0, 0].tolist() == [False, *[True] * 6, False]


def test_a_clip_begins_at_its_place_or_ends_at_a_negative_one():
    clip = place_keyframes(
        [Keyframe(frames=images(3, 10), index=1), Keyframe(frames=images(2, 90), index=-2)], 10, (32, 32)
    )
    assert clip.frames[:, 0, 0, 0].tolist() == [PLACEHOLDER, 10, 11, 12, *[PLACEHOLDER] * 3, 90, 91, PLACEHOLDER]


def test_images_are_brought_to_one_size():
    clip = place_keyframes([Keyframe(frames=images(1, 10, (64, 48)), index=0)], 4, (16, 32), "stretch")
    assert clip.frames.shape == (4, 16, 32, 3) and (clip.frames[0] == 10).all()


def test_what_cannot_stand_there_is_said():
    for count, index, message in (
        (1, 8, "image 2 .frame 8. does not fit into a clip of 8 frames: use 0 to 7 .* or -1 to -8"),
        (3, 6, "3 frames at 6.* use 0 to 5 .* or -1 to -6"),
        (3, -7, "does not fit"),
        (1, 0, "images 1 and 2 both stand at frame 0 of 8: move one of them"),
        (7, 1, "fill all 8 frames: nothing is left to generate"),
    ):
        keyframes = [Keyframe(frames=images(1, 0), index=0), Keyframe(frames=images(count, 0), index=index)]
        with pytest.raises(ValueError, match=message):
            place_keyframes(keyframes, 8, (32, 32))


def values(clip):
    return clip.frames[:, 0, 0, 0].tolist(), clip.mask[:, 0, 0].tolist()


def test_clips_are_connected_by_frames_to_generate():
    clip = connect_clips(images(3, 10), images(2, 90), 2)
    assert values(clip) == ([10, 11, 12, PLACEHOLDER, PLACEHOLDER, 90, 91], [False] * 3 + [True] * 2 + [False] * 2)
    assert clip.mask.shape == (7, 32, 32)


def test_a_loop_is_the_clip_turned_so_that_its_seam_lies_inside():
    for count in (*range(2, 9), 15, 16, 17, 40):
        shown, generate = values(connect_clips(images(count, 10), None, 3))
        given = [value for value, new in zip(shown, generate, strict=True) if not new]
        assert sorted(given) == [*range(10, 10 + count)]
        assert given[-1] + 1 == given[0]  # the last frame of the loop and its first follow each other in the clip
        start = generate.index(True)
        assert (shown[start - 1], shown[start + 3]) == (9 + count, 10)  # the way leads from the end to the beginning
        assert shown[0] == 10 + loop_start(count)


def test_a_loop_begins_some_frames_into_the_clip_as_streams_do():
    assert [loop_start(length) for length in (2, 3, 8, 15, 16, 17, 400)] == [1, 1, 4, 7, 8, 8, LOOP_LEAD]
    for length in (0, 1):
        with pytest.raises(ValueError, match=f"a loop needs a clip of 2 frames or more, got {length}"):
            loop_start(length)


def test_slow_motion_has_room_between_all_frames():
    for every in (2, 3, 8):
        shown, generate = values(spread_frames(images(4, 10), every))
        assert len(shown) == 3 * every + 1 and shown[::every] == [10, 11, 12, 13]
        assert generate == [index % every != 0 for index in range(len(shown))]


def test_nothing_between_is_refused():
    for call, message in (
        (lambda: connect_clips(images(1, 0), None, 4), "a clip of 2 frames or more, got 1"),
        (lambda: connect_clips(images(2, 0), images(2, 0, (32, 48)), 4), "is 32x32, the second 48x32"),
        (lambda: connect_clips(images(2, 0), images(2, 0), 0), "got 0 frames between"),
        (lambda: spread_frames(images(1, 0), 2), "a clip of 1 frames"),
        (lambda: spread_frames(images(5, 0), 1), "every = 1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_numbers_are_bounded_before_they_become_sizes():
    image = np.zeros((1, 8, 8, 3), np.uint8)
    clip = np.zeros((4, 8, 8, 3), np.uint8)
    for make in (
        lambda: place_keyframes([Keyframe(frames=image, index=0)], 10**10, (64, 64)),
        lambda: place_keyframes([Keyframe(frames=image, index=0)], 16, (10**6, 64)),
        lambda: place_keyframes([Keyframe(frames=image, index=0)], 0, (64, 64)),
        lambda: place_keyframes([Keyframe(frames=image, index=0)], 999_999, (16_384, 16_384)),
        lambda: connect_clips(clip, clip, 2**63),
        lambda: spread_frames(clip, 10**12),
    ):
        with pytest.raises(ValueError, match=r"must be a whole number from 1 to|GiB of memory"):
            make()
