"""Edits of a mask: frames, rectangles, brushes and their ways, against what can be counted."""

import json

import pytest
import torch

from vdt.masks.tasks import Predict, over_cells
from vdt.masks.timeline import apply_timeline, frame_states, parse_timeline


def predict(num_frames, height, width, *, given):
    return over_cells(Predict(given=given).frame_mask(num_frames), height, width)


def edited(values, mask=None, size=(8, 16, 16)):
    base = predict(8, 1, 1, given=4).expand(size).clone() if mask is None else mask
    return apply_timeline(base, parse_timeline(json.dumps({"v": 1, **values})))


def test_an_empty_text_changes_nothing():
    mask = predict(8, 4, 4, given=3)
    assert torch.equal(apply_timeline(mask, parse_timeline("  ")), mask)
    assert torch.equal(edited({}, mask), mask)


def test_given_frames_replace_those_of_the_task():
    mask = edited({"given": "0,6-7"})
    assert [bool(frame.all()) for frame in mask] == [False, True, True, True, True, True, False, False]
    assert edited({"given": ""}).all()
    assert edited({"given": "3,20-30"}).flatten(1).all(1).sum() == 7  # beyond the end of the clip


def test_a_rectangle_covers_pixels_whose_middle_lies_inside():
    mask = edited({"paint": [{"on": "1-2", "rect": [0.75, 0.5, 0.25, 0.0]}]})
    assert mask[:, :, :][0].sum() == 0 and mask[3].sum() == 0
    assert mask[1].sum() == mask[2].sum() == 8 * 8 and mask[1, :8, 4:12].all()


def test_erasing_gives_a_part_of_a_generated_frame():
    mask = edited({"paint": [{"on": "5", "rect": [0, 0, 0.5, 1], "erase": True}]})
    assert mask[5].sum() == 16 * 8 and not mask[5, :, :8].any() and mask[4].all() and mask[6].all()


def test_strokes_apply_in_their_order():
    box = [0, 0, 1, 1]
    both = [{"on": "0", "rect": box}, {"on": "0", "rect": box, "erase": True}]
    assert edited({"paint": both})[0].sum() == 0 and edited({"paint": both[::-1]})[0].all()


def test_a_brush_is_a_line_with_round_ends():
    mask = edited({"paint": [{"on": "0", "brush": [0.25, 0.5, 0.75, 0.5], "r": 0.125}]})  # radius 2 of 16 pixels
    assert mask[0, 6:10, 4:12].all() and not mask[0, :6].any() and not mask[0, 10:].any()
    assert torch.equal(mask[0], mask[0].flip(0)) and torch.equal(mask[0], mask[0].flip(1))
    dot = edited({"paint": [{"on": "0", "brush": [0.5, 0.5], "r": 0.25}]})
    assert 45 < int(dot[0].sum()) < 60  # π 4² = 50.3


def test_a_stroke_moves_evenly_over_its_frames():
    mask = edited({"paint": [{"on": "0-3", "rect": [0, 0, 0.25, 1], "move": [0.75, 0]}]})
    for frame in range(4):
        assert torch.equal(mask[frame].any(0).nonzero().flatten(), torch.arange(4 * frame, 4 * frame + 4))


def test_the_state_of_each_frame():
    mask = edited({"paint": [{"on": "0", "rect": [0, 0, 0.5, 1]}]})
    assert frame_states(mask) == "20001111"


def test_what_cannot_be_read_is_said():
    for text, said in (
        ("{", "the timeline cannot be read"),
        ('{"given": "0"}', "clear it"),
        ('{"v": 9}', "its version is 9, expected 1 or 2: update the pack"),
        ('{"v": 1, "given": "4-2"}', "'4-2' is no frame or range"),
        ('{"v": 1, "paint": [{"on": "0", "rect": [0, 0, 1]}]}', "a stroke has 3 numbers"),
        ('{"v": 1, "paint": [{"on": "0", "brush": [0, 0]}]}', "clear it"),
        ('{"v": 1, "paint": [{"on": "0", "rect": [0, 0, 1, NaN]}]}', "nan is no number"),
        ('{"v": 1, "paint": [{"on": "0,2", "rect": [0, 0, 1, 1]}]}', "cannot be read"),
        ('{"v": 1, "paint": 3}', "clear it"),
    ):
        with pytest.raises(ValueError, match="the timeline cannot be read") as raised:
            parse_timeline(text)
        assert said in str(raised.value), text


def test_numbers_are_bounded_before_they_become_sizes():
    """As large as one likes to write them: refused in a moment, in a short sentence."""
    whole = [0, 0, 1, 1]
    huge = "9" * 400
    for values, said in (
        ({"given": "0-9999999999"}, "frame 9999999999 is beyond the longest clip, expected 0 to 999,999"),
        ({"given": huge}, "is beyond the longest clip"),
        ({"given": "0-999999,0-999999"}, "names more than 1,000,000 frames"),
        ({"paint": [{"on": f"0-{huge}", "rect": whole}]}, "is beyond the longest clip"),
        ({"paint": [{"on": "0", "rect": [0, 0, 1, 10**400]}]}, "lies far outside the picture"),
        ({"paint": [{"on": "0", "rect": [0, 0, 1, float("inf")]}]}, "lies far outside the picture"),
        ({"paint": [{"on": "0", "brush": [0.5] * 2, "r": -(10**9)}]}, "lies far outside the picture"),
        ({"paint": [{"on": "0", "rect": whole, "move": [0, 1e300]}]}, "lies far outside the picture"),
        ({"paint": [{"on": "0", "brush": [0.5] * 200_002, "r": 0.1}]}, "100001 points, expected at most 100,000"),
        ({"given": 5}, "an entry is of the wrong kind"),
        ({"v": [1] * 1000}, "its version is [1, 1,"),
    ):
        with pytest.raises(ValueError, match="the timeline cannot be read") as raised:
            parse_timeline(json.dumps({"v": 1, **values}))
        assert said in str(raised.value) and len(str(raised.value)) < 250
    for text in ("[" * 100_000, '{"v": ' + "9" * 6000 + "}", "5", "null", "[]", '{"v": 1, "given": "٣"}'):
        with pytest.raises(ValueError, match="the timeline cannot be read") as raised:
            parse_timeline(text)
        assert len(str(raised.value)) < 250


def test_the_last_frame_of_the_longest_clip_can_be_named():
    assert parse_timeline('{"v": 1, "given": "0,999999"}').given == (0, 999999)
