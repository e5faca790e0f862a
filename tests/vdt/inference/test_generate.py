"""One window: seeds, scales and precisions, given cells bit for bit, and batches that are their clips."""

import pytest
import torch

from vdt.diffusion import EVEN_DDIM, FAST, SamplingConfig, sample_latents, scale_latents, unscale_latents
from vdt.inference.generate import generate_window
from vdt.inference.tiling import TiledModel
from vdt.masks.tasks import Predict, over_cells

LARGEST = 2**64 - 1


def latents(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def predict(given, frames=6, side=8):
    return over_cells(Predict(given=given).frame_mask(frames), side, side)


def test_given_cells_come_back_bit_for_bit_in_any_precision(tiny_model):
    cells = torch.zeros(6, 8, 8, dtype=torch.bool)
    cells[:, :3] = True
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raw = latents(2, 6, 4, 8, 8).to(dtype)
        made = generate_window(tiny_model, raw, cells, seeds=[1, 2], sampling=FAST)
        assert made.dtype == torch.float32
        assert torch.equal(made[..., 3:, :], raw.float()[..., 3:, :])
        assert not torch.isclose(made[..., :3, :], raw.float()[..., :3, :]).any(-1).all()


def test_what_the_mask_covers_may_hold_anything(tiny_model):
    raw, cells = latents(1, 6, 4, 8, 8), predict(2)
    made = [
        generate_window(tiny_model, torch.where(cells[:, None], value, raw), cells, seeds=[LARGEST], sampling=FAST)
        for value in (0.0, 7.0, torch.nan)
    ]
    assert torch.equal(made[0], made[1]) and torch.equal(made[0], made[2])


def test_it_is_a_sampling_in_the_models_own_scale(tiny_model):
    raw, config = latents(1, 6, 4, 8, 8), tiny_model.config.diffusion
    everything = torch.ones(6, 8, 8, dtype=torch.bool)
    free = sample_latents(
        tiny_model,
        scale_latents(raw, config),
        everything[None],
        generator=torch.Generator().manual_seed(3),
        sampling=FAST,
    )
    made = generate_window(tiny_model, raw, everything, seeds=[3], sampling=FAST)
    assert torch.equal(made, unscale_latents(free, config))


def test_a_clip_is_the_same_in_any_batch(tiny_model):
    raw, cells, seeds = latents(3, 6, 4, 8, 8), predict(2), [5, 9, 5]
    for sampling in (SamplingConfig(), EVEN_DDIM, SamplingConfig(sampler="ancestral", steps=3)):
        together = generate_window(tiny_model, raw, cells, seeds=seeds, sampling=sampling)
        alone = [
            generate_window(tiny_model, raw[i : i + 1], cells, seeds=seeds[i : i + 1], sampling=sampling)
            for i in range(3)
        ]
        torch.testing.assert_close(together, torch.cat(alone), rtol=1e-3, atol=1e-3)
    assert not torch.allclose(together[0], together[1])


def test_only_a_larger_clip_or_a_cached_one_is_seen_through_another_model(tiny_model, monkeypatch):
    made = []

    class Watched(TiledModel):
        def __init__(self, model, side=0, **options):
            super().__init__(model, side, **options)
            made.append((self.side, self.step_cache))

    monkeypatch.setattr("vdt.inference.generate.TiledModel", Watched)
    for side, tile, cache, expected in (
        (8, 0, 0.0, []),
        (12, 12, 0.0, []),
        (12, 0, 0.0, [(8, 0.0)]),
        (8, 4, 0.0, [(4, 0.0)]),
        (8, 0, 0.1, [(8, 0.1)]),
    ):
        sampling, mask = SamplingConfig(step_cache=cache), torch.ones(6, side, side, dtype=torch.bool)
        out = generate_window(tiny_model, latents(1, 6, 4, side, side), mask, seeds=[0], sampling=sampling, tile=tile)
        assert torch.isfinite(out).all() and made == expected, (side, tile, cache)
        made.clear()


def test_what_does_not_fit_is_said(tiny_model):
    cells = torch.ones(6, 8, 8, dtype=torch.bool)
    for shape, seeds, message in (
        ((1, 6, 16, 8, 8), [0], r"the latents are .1, 6, 16, 8, 8., expected .clips, frames, 4, height, width."),
        ((6, 4, 8, 8), [0], "encode the clip with the VAE of this model"),
        ((1, 6, 4, 8, 8), [0, 1], "got 2 seeds for 1 clips, expected one for each"),
        ((1, 6, 4, 8, 8), [], "got 0 seeds for 1 clips"),
        ((1, 6, 4, 8, 8), [-1], "got seed -1, expected 0 to"),
        ((2, 6, 4, 8, 8), [0, LARGEST + 1], f"got seed {LARGEST + 1}"),
    ):
        with pytest.raises(ValueError, match=message):
            generate_window(tiny_model, torch.zeros(shape), cells, seeds=seeds, sampling=FAST)
