"""The denoiser shows a network what is given, reads its output, and answers with what is given pasted in."""

import pytest
import torch
from torch import nn

from vdt.diffusion import GivenCells, GivenDenoiser, read_output
from vdt.models import Conditioning


def test_the_network_gets_the_input_of_the_strategy_and_the_timestep_of_training(recorder, randn, mask, chain):
    model, clean, x = recorder(), randn(0), randn(1)
    GivenDenoiser(model, chain, GivenCells(clean, mask))(x, 3)
    ((seen, t, seen_mask),) = model.calls
    assert torch.equal(seen, torch.where(mask.unsqueeze(2), x, clean))
    assert t.tolist() == [chain.timesteps[3]] * 2
    assert torch.equal(seen_mask, mask)


def test_values_of_given_latents_at_generated_cells_do_not_matter(recorder, randn, mask, chain):
    clean, x = randn(0), randn(1)
    poisoned = torch.where(mask.unsqueeze(2), torch.nan, clean)
    whole, holed = (GivenDenoiser(recorder(), chain, GivenCells(each, mask))(x, 2) for each in (clean, poisoned))
    for name in ("x0", "epsilon", "log_variance"):
        assert torch.equal(getattr(whole, name), getattr(holed, name))


def test_given_cells_of_the_answer_are_exact_and_the_others_the_networks(recorder, randn, mask, chain):
    clean, x, cells = randn(0), randn(1), mask.unsqueeze(2).expand(randn(0).shape)
    for index in range(chain.num_steps):
        model = recorder()
        made = GivenDenoiser(model, chain, GivenCells(clean, mask))(x, index)
        ((seen, t, seen_mask),) = model.calls
        own = read_output(model(seen, t, Conditioning(mask=seen_mask)), x, index, chain)
        assert torch.equal(made.x0[~cells], clean[~cells]) and torch.equal(made.x0[cells], own.x0[cells])
        assert torch.equal(made.epsilon[cells], own.epsilon[cells])
        assert torch.equal(made.log_variance, own.log_variance)


def test_x0_and_noise_make_up_the_state_everywhere(recorder, randn, mask, chain):
    x = randn(1)
    for index in range(chain.num_steps):
        made = GivenDenoiser(recorder(False), chain, GivenCells(randn(0), mask))(x, index)
        assert made.log_variance is None
        torch.testing.assert_close(chain.q_sample(made.x0, index, made.epsilon), x, rtol=0, atol=1e-5)


def test_learned_variance_runs_from_posterior_to_beta(randn, epsilon_chain):
    x, c = randn(1), epsilon_chain.at(2, randn(1))
    for raw, expected in ((-1.0, c.posterior_log_variance), (1.0, c.log_beta)):
        made = read_output(torch.cat([x, torch.full_like(x, raw)], dim=2), x, 2, epsilon_chain)
        torch.testing.assert_close(made.log_variance, expected.expand_as(x))


def test_several_passes_are_one_call(recorder, randn, mask, epsilon_chain):
    model, x = recorder(), randn(1)
    first, second = GivenCells(randn(0), mask), GivenCells(randn(2), ~mask)
    denoise = GivenDenoiser(model, epsilon_chain, first)
    together = denoise.run(x, 2, first, second)
    assert len(model.calls) == 1 and len(together) == 2
    for given, output in zip((first, second), together, strict=True):
        torch.testing.assert_close(output, *denoise.run(x, 2, given))


class Half(nn.Module):
    """A network in half precision, as its parameters say."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones((), dtype=torch.bfloat16))
        self.seen = None

    def forward(self, x, t, conditioning):
        self.seen = x.dtype
        return x * self.scale


def test_a_network_is_called_in_its_own_precision_and_the_state_stays_in_its_own(randn, mask, epsilon_chain):
    model = Half()
    made = GivenDenoiser(model, epsilon_chain, GivenCells(randn(0), mask))(randn(1), 2)
    assert model.seen == torch.bfloat16
    assert made.x0.dtype == made.epsilon.dtype == torch.float32


def test_non_finite_output_stops_with_step_dtype_and_remedy(randn, mask, epsilon_chain):
    def broken(x, t, conditioning):
        return torch.full_like(x, torch.nan)

    with pytest.raises(ValueError, match=r"step 2 of 5 .*timestep 749.* torch.float32.*bfloat16"):
        GivenDenoiser(broken, epsilon_chain, GivenCells(randn(0), mask))(randn(1), 3)


def test_non_finite_output_at_given_cells_is_ignored(randn, mask, epsilon_chain):
    def broken_at_given(x, t, conditioning):
        return torch.where(conditioning.mask.unsqueeze(2), x, torch.inf)

    made = GivenDenoiser(broken_at_given, epsilon_chain, GivenCells(randn(0), mask))(randn(1), 3)
    assert torch.isfinite(made.x0).all() and torch.isfinite(made.epsilon).all()


def test_wrong_channel_count_names_the_expected_one(randn, mask, epsilon_chain):
    with pytest.raises(ValueError, match=r"12 channels.*expected 4 or 8"):
        GivenDenoiser(lambda x, t, _: x.repeat(1, 1, 3, 1, 1), epsilon_chain, GivenCells(randn(0), mask))(randn(1), 3)
