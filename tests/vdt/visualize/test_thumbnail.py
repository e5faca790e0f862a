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
    mask[6:] = True  # of the frames that are shown, 0, 5, 10 and 15, two
    picture = thumbnail(frames, mask)
    assert picture.shape == (SIDE, SIDE, 3) and picture.dtype == np.uint8
    tiles = picture[: SIDE - 50]
    assert count(tiles, GENERATED) == count(tiles, GIVEN) > 0
    assert count(tiles[: SIDE // 2 - 30], GENERATED) == 0  # the first row of two


def test_the_strip_has_a_cell_for_each_frame_orange_as_far_as_it_is_generated():
    mask = torch.zeros(16, 32, 32, dtype=torch.bool)
    mask[8:] = True
    mask[4:8, :16] = True
    strip = thumbnail(np.zeros((16, 32, 32, 3), np.uint8), mask)[SIDE - 46 : SIDE - 6]
    shares = [count(strip[:, x], GENERATED) / 40 for x in (20, 4.5 * SIDE // 16, SIDE - 30) for x in [int(x)]]
    assert shares == [0, 0.5, 1]


def test_a_part_of_a_frame_is_outlined_inside_it_and_the_rest_is_dimmed():
    frames = np.full((1, 32, 32, 3), 200, np.uint8)
    mask = torch.zeros(1, 32, 32, dtype=torch.bool)
    mask[0, 8:24, 8:24] = True
    tile = thumbnail(frames, mask)[: SIDE - 50]
    rows = np.flatnonzero((tile == np.array(GENERATED)).all(-1).any(1))
    assert len(tile) * 0.22 < rows.min() < len(tile) * 0.28 and len(tile) * 0.72 < rows.max() < len(tile) * 0.78
    middle = len(tile) // 2
    assert (tile[middle - 20 : middle + 20, SIDE // 2 - 20 : SIDE // 2 + 20] == 200).all()
    assert count(tile, (110, 110, 110)) > 0


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
