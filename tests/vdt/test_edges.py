"""A patch of another tint meets its surroundings again; what is given, whole or cut by a thing stays as it is."""

import numpy as np
import pytest
import torch

from vdt.cli import options
from vdt.completion import decode_frames, decode_onto
from vdt.edges import EDGES, match_edges, spread


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


@pytest.mark.parametrize("tint", [(6, -9, 3), (-15, 0, 15), (20, 20, 20)])
def test_a_tint_is_taken_back(rng, tint):
    truth, area = scene(rng), block()
    made = np.where(area[..., None].numpy(), truth + np.array(tint), truth).astype(np.uint8)
    error = np.abs(match_edges(made, truth, area).astype(int) - truth)
    assert error.max() <= 2 and error.mean() < 0.5  # the slope of the scene over one pixel, and rounding


def test_around_a_picture_too(rng):
    truth, area = scene(rng), ~block()
    made = np.where(area[..., None].numpy(), truth - 12, truth).astype(np.uint8)
    assert np.abs(match_edges(made, truth, area).astype(int) - truth).mean() < 1.5


def test_given_pixels_stay(rng):
    truth, area = scene(rng), block()
    made = rng.integers(0, 256, truth.shape).astype(np.uint8)
    outside = ~area.numpy()
    assert np.array_equal(match_edges(made, truth, area)[outside], made[outside])


def test_a_thing_that_is_cut_by_the_edge_does_not_bleed(rng):
    truth, area = scene(rng), block()
    truth = truth.copy()
    truth[:, 18:22, 30:36] = (250, 20, 20)  # ends at the right edge of the area
    assert np.abs(match_edges(truth, truth, area).astype(int) - truth).max() <= 2


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_off(rng, limit):
    truth, area = scene(rng), block()
    made = (truth + 9).astype(np.uint8)
    assert np.array_equal(match_edges(made, truth, area, limit), made)


def test_jumps_above_the_limit_stay(rng):
    truth, area = scene(rng), block()
    made = np.where(area[..., None].numpy(), truth + 40, truth).astype(np.uint8)
    assert np.array_equal(match_edges(made, truth, area, 24.0), made)
    assert np.abs(match_edges(made, truth, area, 60.0).astype(int) - truth).max() <= 2


@pytest.mark.parametrize("fill", [True, False])
def test_whole_frames_have_no_edge(rng, fill):
    made, truth = rng.integers(0, 256, (2, 3, 40, 48, 3)).astype(np.uint8)
    assert np.array_equal(match_edges(made, truth, torch.full((3, 40, 48), fill)), made)


def test_frames_do_not_see_each_other(rng):
    truth, area = scene(rng), block()
    area[0], area[2, :, 20:] = False, True
    made = rng.integers(80, 120, truth.shape).astype(np.uint8)
    parts = [match_edges(made[i : i + 1], truth[i : i + 1], area[i : i + 1]) for i in range(3)]
    assert np.array_equal(match_edges(made, truth, area), np.concatenate(parts))


@pytest.mark.parametrize("size", [(1, 2), (3, 5), (7, 64), (130, 33)])
def test_pictures_of_any_size(size):
    area = torch.zeros(1, *size, dtype=torch.bool)
    area[..., : -(-size[1] // 2)] = True
    made, truth = np.full((1, *size, 3), 110, np.uint8), np.full((1, *size, 3), 100, np.uint8)
    assert (match_edges(made, truth, area)[area.numpy()] == 100).all()


def test_a_field_keeps_what_is_constant_and_is_zero_where_nothing_is_known():
    known = torch.zeros(1, 1, 40, 40)
    known[..., 3, 5] = known[..., 30, 20] = 1
    values = torch.full((1, 2, 40, 40), 7.0)
    torch.testing.assert_close(spread(values, known), values)
    assert (spread(values, torch.zeros_like(known)) == 0).all()


def test_a_field_lies_between_what_it_goes_through():
    known = torch.zeros(1, 1, 32, 32)
    known[..., 0], known[..., -1] = 1, 1
    values = torch.zeros(1, 1, 32, 32)
    values[..., -1] = 10
    row = spread(values, known)[0, 0, 16]
    assert 0 <= row.min() < 1 and 9 < row.max() <= 10
    assert (row.diff() >= -1e-5).all()  # rises from one side to the other


def test_decoding_onto_images_uses_it(tiny_vae):
    latents = torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    decoded = decode_frames(tiny_vae, latents)
    images, area = (np.clip(decoded.astype(int) - 10, 0, 255)).astype(np.uint8), block((2, *decoded.shape[1:3]))
    plain = decode_onto(tiny_vae, latents, images, area, edges=0)
    assert np.array_equal(plain, np.where(area[..., None].numpy(), decoded, images))
    matched = decode_onto(tiny_vae, latents, images, area)
    assert np.array_equal(matched, np.where(area[..., None].numpy(), match_edges(decoded, images, area), images))


def test_the_command_line_has_the_same_default():
    assert options.EDGES == EDGES
