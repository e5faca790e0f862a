"""Reused steps: none without change, all or some with a threshold, and never a stale shape."""

import dataclasses

import pytest
import torch

from vdt.config import VDT_CONFIGS
from vdt.diffusion import sample_latents
from vdt.model import build_model
from vdt.reuse import ReusingModel


@pytest.fixture
def model():
    generator = torch.Generator().manual_seed(0)
    config = dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], mask_embed=True)
    made = build_model(config, generator).eval()
    for parameter in made.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return made


def clip(seed=1, frames=6):
    return torch.randn(2, frames, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_equal_calls_are_skipped_and_answer_the_same(model):
    reusing, x, t = ReusingModel(model, 0.01), clip(), torch.tensor([400, 400])
    first, second = reusing(x, t), reusing(x, t)
    assert (reusing.calls, reusing.skipped) == (2, 1)
    torch.testing.assert_close(first, model(x, t))
    torch.testing.assert_close(second, first)


@torch.no_grad()
def test_change_adds_up_until_the_blocks_run_again(model):
    x, t = clip(), torch.tensor([400, 400])
    step = 0.02 * clip(seed=2)
    path = [x + n * step for n in range(9)]
    alone = ReusingModel(model, 1e-6)
    for point in path:
        alone(point, t)
    assert alone.skipped == 0
    reusing = ReusingModel(model, 0.05)
    for point in path:
        reusing(point, t)
    assert 0 < reusing.skipped < 8  # each step alone is below the threshold, all together are not


@torch.no_grad()
def test_a_skipped_call_still_answers_for_its_own_input(model):
    reusing, t = ReusingModel(model, 1e9), torch.tensor([400, 400])
    x, other = clip(), clip(seed=2)
    tokens = [model.embed(value) for value in (x, other)]
    residual = model.transform(tokens[0], model.time_condition(t)) - tokens[0]
    reusing(x, t)
    expected = model.head(tokens[1] + residual, model.time_condition(t), x.shape[-2:])
    torch.testing.assert_close(reusing(other, t), expected)


@torch.no_grad()
def test_another_shape_is_never_skipped(model):
    reusing, t = ReusingModel(model, 1e9), torch.tensor([400, 400])
    reusing(clip(), t)
    longer = clip(frames=8)
    torch.testing.assert_close(reusing(longer, t), model(longer, t))


def test_sampling_with_reuse_stays_near_and_given_cells_exact(model):
    given = clip()
    mask = torch.zeros(2, 6, 8, 8, dtype=torch.bool)
    mask[:, 3:] = True
    made = {
        reuse: sample_latents(
            ReusingModel(model, reuse) if reuse else model,
            given,
            mask,
            generator=torch.Generator().manual_seed(3),
            steps=20,
        )
        for reuse in (0.0, 1e-9, 0.1)
    }
    assert torch.equal(made[0.1][:, :3], given[:, :3])
    torch.testing.assert_close(made[1e-9], made[0.0], rtol=1e-3, atol=1e-3)
    assert 0 < (made[0.1] - made[0.0]).abs().mean() < 0.1 * made[0.0].std()


def test_a_threshold_below_zero_is_refused(model):
    with pytest.raises(ValueError, match="above 0"):
        ReusingModel(model, -0.1)
