"""Frames: fit modes by geometry, and exact conversion between bytes and pixels."""

import itertools

import numpy as np
import pytest
import torch

from vdt.media.frames import fit_frames, frames_to_pixels, latent_grid_size, pad_to_multiple, pixels_to_frames


def gradient(height, width, count=1):
    """Red grows to the right, green downwards, blue is 200."""
    frame = np.empty((height, width, 3), np.uint8)
    frame[..., 0] = np.linspace(0, 255, width).round()[None]
    frame[..., 1] = np.linspace(0, 255, height).round()[:, None]
    frame[..., 2] = 200
    return np.repeat(frame[None], count, 0)


MODES = ("crop", "fit", "stretch")


def test_result_has_the_size_and_keeps_flat_colours():
    sources, sizes = ((64, 64), (48, 96), (97, 33), (8, 9), (1, 1), (300, 16)), ((64, 64), (32, 80), (16, 16))
    for mode, source, size in itertools.product(MODES, sources, sizes):
        flat = np.full((2, *source, 3), (10, 120, 230), np.uint8)
        fitted = fit_frames(flat, size, mode)
        assert fitted.shape == (2, *size, 3) and fitted.dtype == np.uint8
        bars = (fitted == 0).all(-1)
        assert (fitted[~bars] == (10, 120, 230)).all(), (mode, source, size)
        assert mode == "fit" or not bars.any(), (mode, source, size)


def test_right_size_is_bit_exact():
    noise = np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), dtype=np.uint8)
    for mode in MODES:
        assert np.array_equal(fit_frames(noise, (32, 48), mode), noise), mode


def test_crop_keeps_the_centre_and_stretch_everything():
    wide = gradient(64, 128)
    crop, stretch, fit = (fit_frames(wide, (64, 64), mode)[0] for mode in ("crop", "stretch", "fit"))
    assert np.array_equal(crop, wide[0, :, 32:96])
    assert stretch[32, 0, 0] < 5 and stretch[32, -1, 0] > 250
    assert (fit[:16] == 0).all() and (fit[48:] == 0).all()
    assert fit[32, 0, 0] < 5 and fit[32, -1, 0] > 250 and fit[16, 32, 1] < 8 and fit[47, 32, 1] > 247


def test_shrinking_is_antialiased():
    stripes = np.zeros((1, 64, 64, 3), np.uint8)
    stripes[:, :, ::2] = 255
    small = fit_frames(stripes, (16, 16))[0, :, 2:-2].astype(int)
    assert abs(small - 127.5).max() < 8


def test_frames_are_taken_one_at_a_time():
    taken = []

    def source():
        for index in range(5):
            assert index == 0 or taken[-1] == index - 1
            taken.append(index)
            yield gradient(40, 30)[0]

    assert fit_frames(source(), (16, 16)).shape == (5, 16, 16, 3)


def test_bad_frames_are_refused():
    with pytest.raises(ValueError, match="no frames"):
        fit_frames(iter(()), (16, 16))
    with pytest.raises(ValueError, match="the fit mode must be one of crop, fit, stretch, got 'cover'"):
        fit_frames(gradient(8, 8), (16, 16), "cover")
    with pytest.raises(ValueError, match="expected uint8 frames"):
        fit_frames(np.zeros((1, 8, 8, 3), np.float32), (16, 16))
    with pytest.raises(ValueError, match="at least 1x1"):
        fit_frames(gradient(8, 8), (0, 16))


def test_bytes_survive_the_round_trip():
    frames = np.arange(256 * 3, dtype=np.int64).reshape(1, 16, 16, 3).astype(np.uint8)
    pixels = frames_to_pixels(frames)
    assert pixels.shape == (1, 3, 16, 16) and pixels.dtype == torch.float32
    assert pixels.min() == -1 and pixels.max() == 1
    assert pixels[0, 1, 0, 0].item() == pytest.approx(frames[0, 0, 0, 1] / 127.5 - 1)
    for dtype in (torch.float32, torch.float64, torch.float16):
        assert np.array_equal(pixels_to_frames(pixels.to(dtype)), frames), dtype


def test_pixels_are_rounded_and_clamped():
    values = torch.tensor([-2.0, 2.0, 100.4 / 127.5 - 1, 100.6 / 127.5 - 1])
    frames = pixels_to_frames(values.expand(1, 3, 1, 4))
    assert frames[0, 0, :, 0].tolist() == [0, 255, 100, 101]


def test_non_finite_pixels_are_never_saved_as_black():
    for value in (float("nan"), float("inf")):
        pixels = torch.zeros(1, 3, 2, 2)
        pixels[0, 1, 1, 1] = value
        with pytest.raises(ValueError, match="NaN or infinite"):
            pixels_to_frames(pixels)


def test_conversions_refuse_other_layouts():
    with pytest.raises(ValueError, match=r"expected uint8 frames \(T, H, W, 3\)"):
        frames_to_pixels(np.zeros((1, 3, 8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"expected pixels \(T, 3, H, W\)"):
        pixels_to_frames(torch.zeros(1, 8, 8, 3))


def test_cells_cover_any_size_and_padding_repeats_the_edge():
    for size, grid in (((64, 64), (8, 8)), ((65, 7), (9, 1)), ((1, 16), (1, 2))):
        assert latent_grid_size(size, 8) == grid
        pixels = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
        padded = pad_to_multiple(pixels, 8)
        assert padded.shape[-2:] == (8 * grid[0], 8 * grid[1])
        assert torch.equal(padded[..., : size[0], : size[1]], pixels)
        assert torch.equal(padded[..., -1, -1], pixels[..., -1, -1])
        assert bool((padded[..., size[0] :, : size[1]] == pixels[..., -1:, :]).all())
