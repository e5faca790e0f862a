"""A result compared with the truth: metrics with known answers, and the text and sheet made of them."""

import numpy as np
import pytest

from vdt.evaluation.compare import SHEET_COLUMNS, compare, report, sheet


def clip(values, size=(16, 16)):
    return np.stack([np.full((*size, 3), value, np.uint8) for value in values])


def frame_mask(generated, size=(16, 16)):
    return np.stack([np.full(size, flag) for flag in generated])


def test_numbers_of_a_clip_with_a_known_answer():
    truth = clip([10, 20, 30, 40, 50])
    result = clip([10, 20, 33, 40, 60])
    made = compare(truth, result, frame_mask([False, False, True, True, True]))
    assert made.generated.tolist() == [False, False, True, True, True]
    assert made.psnr[[0, 1, 3]].tolist() == [100.0, 100.0, 100.0]
    assert made.psnr[2] == pytest.approx(20 * np.log10(255 / 3))
    assert made.given_error == 0
    assert (made.seam, made.seam_truth) == (13.0, 10.0)  # from frame 1 to 2
    assert made.steps.tolist() == [10, 13, 7, 20] and made.steps_truth.tolist() == [10] * 4
    assert (made.step, made.step_truth) == (10.0, 10.0)  # of 10, 7 and 20
    lines = report(made).splitlines()
    assert "seam jump: 13.00 levels, the truth has 10.00" in lines
    assert "median step between frames: 10.00 levels, the truth has 10.00" in lines
    assert made.flicker == pytest.approx((abs(20 - 66 + 40) + abs(33 - 80 + 60)) / 2)
    assert made.flicker_truth == 0.0


def test_seams_in_space_are_found():
    truth, result = clip([50, 50]), clip([50, 50])
    mask = np.zeros((2, 16, 16), bool)
    mask[:, 4:8, 4:8] = True
    result[mask] = 58
    made = compare(truth, result, mask)
    assert (made.seam, made.seam_truth, made.given_error) == (8.0, 0.0, 0)


def test_a_changed_given_pixel_is_not_exact():
    result = clip([10, 20])
    result[0, 3, 3, 1] = 17
    made = compare(clip([10, 20]), result, frame_mask([False, True]))
    assert made.given_error == 7 and "differ by up to 7 of 255" in report(made)


def test_without_a_mask_everything_is_generated():
    made = compare(clip([1, 2, 3]), clip([1, 2, 3]))
    assert made.generated.all() and made.given_error is None and made.seam is None
    text = report(made)
    assert "generated frames: 3 of 3" in text and "known pixels: none" in text and "PSNR: 100.00 dB" in text


def test_drift_is_the_slope_of_the_static_background_alone():
    truth = clip([100] * 8)
    truth[:, :4, :4] = np.arange(8)[:, None, None, None] * 20  # what moves does not count
    result = truth.copy()
    result[..., 2] += np.arange(8, dtype=np.uint8)[:, None, None]  # one level a frame, in one channel
    made = compare(truth, result, frame_mask([False] * 2 + [True] * 6))
    assert made.drift == pytest.approx(16.0) and "colour drift of still places: 16.00 levels" in report(made)
    assert compare(truth, truth).drift == pytest.approx(0.0)
    assert compare(truth[:2], truth[:2]).drift is None


def test_small_or_single_frames_have_no_ssim_or_flicker():
    made = compare(clip([1], (8, 8)), clip([2], (8, 8)))
    assert made.ssim is None and made.flicker is None and made.step is None and made.steps.size == 0


def test_the_sheet_outlines_what_was_generated_and_breaks_long_clips_into_rows():
    truth = clip(range(8))
    none, last = (sheet(truth, truth, np.array([False] * 7 + [flag])) for flag in (False, True))
    changed = (none != last).any(2)
    assert none.shape == last.shape and changed.any()
    assert np.flatnonzero(changed.any(0)).min() > none.shape[1] * 0.85  # the border of the last column alone
    long = clip(range(SHEET_COLUMNS + 1))
    assert sheet(long, long, np.zeros(len(long), bool)).shape[0] > 1.5 * none.shape[0]


def test_clips_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="the truth is 2 frames of 16x16, the result 3 frames of 16x16"):
        compare(clip([1, 2]), clip([1, 2, 3]))
    with pytest.raises(ValueError, match="the mask is 1 frames of 16x16"):
        compare(clip([1, 2]), clip([1, 2]), frame_mask([True]))
