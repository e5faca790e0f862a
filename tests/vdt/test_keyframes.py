"""Images and clips at places of a longer clip."""

import numpy as np
import pytest

from vdt.keyframes import Keyframe, place_keyframes
from vdt.planner import PLACEHOLDER


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


@pytest.mark.parametrize(
    ("count", "index", "message"),
    [
        (1, 8, "image 2 .frame 8. does not fit into a clip of 8 frames: use 0 to 7 .* or -1 to -8"),
        (3, 6, "3 frames at 6.* use 0 to 5 .* or -1 to -6"),
        (3, -7, "does not fit"),
        (1, 0, "images 1 and 2 both stand at frame 0 of 8: move one of them"),
        (7, 1, "fill all 8 frames: nothing is left to generate"),
    ],
)
def test_what_cannot_stand_there_is_said(count, index, message):
    keyframes = [Keyframe(frames=images(1, 0), index=0), Keyframe(frames=images(count, 0), index=index)]
    with pytest.raises(ValueError, match=message):
        place_keyframes(keyframes, 8, (32, 32))


def test_sizes_the_model_cannot_process_are_refused():
    with pytest.raises(ValueError, match="nearest valid size is 32x48"):
        place_keyframes([Keyframe(frames=images(1, 0), index=0)], 8, (30, 50))
