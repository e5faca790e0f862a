"""Lists of frames as people write them, and masks in words."""

# ruff: noqa: RUF001 -- describe_mask writes en dashes

import pytest
import torch

from vdt.masks.blocks import spatial_block
from vdt.masks.frame_lists import describe_mask, parse_frames, resolve_frame
from vdt.masks.tasks import ImageToVideo, Interpolate, Predict, Unconditional, over_cells


def test_a_list_of_frames_is_read():
    for text, expected in (
        ("0-3,8,-1", [0, 1, 2, 3, 8, 15]),
        (" 5 , 3 - 4 ,5,", [3, 4, 5]),
        ("-4--2", [12, 13, 14]),
        ("14--1", [14, 15]),
        ("-16", [0]),
    ):
        assert parse_frames(text, 16) == expected, text


def test_the_piece_that_is_wrong_is_named_with_the_fix():
    for text, message in (
        ("0-3,x,5", "'x' in frame list '0-3,x,5'"),
        ("1.5", "'1.5' in frame list"),
        ("0-20", "frame 20 is outside a clip of 16 frames: use 0 to 15"),
        ("-17", "frame -17 is outside a clip of 16 frames"),
        ("8-3", "range '8-3' in frame list '8-3' runs backwards in a clip of 16 frames"),
        ("", "names no frame"),
        (" , ", "names no frame"),
    ):
        with pytest.raises(ValueError, match=message):
            parse_frames(text, 16)


def test_frames_are_counted_from_either_end():
    assert [resolve_frame(index, 5) for index in range(-5, 5)] == [*range(5), *range(5)]


def test_a_mask_in_words():
    def of(task, num_frames):
        return describe_mask(over_cells(task.frame_mask(num_frames), 2, 2))

    assert of(Predict(given=8), 16) == "frames 0–7 given, 8–15 generated"
    assert of(ImageToVideo(), 16) == "frame 0 given, 1–15 generated"
    assert of(Interpolate(every=4), 8) == "frames 0, 4, 7 given; 1–3, 5–6 generated"
    assert of(Unconditional(), 16) == "all 16 frames generated: nothing given"
    assert describe_mask(torch.zeros(16, 2, 2, dtype=torch.bool)) == "all 16 frames given: nothing to generate"
    block = spatial_block(8, 4, 4, generator=torch.Generator().manual_seed(0), first=1)
    assert describe_mask(block) == "frame 0 given, 1–7 partly generated (50 %)"


def test_a_share_is_never_rounded_to_nothing_or_all():
    mask = torch.zeros(1, 20, 20, dtype=torch.bool)
    mask[0, 0, 0] = True
    assert describe_mask(mask) == "all 1 frames partly generated (1 %)"
    assert describe_mask(~mask) == "all 1 frames partly generated (99 %)"


def test_many_ranges_are_cut_short():
    mask = over_cells(Interpolate(every=2).frame_mask(60), 1, 1)
    given, generated = describe_mask(mask).split("; ")
    assert given == "frames 0, 2, 4, 6, 8, 10, 12, 14, …, 58–59 given"
    assert generated == "1, 3, 5, 7, 9, 11, 13, 15, …, 57 generated"
