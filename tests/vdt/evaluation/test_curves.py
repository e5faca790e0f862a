"""Curves of comparisons whose numbers are known: where they run, and what is shaded."""

import numpy as np

from vdt.evaluation.compare import compare
from vdt.evaluation.curves import plot

BLUE, SIZE = (30, 100, 180), (16, 16)


def clip(values):
    return np.stack([np.full((*SIZE, 3), value, np.uint8) for value in values])


def frame_mask(generated):
    return np.stack([np.full(SIZE, flag) for flag in generated])


def line_in(picture, column, rows):
    """The height at which the blue line runs in a column: mean row of its pixels, within a range of rows."""
    part = np.abs(picture[rows[0] : rows[1], column].astype(int) - BLUE).max(1) < 60
    assert part.any()
    return rows[0] + np.flatnonzero(part).mean()


def test_generated_frames_are_shaded():
    truth = clip(range(0, 80, 10))
    flags = [False] * 4 + [True] * 4
    first = plot(compare(truth, truth, frame_mask(flags)))
    other = plot(compare(truth, truth, frame_mask(flags[::-1])))
    assert first.shape == (600, 640, 3) and first.dtype == np.uint8
    assert (first[100, 100] != first[100, 600]).any() and (first[100, 100] == other[100, 600]).all()
    assert (first[560, 100] == first[100, 100]).all() and (first[560, 600] == first[100, 600]).all()


def test_a_seam_is_a_spike_and_the_truth_has_none():
    truth = clip([10] * 10)
    result = clip([10] * 5 + [18] * 5)  # a step of 8 levels to frame 5, the only one
    picture = plot(compare(truth, result, frame_mask([False] * 5 + [True] * 5)))
    columns = [round(52 + (frame + 0.5) * (640 - 16 - 52) / 10) for frame in range(10)]
    rows = (410, 580)
    heights = [line_in(picture, column, rows) for column in columns[1:]]
    flat = [height for frame, height in enumerate(heights, 1) if frame != 5]
    assert heights[4] < 420 and min(flat) > 568 and max(flat) - min(flat) < 1
    before = picture[rows[0] : rows[1], columns[0]].astype(int)  # nothing comes before the first frame
    assert (np.abs(before - BLUE).max(1) > 60).all()


def test_clips_of_any_length_are_drawn():
    for count in (1, 2, 13, 64, 300):
        made = compare(clip([1] * count), clip([2] * count))
        assert plot(made).std() > 3, count
        assert plot(made, size=(320, 300)).shape == (300, 320, 3), count


def test_frames_too_small_for_ssim_have_their_other_curves():
    truth = np.zeros((4, 8, 8, 3), np.uint8)
    assert plot(compare(truth, truth)).shape == (600, 640, 3)
