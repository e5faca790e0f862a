"""Still places show the reference frame's pixels, changed ones the model's, and given pixels are never touched."""

import numpy as np
import torch

from vdt.inference.settings import CompositingConfig
from vdt.inference.static_background import ReferenceFrame, hold_background, reference_places

THRESHOLD = CompositingConfig().static_background
SIZE = (24, 24, 3)


def plain(value, size=SIZE):
    return np.full(size, value, np.uint8)


def reference(index, given, decoded):
    return ReferenceFrame(index=index, given=plain(given), decoded=plain(decoded))


def test_references_are_the_given_frames_next_to_generated_ones():
    for generated, places in (
        ("000111", [2]),
        ("111000", [3]),
        ("0110100", [0, 3, 5]),
        ("1111", []),
        ("0000", []),
        ("010", [0, 2]),
        ("0", []),
        ("1", []),
    ):
        mask = torch.tensor([digit == "1" for digit in generated])[:, None, None].expand(-1, 4, 4)
        assert reference_places(mask) == places, generated
        part = mask.clone()
        part[:, 1:] = False  # a frame that is generated in part is no reference
        assert reference_places(part) == places, generated


def test_what_is_still_is_the_given_frame_and_what_changed_is_the_models():
    frames = np.stack([plain(103), plain(190)])
    held = hold_background(frames, [1, 2], [reference(0, given=80, decoded=100)], THRESHOLD)
    assert (held[0] == 80).all() and (held[1] == 190).all()


def test_what_is_shown_where_something_changed_may_be_another_picture():
    frames, onto = np.stack([plain(103), plain(190)]), np.stack([plain(5), plain(6)])
    held = hold_background(frames, [1, 2], [reference(0, given=80, decoded=100)], THRESHOLD, onto=onto)
    assert (held[0] == 80).all() and (held[1] == 6).all()
    assert hold_background(frames, [1, 2], [], THRESHOLD, onto=onto) is onto


def test_between_two_given_frames_each_counts_by_its_nearness():
    references = [reference(0, 60, 100), reference(4, 80, 100), reference(9, 0, 100)]
    held = hold_background(np.stack([plain(100)] * 3), [1, 2, 3], references, THRESHOLD)
    assert held[:, 0, 0, 0].tolist() == [65, 70, 75]


def test_each_side_alone_holds_the_past_and_the_future():
    held = hold_background(np.stack([plain(100)] * 2), [0, 9], [reference(3, 60, 100)], THRESHOLD)
    assert (held == 60).all()


def test_nothing_is_held_next_to_what_moved():
    frame = plain(100)
    frame[8:16, 8:16] = 220
    held = hold_background(frame[None], [1], [reference(0, 60, 100)], THRESHOLD)[0]
    assert (held[8:16, 8:16] == 220).all()  # what moved
    assert (held[7, 7:17] > 98).all()  # its border
    assert (held[:4] == 60).all()  # far from it


def test_it_can_be_turned_off():
    frames = plain(100)[None]
    for threshold in (0.0, -1.0):
        assert hold_background(frames, [1], [reference(0, 60, 100)], threshold) is frames
    assert hold_background(frames, [1], [], THRESHOLD) is frames
