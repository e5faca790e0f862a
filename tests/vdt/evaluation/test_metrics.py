"""Picture quality against closed forms and scikit-image; steps and seams; intervals against their definition."""

import numpy as np
import pytest

from vdt.evaluation.metrics import frame_steps, psnr, seam_jump, ssim
from vdt.evaluation.statistics import bootstrap_mean, proportion


def noise(seed, shape=(3, 24, 20, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_psnr_of_a_constant_offset():
    truth = np.full((2, 8, 8, 3), 100, np.uint8)
    for offset in (1, 5, 50):
        expected = pytest.approx(20 * np.log10(255 / offset))
        assert psnr(truth + np.uint8(offset), truth) == expected, offset
        assert psnr(truth - np.uint8(offset), truth) == expected, offset


def test_psnr_of_equal_frames_is_finite():
    assert psnr(noise(0), noise(0)) == pytest.approx(100)


def test_ssim_agrees_with_scikit_image():
    structural_similarity = pytest.importorskip("skimage.metrics").structural_similarity
    truth = noise(0)
    other = np.round(0.7 * truth + 0.3 * noise(1)).astype(np.uint8)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    expected = [structural_similarity(a, b, channel_axis=-1, **options) for a, b in zip(other, truth, strict=True)]
    assert ssim(other, truth) == pytest.approx(expected, abs=1e-9)


def test_ssim_of_equal_frames_is_one_and_of_flat_ones_the_luminance_term():
    assert ssim(noise(2), noise(2)) == pytest.approx(1)
    dark, bright = (np.full((1, 16, 16, 3), value, np.uint8) for value in (60, 120))
    c1 = (0.01 * 255) ** 2
    assert ssim(dark, bright) == pytest.approx((2 * 60 * 120 + c1) / (60**2 + 120**2 + c1))


def test_ssim_refuses_frames_smaller_than_its_window():
    with pytest.raises(ValueError, match="11x11"):
        ssim(np.zeros((1, 8, 20, 3), np.uint8), np.zeros((1, 8, 20, 3), np.uint8))


LEVELS = [10, 12, 15, 25, 26, 30, 60, 61]  # of flat frames: steps of 2, 3, 10, 1, 4, 30, 1
FLAT = np.stack([np.full((4, 6, 3), level, np.uint8) for level in LEVELS])


def test_steps_of_flat_frames_are_their_differences():
    assert frame_steps(FLAT).tolist() == [2, 3, 10, 1, 4, 30, 1]
    assert frame_steps(FLAT[::-1]).tolist() == [1, 30, 4, 1, 10, 3, 2]  # bytes do not wrap around
    half = FLAT[:2].copy()
    half[1, :2] = half[0, :2]
    assert frame_steps(half).tolist() == [1] and frame_steps(FLAT[:1]).size == 0


def test_the_seam_is_compared_with_the_median_of_the_other_steps():
    generated = np.arange(8) >= 3
    jump = seam_jump(FLAT, generated)
    assert (jump.seam, jump.step) == (10, 2.5)
    assert seam_jump(FLAT, ~generated) == jump


def test_clips_without_a_seam_or_without_other_steps():
    whole = seam_jump(FLAT, np.ones(8, bool))
    assert (whole.seam, whole.step) == (None, 3)
    every = seam_jump(FLAT[:3], np.array([False, True, False]))
    assert (every.seam, every.step) == (2.5, None)


def test_bootstrap_interval_holds_the_mean_and_is_as_wide_as_theory_says():
    values = np.random.default_rng(0).normal(5, 2, 400)
    estimate = bootstrap_mean(values, np.random.default_rng(1))
    assert estimate.low <= estimate.mean <= estimate.high
    assert estimate.mean == pytest.approx(values.mean())
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert bootstrap_mean(values, np.random.default_rng(1)) == estimate


def test_bootstrap_leaves_missing_clips_out():
    assert bootstrap_mean([1.0, np.nan, 3.0], np.random.default_rng(0)).mean == 2
    assert bootstrap_mean([np.nan], np.random.default_rng(0)) is None
    single = bootstrap_mean([4.0], np.random.default_rng(0))
    assert (single.low, single.mean, single.high) == (4, 4, 4)


def test_proportion_is_wilsons_interval():
    estimate = proportion([True] * 8 + [False] * 2)
    assert (estimate.low, estimate.mean, estimate.high) == pytest.approx((0.4902, 0.8, 0.9433), abs=1e-4)
    certain = proportion([True] * 10)
    assert certain.high == 1 and 0.7 < certain.low < 0.73
    assert proportion([]) is None
