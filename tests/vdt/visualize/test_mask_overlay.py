"""The picture of a mask: what is tinted, where lines are, what the caption's picture holds."""

import numpy as np
import pytest
import torch

from vdt.visualize.contact_sheet import GENERATED
from vdt.visualize.mask_overlay import (
    CELL_TINT,
    FRAME_SIDE,
    GRID_TINT,
    GROUND,
    STRIP_FRAMES,
    STRIPE_PERIOD,
    STRIPE_WIDTH,
    frame_strip,
    mask_preview,
    overlay,
)


def tinted(strength, base=100):
    return (base + strength * (np.array(GENERATED) - base)).round().astype(np.uint8)


def test_generated_pixels_their_cells_and_the_grid_are_told_apart():
    frames = np.full((2, 64, 64, 3), 100, np.uint8)
    mask = torch.zeros(2, 64, 64, dtype=torch.bool)
    mask[1, 10, 20] = True
    made = overlay(frames, mask)
    factor = FRAME_SIDE // 64
    assert made.shape == (2, 128, 128, 3)
    assert (made[0] == 100).all()
    striped = {tuple(colour) for colour in made[1, 20:22, 40:42].reshape(-1, 3).tolist()}
    assert striped <= {tuple(GENERATED), GROUND}
    assert (made[1, 12 * factor, 22 * factor] == tinted(CELL_TINT)).all()
    assert (made[1, 8 * factor, 20 * factor] == tinted(GRID_TINT)).all()
    assert (made[1, 20 * factor, 20 * factor] == 100).all()


def test_what_is_generated_is_striped_and_shows_no_picture():
    frames = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    made = overlay(frames, torch.ones(1, 64, 64, dtype=torch.bool))
    orange = (made == np.array(GENERATED)).all(-1)
    assert (orange | (made == np.array(GROUND)).all(-1)).all()
    assert orange.mean() == pytest.approx(STRIPE_WIDTH / STRIPE_PERIOD, abs=0.02)
    assert (orange[0, 1:, :-1] == orange[0, :-1, 1:]).all()  # diagonal


def test_frames_of_any_size_work():
    frames = np.zeros((3, 30, 45, 3), np.uint8)
    assert overlay(frames, torch.ones(3, 30, 45, dtype=torch.bool)).shape == (3, 60, 90, 3)
    assert overlay(np.zeros((1, 300, 200, 3), np.uint8), torch.ones(1, 300, 200, dtype=torch.bool)).shape[1] == 300


def test_the_preview_has_a_caption_over_all_frames():
    frames = np.zeros((16, 64, 64, 3), np.uint8)
    shown = mask_preview(frames, torch.ones(16, 64, 64, dtype=torch.bool))
    assert shown.dtype == np.uint8 and shown.shape == (4 * 128 + 3 * 2 + 24, 4 * 128 + 3 * 2, 3)
    assert (shown[:24].reshape(-1, 3).min(0) < 120).all()  # letters on paper


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match="make the mask for them"):
        overlay(np.zeros((2, 64, 64, 3), np.uint8), torch.ones(2, 8, 8, dtype=torch.bool))


def test_a_strip_has_the_frames_side_by_side_and_both_ends_of_a_long_clip():
    frames = (
        np.repeat(np.arange(200, dtype=np.uint8)[:, None, None, None], 3, axis=3).repeat(20, axis=1).repeat(40, axis=2)
    )
    short, long = frame_strip(frames[:3], side=10), frame_strip(frames, side=10)
    assert short.shape == (10, 3 * 20, 3) and [short[5, 20 * i + 10, 0] for i in range(3)] == [0, 1, 2]
    assert long.shape == (10, STRIP_FRAMES * 20, 3) and (long[0, 0, 0], long[0, -1, 0]) == (0, 199)
