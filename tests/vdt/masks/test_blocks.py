"""Areas of random blocks: exact in number, never empty or full, and made of rectangles."""

import pytest
import torch

from vdt.masks.blocks import pick, spatial_block, uniform


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_an_area_is_exact_and_never_empty_or_full():
    for size in ((2, 2), (3, 5), (8, 8), (1, 7), (1, 2), (16, 28)):
        generator, cells = rng(), size[0] * size[1]
        for draw in range(250):
            length, ratio = 1 + draw % 20, (0.01, 0.2, 0.5, 0.8, 0.99)[draw % 5]
            first = draw % length
            last = (draw * 7) % (length - first)
            mask = spatial_block(length, *size, ratio=ratio, generator=generator, first=first, last=last)
            assert mask.shape == (length, *size) and mask.dtype == torch.bool
            assert not mask[:first].any() and not mask[length - last :].any()
            middle = mask[first : length - last]
            assert (middle == middle[0]).all()
            assert middle[0].sum() == min(max(round(ratio * cells), 4), cells - 1)


def test_an_area_is_made_of_blocks():
    """Most generated cells touch another one: rectangles, not noise."""
    generator = rng()
    for _ in range(20):
        block = spatial_block(1, 16, 16, ratio=0.5, generator=generator)[0]
        inner = (block[:, 1:] & block[:, :-1]).sum() / block.sum()
        assert inner > 0.7  # independent cells at ratio 0.5 would score 0.47


def test_what_makes_no_sense_is_one_sentence():
    for size, settings, message in (
        ((4, 2, 2), {"ratio": 1.0}, "ratio=1.0"),
        ((4, 2, 2), {"ratio": 0.0}, "ratio=0.0"),
        ((4, 1, 1), {}, "grid of 2 cells"),
        ((4, 0, 2), {}, "at least 1 frame, row and column"),
        ((4, 2, 2), {"first": 2, "last": 2}, "must leave one"),
        ((4, 2, 2), {"first": -1}, "must leave one"),
    ):
        with pytest.raises(ValueError, match=message):
            spatial_block(*size, generator=rng(), **settings)


def test_draws_cover_their_range():
    generator = rng()
    assert {pick(2, 5, generator) for _ in range(200)} == {2, 3, 4, 5}
    numbers = [uniform(-1.0, 3.0, generator) for _ in range(200)]
    assert -1.0 <= min(numbers) < -0.8 and 2.8 < max(numbers) <= 3.0
