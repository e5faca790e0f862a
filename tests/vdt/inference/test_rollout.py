"""Clips of any length: exact where they are given, and the same however much is asked for."""

import numpy as np
import pytest
import torch

from vdt.checkpoints import bundled
from vdt.diffusion import FAST, SamplingConfig, Schedule
from vdt.inference.generate import generate_window
from vdt.inference.pipeline import Pipeline
from vdt.inference.rollout import extension_mask, generate_latents, pad_frames, roll_out, window_seed
from vdt.inference.settings import WindowConfig
from vdt.masks.tasks import Backward, Predict, Unconditional, over_cells

ONE_STEP = SamplingConfig(steps=1, guidance=1.0)
EIGHT = WindowConfig(frames=8)


def latents(frames, clips=1, seed=0):
    return torch.randn(clips, frames, 4, 4, 4, generator=torch.Generator().manual_seed(seed))


def cells(task, num_frames):
    return over_cells(task.frame_mask(num_frames), 4, 4)


def generate(model, raw, mask, *, seed=3, windows=EIGHT, sampling=ONE_STEP, **options):
    """One clip (1, T, C, h, w)."""
    return generate_latents(model, raw, mask, seeds=[seed], sampling=sampling, windows=windows, **options)


def test_any_length_and_mask_gives_that_length_and_the_given_cells(tiny_model):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        length, size = int(rng.integers(1, 60)), int(rng.integers(3, 20))
        windows = WindowConfig(frames=size, overlap=int(rng.integers(1, size - 1)))
        mask = torch.from_numpy(rng.random((length, 4, 4)) < rng.choice([0.3, 0.9, 1.0], (length, 1, 1)))
        raw = latents(length).half()
        made = generate(tiny_model, raw, mask, windows=windows)
        given = ~mask[:, None].expand_as(raw)
        assert made.shape == raw.shape and made.dtype == torch.float32 and torch.isfinite(made).all(), seed
        assert torch.equal(made[given], raw.float()[given]), seed
        assert (made[~given] != raw.float()[~given]).all(), seed


def test_a_clip_of_one_window_is_one_sampling(tiny_model):
    raw, mask = latents(6), cells(Predict(given=2), 6)
    window = generate_window(tiny_model, raw, mask, seeds=[5], sampling=SamplingConfig())
    assert torch.equal(generate_latents(tiny_model, raw, mask, seeds=[5]), window)


def test_a_batch_is_its_clips(tiny_model):
    raw, mask = latents(6, clips=3), cells(Predict(given=6), 20)
    together = generate_latents(tiny_model, raw, mask, seeds=[5, 9, 5], windows=EIGHT)
    alone = [
        generate_latents(tiny_model, raw[i : i + 1], mask, seeds=[seed], windows=EIGHT)
        for i, seed in enumerate((5, 9, 5))
    ]
    assert together.shape == (3, 20, 4, 4, 4)
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-3, atol=1e-3)
    same = generate_latents(tiny_model, raw[:1].expand(2, -1, -1, -1, -1), mask, seeds=[5, 9], windows=EIGHT)
    assert not torch.allclose(same[0, 6:], same[1, 6:])  # its own noise for each


def test_a_longer_prediction_begins_as_the_shorter_one(tiny_model):
    raw = latents(5)
    short, long = (generate(tiny_model, raw, cells(Predict(given=5), length)) for length in (17, 50))
    assert short.shape[1] == 17 and torch.equal(short, long[:, :17]) and torch.equal(short[:, :5], raw)


def test_a_short_clip_begins_as_a_long_one_only_if_it_is_padded(tiny_model):
    raw = latents(5)
    long, padded, plain = (
        generate(tiny_model, raw, cells(Predict(given=5), length), pad_short_clips=pad)
        for length, pad in ((30, False), (7, True), (7, False))
    )
    assert padded.shape[1] == plain.shape[1] == 7
    assert torch.equal(padded, long[:, :7]) and not torch.equal(plain, padded)


def test_the_past_reaches_back_as_the_future_reaches_on(tiny_model):
    raw = torch.cat([torch.zeros(1, 40, 4, 4, 4), latents(5)], dim=1)
    made = generate(tiny_model, raw, cells(Backward(given=5), 45))
    shorter = generate(tiny_model, raw[:, 30:], cells(Backward(given=5), 15))
    assert torch.equal(made[:, 30:], shorter)


def test_each_window_sees_the_frames_before_it_and_has_noise_of_its_own(tiny_model):
    seen = []
    raw, mask = latents(4), cells(Predict(given=4), 12)
    made = generate(tiny_model, raw, mask, callback=seen.append)
    assert [(info.step, info.num_steps) for info in seen] == [(1, 2), (2, 2)]
    given = pad_frames(made[0, 4:8], 4)[None]
    alone = generate_window(tiny_model, given, cells(Predict(given=4), 8), seeds=[window_seed(3, 1)], sampling=ONE_STEP)
    assert torch.equal(alone, made[:, 4:])
    assert len({window_seed(seed, number) for seed in (0, 1) for number in range(100)}) == 200
    assert window_seed(3, 0) == 3


