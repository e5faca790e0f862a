"""Thumbnails: whole and partial generation are told apart, and any clip fits."""

import numpy as np
import pytest
import torch

from vdt.visualize.contact_sheet import GENERATED, GIVEN
from vdt.visualize.thumbnail import SIDE, thumbnail


def count(picture, colour):
    return int((picture == np.array(colour)).all(-1).sum())


def test_generated_frames_have_an_orange_border_and_given_ones_a_grey_one():
    frames = np.zeros((16, 32, 32, 3), np.uint8)
    mask = torch.zeros(16, 32, 32, dtype=torch.bool)
    mask[4:] = True
    picture = thumbnail(frames, mask)
    assert picture.shape == (SIDE, SIDE, 3) and picture.dtype == np.uint8
    assert count(picture, GENERATED) == 3 * count(picture, GIVEN) > 0
    assert count(picture[: SIDE // 4 - 2], GENERATED) == 0  # the first row of four


def test_a_part_of_a_frame_is_outlined_inside_it():
    frames = np.zeros((1, 32, 32, 3), np.uint8)
    mask = torch.zeros(1, 32, 32, dtype=torch.bool)
    mask[0, 8:24, 8:24] = True
    picture = thumbnail(frames, mask)
    rows = np.flatnonzero((picture == np.array(GENERATED)).all(-1).any(1))
    assert SIDE * 0.22 < rows.min() < SIDE * 0.28 and SIDE * 0.72 < rows.max() < SIDE * 0.78
    assert count(picture[SIDE // 2 - 20 : SIDE // 2 + 20, SIDE // 2 - 20 : SIDE // 2 + 20], GENERATED) == 0


def test_any_clip_fits():
    for shape in ((1, 16, 16), (7, 90, 16), (40, 16, 300), (3, 1, 1)):
        frames = np.full((*shape, 3), 200, np.uint8)
        assert count(thumbnail(frames, torch.ones(shape, dtype=torch.bool)), GENERATED) > 0, shape


def test_long_clips_show_their_first_and_last_frame():
    frames = np.zeros((100, 16, 16, 3), np.uint8)
    frames[0], frames[-1] = (10, 200, 30), (200, 10, 230)
    picture = thumbnail(frames, torch.zeros(100, 16, 16, dtype=torch.bool))
    assert count(picture, (10, 200, 30)) and count(picture, (200, 10, 230))


def test_a_mask_of_another_clip_is_refused():
    with pytest.raises(ValueError, match="the mask is"):
        thumbnail(np.zeros((2, 16, 16, 3), np.uint8), torch.ones(3, 16, 16, dtype=torch.bool))
