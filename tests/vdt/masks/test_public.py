"""The masks that a user of the library asks for by name."""

import numpy as np
import pytest
import torch

from vdt import VideoClip, masks


@pytest.fixture
def frames():
    return np.zeros((12, 16, 24, 3), np.uint8)


def generated(mask):
    """The frames that a mask generates; fails on one that is generated in part."""
    assert mask.dtype == torch.bool and mask.shape[1:] == (16, 24)
    share = mask.flatten(1).float().mean(1)
    assert set(share.tolist()) <= {0.0, 1.0}
    return share.nonzero().flatten().tolist()


def test_each_is_the_task_of_its_name(frames):
    assert generated(masks.predict(frames)) == [8, 9, 10, 11]
    assert generated(masks.predict(frames, given=3)) == list(range(3, 12))
    assert generated(masks.backward(frames, given=3)) == list(range(9))
    assert generated(masks.interpolate(frames)) == [1, 2, 3, 5, 6, 7, 9, 10]
    assert generated(masks.interpolate(frames, every=8)) == [1, 2, 3, 4, 5, 6, 7, 9, 10]
    assert generated(masks.from_image(frames)) == list(range(1, 16))
    assert generated(masks.from_image(frames, frame=-1, frames=5)) == [0, 1, 2, 3]
    assert generated(masks.given_frames(frames, "0-3,-1")) == list(range(4, 11))
    assert generated(masks.given_frames(frames, [0, -1])) == list(range(1, 11))
    assert generated(masks.everything(5, (16, 24))) == [0, 1, 2, 3, 4]


def test_a_clip_serves_as_its_frames_do_and_may_be_made_longer(frames):
    clip = VideoClip(frames=frames, fps=8.0)
    for make in (masks.predict, masks.backward, masks.interpolate, masks.from_image):
        assert torch.equal(make(clip), make(frames))
    assert generated(masks.predict(clip, frames=20)) == list(range(8, 20))
    assert len(masks.given_frames(clip, "0", frames=30)) == 30


def test_what_a_clip_is_too_short_for_is_said(frames):
    with pytest.raises(ValueError, match="given 8 of 4 frames: nothing left to generate"):
        masks.predict(frames[:4])
    with pytest.raises(ValueError, match="given 8 of 0 frames"):
        masks.predict(frames, frames=0)


def test_the_public_names_exist():
    assert [name for name in masks.__all__ if not hasattr(masks, name)] == []