def test_steps_are_counted_through_all_windows_whatever_the_sampler(tiny_model):
    for sampling in (FAST, SamplingConfig(sampler="ancestral"), SamplingConfig(sampler="ddim", spacing="even")):
        seen = []
        generate(tiny_model, latents(4), cells(Predict(given=4), 16), sampling=sampling, callback=seen.append)
        total = 3 * sampling.steps
        assert [(info.step, info.num_steps) for info in seen] == [(step, total) for step in range(1, total + 1)]


def test_the_window_that_is_given_nothing_is_sampled_as_such(tiny_model):
    """The others see what it has made, and are sampled as told; its steps count among those of the clip."""
    seen = []
    raw, mask = latents(12), cells(Unconditional(), 12)
    made = generate(tiny_model, raw, mask, callback=seen.append)
    assert [(info.step, info.num_steps) for info in seen] == [(step, 9) for step in range(1, 10)]
    schedule = Schedule.from_config(tiny_model.config.diffusion)
    own = ONE_STEP.for_given(False, schedule)
    assert torch.equal(
        made[:, :8], generate_window(tiny_model, raw[:, :8], cells(Unconditional(), 8), seeds=[3], sampling=own)
    )
    for given, steps in ((15, 8), (16, 1)):  # cells; a frame has 16
        seen.clear()
        mask = cells(Unconditional(), 8)
        mask[2:4].view(-1)[8 : 8 + given] = False
        generate(tiny_model, raw[:, :8], mask, callback=seen.append)
        assert len(seen) == steps


@pytest.mark.parametrize(("model", "vae", "sampling"), [("vdt", "vae", None), ("vdt-fast", "vae-fast", FAST)])
def test_what_the_bundled_models_make_of_nothing_has_colours(model, vae, sampling):
    """Half of the noise and few steps made grey clips: 13 to 72 levels between the channels of their best colour."""
    pipeline = Pipeline.from_pretrained(bundled(model), bundled(vae), device="cpu")
    blank, mask = np.zeros((16, 64, 64, 3), np.uint8), over_cells(Unconditional().frame_mask(16), 8, 8)
    colours = []
    for seed in range(3):
        frames = pipeline(blank, mask, seed=seed, sampling=sampling).frames
        colours.append(np.percentile(np.ptp(frames.astype(int), axis=-1), 99.5))
    assert np.mean(colours) > 100


def test_frames_are_passed_on_as_soon_as_no_window_needs_them(tiny_model):
    steps = []
    pieces = roll_out(
        tiny_model,
        latents(4),
        cells(Predict(given=4), 400),
        seeds=[0],
        sampling=ONE_STEP,
        windows=EIGHT,
        callback=steps.append,
    )
    for number, piece in zip(range(1, 6), pieces, strict=False):
        assert len(steps) == number and piece.shape == (1, 4, 4, 4, 4)


def test_nothing_to_generate_gives_the_clip_back(tiny_model):
    raw = latents(30, clips=2)
    (made,) = roll_out(tiny_model, raw, torch.zeros(30, 4, 4, dtype=torch.bool), seeds=[0, 1])
    assert torch.equal(made, raw) and made is not raw


def test_impossible_windows_are_refused(tiny_model):
    for size, overlap in ((2, 1), (8, 7), (8, 9)):
        windows = WindowConfig(frames=size, overlap=overlap)
        with pytest.raises(ValueError, match=f"windows of {size} frames that overlap by {overlap}"):
            generate(tiny_model, latents(30), torch.ones(30, 4, 4, dtype=torch.bool), windows=windows)


def test_frames_are_added_before_or_after():
    values = torch.arange(6).reshape(3, 2)
    assert pad_frames(values, 2).tolist() == [[0, 1], [2, 3], [4, 5], [0, 0], [0, 0]]
    assert pad_frames(values, 1, before=True, fill=7).tolist() == [[7, 7], [0, 1], [2, 3], [4, 5]]
    assert pad_frames(values.half(), 2).dtype == torch.float16


def test_an_extension_generates_the_new_frames_only():
    for before, expected in ((False, [False] * 3 + [True] * 2), (True, [True] * 2 + [False] * 3)):
        mask = extension_mask(5, 2, 3, 4, before=before)
        assert mask.shape == (5, 3, 4) and mask.dtype == torch.bool
        assert mask.flatten(1).all(1).tolist() == mask.flatten(1).any(1).tolist() == expected
