"""A patch of another tint meets its surroundings again; given pixels, whole frames and cut things stay as they are."""

import numpy as np
import pytest
import torch

from vdt.inference.color_match import match_colors, pull_push_fill
from vdt.inference.settings import CompositingConfig

LIMIT = CompositingConfig().color_match


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def scene(rng, size=(3, 40, 48)):
    """Frames whose colours change slowly over the picture."""
    rows, columns = np.linspace(0, 1, size[1])[:, None], np.linspace(0, 1, size[2])[None]
    base = 90 + 40 * rows[..., None] * rng.random(3) + 40 * columns[..., None] * rng.random(3)
    return np.broadcast_to(base, (*size, 3)).round().astype(np.uint8)


def block(size=(3, 40, 48), rows=(10, 30), columns=(12, 36)):
    area = torch.zeros(size, dtype=torch.bool)
    area[:, slice(*rows), slice(*columns)] = True
    return area


def test_a_tint_is_taken_back(rng):
    truth, area = scene(rng), block()
    for tint in ((6, -9, 3), (-15, 0, 15), (20, 20, 20)):
        made = np.where(area[..., None].numpy(), truth + np.array(tint), truth).astype(np.uint8)
        error = np.abs(match_colors(made, truth, area, LIMIT).astype(int) - truth)
        assert error.max() <= 2 and error.mean() < 0.5, tint  # the slope of the scene over one pixel, and rounding


def test_around_a_picture_too(rng):
    truth, area = scene(rng), ~block()
    made = np.where(area[..., None].numpy(), truth - 12, truth).astype(np.uint8)
    assert np.abs(match_colors(made, truth, area, LIMIT).astype(int) - truth).mean() < 1.5


def test_given_pixels_stay(rng):
    truth, area = scene(rng), block()
    made = rng.integers(0, 256, truth.shape).astype(np.uint8)
    outside = ~area.numpy()
    assert np.array_equal(match_colors(made, truth, area, LIMIT)[outside], made[outside])


def test_a_thing_that_is_cut_by_the_boundary_does_not_bleed(rng):
    truth, area = scene(rng), block()
    truth = truth.copy()
    truth[:, 18:22, 30:36] = (250, 20, 20)  # ends at the right edge of the area
    assert np.abs(match_colors(truth, truth, area, LIMIT).astype(int) - truth).max() <= 2


def test_it_can_be_turned_off(rng):
    truth, area = scene(rng), block()
    made = (truth + 9).astype(np.uint8)
    for limit in (0.0, -1.0):
        assert match_colors(made, truth, area, limit) is made


def test_jumps_above_the_limit_stay(rng):
    truth, area = scene(rng), block()
    made = np.where(area[..., None].numpy(), truth + 40, truth).astype(np.uint8)
    assert np.array_equal(match_colors(made, truth, area, 24.0), made)
    assert np.abs(match_colors(made, truth, area, 60.0).astype(int) - truth).max() <= 2


def test_whole_frames_have_no_boundary(rng):
    made, truth = rng.integers(0, 256, (2, 3, 40, 48, 3)).astype(np.uint8)
    for fill in (True, False):
        assert np.array_equal(match_colors(made, truth, torch.full((3, 40, 48), fill), LIMIT), made)


def test_frames_do_not_see_each_other(rng):
    truth, area = scene(rng), block()
    area[0], area[2, :, 20:] = False, True
    made = rng.integers(80, 120, truth.shape).astype(np.uint8)
    parts = [match_colors(made[i : i + 1], truth[i : i + 1], area[i : i + 1], LIMIT) for i in range(3)]
    assert np.array_equal(match_colors(made, truth, area, LIMIT), np.concatenate(parts))


def test_pictures_of_any_size():
    for size in ((1, 2), (3, 5), (7, 64), (130, 33)):
        area = torch.zeros(1, *size, dtype=torch.bool)
        area[..., : -(-size[1] // 2)] = True
        made, truth = np.full((1, *size, 3), 110, np.uint8), np.full((1, *size, 3), 100, np.uint8)
        assert (match_colors(made, truth, area, LIMIT)[area.numpy()] == 100).all(), size


def test_a_field_keeps_what_is_constant_and_is_zero_where_nothing_is_known():
    known = torch.zeros(1, 1, 40, 40)
    known[..., 3, 5] = known[..., 30, 20] = 1
    values = torch.full((1, 2, 40, 40), 7.0)
    torch.testing.assert_close(pull_push_fill(values, known), values)
    assert (pull_push_fill(values, torch.zeros_like(known)) == 0).all()


def test_a_field_lies_between_what_it_goes_through():
    known = torch.zeros(1, 1, 32, 32)
    known[..., 0], known[..., -1] = 1, 1
    values = torch.zeros(1, 1, 32, 32)
    values[..., -1] = 10
    row = pull_push_fill(values, known)[0, 0, 16]
    assert 0 <= row.min() < 1 and 9 < row.max() <= 10
    assert (row.diff() >= -1e-5).all()  # rises from one side to the other
