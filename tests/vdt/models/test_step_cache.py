"""The step cache skips the blocks where the input hardly changes, and never answers for another shape."""

import dataclasses

import pytest
import torch

from vdt.config import VDT_CONFIGS, MaskSpec
from vdt.diffusion import EVEN_DDIM, sample_latents
from vdt.models import VDT, CachedModel, Conditioning


@pytest.fixture
def model():
    generator = torch.Generator().manual_seed(0)
    config = dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], conditioning=(MaskSpec(embed=True),))
    made = VDT(config, generator).eval()
    for parameter in made.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return made


def clip(seed=1, frames=6):
    return torch.randn(2, frames, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_equal_calls_are_skipped_and_answer_the_same(model):
    cached, x, t = CachedModel(model, 0.01), clip(), torch.tensor([400, 400])
    first, second = cached(x, t), cached(x, t)
    assert (cached.calls, cached.skipped) == (2, 1)
    torch.testing.assert_close(first, model(x, t))
    torch.testing.assert_close(second, first)


@torch.no_grad()
def test_change_adds_up_until_the_blocks_run_again(model):
    x, t = clip(), torch.tensor([400, 400])
    step = 0.02 * clip(seed=2)
    path = [x + n * step for n in range(9)]
    alone = CachedModel(model, 1e-6)
    for point in path:
        alone(point, t)
    assert alone.skipped == 0
    cached = CachedModel(model, 0.05)
    for point in path:
        cached(point, t)
    assert 0 < cached.skipped < 8  # each step alone is below the threshold, all together are not


@torch.no_grad()
def test_a_skipped_call_still_answers_for_its_own_input(model):
    cached, t = CachedModel(model, 1e9), torch.tensor([400, 400])
    x, other = clip(), clip(seed=2)
    tokens = [model.embed(value) for value in (x, other)]
    residual = model.transform(tokens[0], model.time_condition(t)) - tokens[0]
    cached(x, t)
    expected = model.head(tokens[1] + residual, model.time_condition(t), x.shape[-2:])
    torch.testing.assert_close(cached(other, t), expected)


@torch.no_grad()
def test_another_shape_is_never_skipped(model):
    cached, t = CachedModel(model, 1e9), torch.tensor([400, 400])
    cached(clip(), t)
    longer = clip(frames=8)
    torch.testing.assert_close(cached(longer, t), model(longer, t))


def test_cached_sampling_stays_near_and_given_cells_exact(model):
    clean = clip()
    mask = torch.zeros(2, 6, 8, 8, dtype=torch.bool)
    mask[:, 3:] = True
    made = {
        threshold: sample_latents(
            CachedModel(model, threshold) if threshold else model,
            clean,
            mask,
            generator=torch.Generator().manual_seed(3),
            sampling=EVEN_DDIM,
        )
        for threshold in (0.0, 1e-9, 0.1)
    }
    assert torch.equal(made[0.1][:, :3], clean[:, :3])
    torch.testing.assert_close(made[1e-9], made[0.0], rtol=1e-3, atol=1e-3)
    assert 0 < (made[0.1] - made[0.0]).abs().mean() < 0.1 * made[0.0].std()


@torch.no_grad()
def test_the_conditioning_reaches_the_blocks_and_the_check_of_shapes(model):
    torch.nn.init.normal_(model.mask_embedder.proj.weight, generator=torch.Generator().manual_seed(2))
    x, t = clip(), torch.tensor([400, 400])
    masked = Conditioning(mask=clip(seed=5)[:, :, 0] > 0)
    torch.testing.assert_close(CachedModel(model, 0.01)(x, t, masked), model(x, t, masked))
    assert not torch.allclose(model(x, t, masked), model(x, t))


def test_a_threshold_of_zero_or_less_is_refused(model):
    for threshold in (0.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            CachedModel(model, threshold)
