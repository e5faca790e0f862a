"""Clips of any length: exact where they are given, and the same however much is asked for."""

import numpy as np
import pytest
import torch

from vdt import masks
from vdt.completion import complete_latents
from vdt.rollout import complete_clip, roll_out, window_seed

STEPS = {"steps": 1}


def latents(frames, seed=0):
    return torch.randn(frames, 4, 4, 4, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", range(12))
def test_any_length_and_mask_gives_that_length_and_the_given_cells(tiny_model, seed):
    rng = np.random.default_rng(seed)
    length, window = int(rng.integers(1, 60)), int(rng.integers(3, 20))
    mask = torch.from_numpy(rng.random((length, 4, 4)) < rng.choice([0.3, 0.9, 1.0], (length, 1, 1)))
    raw = latents(length).half()
    made = complete_clip(
        tiny_model, raw, mask, seed=1, window=window, overlap=int(rng.integers(1, window - 1)), **STEPS
    )
    given = ~mask[:, None].expand_as(raw)
    assert made.shape == raw.shape and made.dtype == torch.float32 and torch.isfinite(made).all()
    assert torch.equal(made[given], raw.float()[given])
    assert (made[~given] != raw.float()[~given]).all()


def test_a_clip_of_one_window_is_one_sampling(tiny_model):
    raw, mask = latents(6), masks.predict(6, 4, 4, given=2)
    assert torch.equal(
        complete_clip(tiny_model, raw, mask, seed=5, steps=2), complete_latents(tiny_model, raw, mask, seed=5, steps=2)
    )


def test_a_longer_prediction_begins_as_the_shorter_one(tiny_model):
    raw = latents(5)
    short, long = (
        complete_clip(tiny_model, raw, masks.predict(length, 4, 4, given=5), seed=3, window=8, **STEPS)
        for length in (17, 50)
    )
    assert len(short) == 17 and torch.equal(short, long[:17]) and torch.equal(short[:5], raw)


def test_the_past_reaches_back_as_the_future_reaches_on(tiny_model):
    raw = torch.cat([torch.zeros(40, 4, 4, 4), latents(5)])
    made = complete_clip(tiny_model, raw, masks.backward(45, 4, 4, given=5), seed=3, window=8, **STEPS)
    shorter = complete_clip(tiny_model, raw[30:], masks.backward(15, 4, 4, given=5), seed=3, window=8, **STEPS)
    assert torch.equal(made[30:], shorter)


def test_each_window_sees_the_frames_before_it_and_has_noise_of_its_own(tiny_model):
    seen = []
    raw, mask = latents(4), masks.predict(12, 4, 4, given=4)
    made = complete_clip(tiny_model, raw, mask, seed=3, window=8, callback=lambda info: seen.append(info), **STEPS)
    assert [(info.step, info.num_steps) for info in seen] == [(1, 2), (2, 2)]
    given = torch.cat([made[4:8], torch.zeros(4, 4, 4, 4)])
    alone = complete_latents(tiny_model, given, masks.predict(8, 4, 4, given=4), seed=window_seed(3, 1), **STEPS)
    assert torch.equal(alone, made[4:])
    assert len({window_seed(seed, number) for seed in (0, 1) for number in range(100)}) == 200


def test_frames_are_given_away_as_soon_as_no_window_needs_them(tiny_model):
    windows = []
    pieces = roll_out(
        tiny_model, latents(4), masks.predict(400, 4, 4, given=4), seed=0, window=8, callback=windows.append, **STEPS
    )
    for number, piece in zip(range(1, 6), pieces, strict=False):
        assert len(windows) == number and len(piece) == 4


def test_nothing_to_generate_gives_the_clip_back(tiny_model):
    raw = latents(30)
    (made,) = roll_out(tiny_model, raw, torch.zeros(1, 4, 4, dtype=torch.bool), seed=0)
    assert torch.equal(made, raw) and made is not raw


@pytest.mark.parametrize(("window", "overlap"), [(2, 1), (8, 7), (8, 9)])
def test_impossible_windows_are_refused(tiny_model, window, overlap):
    with pytest.raises(ValueError, match=f"windows of {window} frames that overlap by {overlap}"):
        complete_clip(tiny_model, latents(30), None, seed=0, window=window, overlap=overlap)
