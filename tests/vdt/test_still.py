"""Still places take the given frame's pixels, changed ones keep the model's, and nothing else is touched."""

import numpy as np
import pytest
import torch

from vdt.cli import options
from vdt.completion import decode_frames, decode_onto, encode_frames, find_anchors
from vdt.still import STILL, Anchor, anchor_places, hold_still

SIZE = (24, 24, 3)


def plain(value, size=SIZE):
    return np.full(size, value, np.uint8)


def anchor(index, given, decoded):
    return Anchor(index=index, given=plain(given), decoded=plain(decoded))


@pytest.mark.parametrize(
    ("generated", "places"),
    [("000111", [2]), ("111000", [3]), ("0110100", [0, 3, 5]), ("1111", []), ("0000", []), ("010", [0, 2])],
)
def test_anchors_are_the_given_frames_beside_generated_ones(generated, places):
    mask = torch.tensor([digit == "1" for digit in generated])[:, None, None].expand(-1, 4, 4)
    assert anchor_places(mask) == places
    part = mask.clone()
    part[:, 1:] = False  # a frame that is generated in part is no anchor
    assert anchor_places(part) == places


def test_what_is_still_is_the_given_frame_and_what_changed_is_the_models():
    frames = np.stack([plain(103), plain(190)])
    held = hold_still(frames, [1, 2], [anchor(0, given=80, decoded=100)])
    assert (held[0] == 80).all() and (held[1] == 190).all()


def test_between_two_given_frames_each_counts_by_its_nearness():
    anchors = [anchor(0, given=60, decoded=100), anchor(4, given=80, decoded=100), anchor(9, given=0, decoded=100)]
    held = hold_still(np.stack([plain(100)] * 3), [1, 2, 3], anchors)
    assert held[:, 0, 0, 0].tolist() == [65, 70, 75]


def test_each_side_alone_holds_the_past_and_the_future():
    held = hold_still(np.stack([plain(100)] * 2), [0, 9], [anchor(3, given=60, decoded=100)])
    assert (held == 60).all()


def test_nothing_is_held_beside_what_moved():
    frame = plain(100)
    frame[8:16, 8:16] = 220
    held = hold_still(frame[None], [1], [anchor(0, given=60, decoded=100)])[0]
    assert (held[8:16, 8:16] == 220).all()  # what moved
    assert (held[7, 7:17] > 98).all()  # its border
    assert (held[:4] == 60).all()  # far from it


@pytest.mark.parametrize("threshold", [0.0, -1.0])
def test_it_can_be_turned_off(threshold):
    frames = plain(100)[None]
    assert hold_still(frames, [1], [anchor(0, given=60, decoded=100)], threshold) is frames
    assert hold_still(frames, [1], [], STILL) is frames


def test_a_decoded_clip_keeps_given_pixels_and_shows_still_frames_as_they_were(tiny_vae):
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    images = image.repeat(6, 0)
    latents = encode_frames(tiny_vae, images)  # what a perfect model makes of a clip in which nothing moves
    generated = torch.zeros(6, 32, 32, dtype=torch.bool)
    generated[2:4] = True
    generated[5, :, 16:] = True
    assert np.array_equal(decode_onto(tiny_vae, latents, images, generated), images)
    rough = decode_onto(tiny_vae, latents, images, generated, still=0)
    new = generated.numpy()
    assert np.array_equal(rough[~new], images[~new]) and (rough[new] != images[new]).mean() > 0.5
    assert np.array_equal(rough[new], decode_frames(tiny_vae, latents, generated)[new])
    assert [anchor.index for anchor in find_anchors(tiny_vae, latents, images, generated)] == [1, 4]


def test_the_command_line_has_the_librarys_threshold():
    assert options.STILL == STILL
