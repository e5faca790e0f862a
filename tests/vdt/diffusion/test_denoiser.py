"""The masked denoiser shows clean given cells to the network, keeps them, and guides by an all-noised pass."""

import pytest
import torch

from vdt.config import DiffusionConfig
from vdt.diffusion import MaskedDenoiser, Schedule, to_prediction
from vdt.diffusion.denoiser import guides

SHAPE = (2, 3, 4, 2, 2)
EPSILON = Schedule.from_config(DiffusionConfig()).respace(5)
V = Schedule.from_config(DiffusionConfig(prediction="v", zero_terminal_snr=True)).respace(5)


def randn(seed, shape=SHAPE):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def mask():
    mask = torch.ones(2, 3, 2, 2, dtype=torch.bool)
    mask[:, 0] = False
    mask[1, 1, 0, 0] = False  # samples may differ
    return mask


class Recorder:
    """A model that depends on every frame of its input and remembers how it was called."""

    def __init__(self, learn_sigma=True):
        self.learn_sigma = learn_sigma
        self.calls = []

    def __call__(self, x, t, mask=None):
        self.calls.append((x, t, mask))
        value = 0.5 * x + x.mean(dim=1, keepdim=True)
        return torch.cat([value, value.tanh()], dim=2) if self.learn_sigma else value


def test_network_sees_given_cells_clean_and_the_original_timestep(mask):
    model, given, x = Recorder(), randn(0), randn(1)
    MaskedDenoiser(model, EPSILON, given, mask)(x, 3)
    seen, t, seen_mask = model.calls[0]
    assert torch.equal(seen, torch.where(mask.unsqueeze(2), x, given))
    assert t.tolist() == [EPSILON.timesteps[3]] * 2
    assert torch.equal(seen_mask, mask)


def test_values_of_given_latents_at_generated_cells_do_not_matter(mask):
    given, x = randn(0), randn(1)
    poisoned = torch.where(mask.unsqueeze(2), torch.nan, given)
    clean = MaskedDenoiser(Recorder(), EPSILON, given, mask)
    dirty = MaskedDenoiser(Recorder(), EPSILON, poisoned, mask)
    assert torch.equal(clean(x, 2).x0, dirty(x, 2).x0)
    assert torch.equal(clean.keep(x), dirty.keep(x))


@pytest.mark.parametrize("schedule", [EPSILON, V])
def test_prediction_is_consistent_with_the_state(schedule, mask):
    x = randn(1)
    for index in range(5):
        prediction = MaskedDenoiser(Recorder(False), schedule, randn(0), mask)(x, index)
        assert prediction.log_variance is None
        torch.testing.assert_close(schedule.q_sample(prediction.x0, index, prediction.epsilon), x, rtol=0, atol=1e-5)


def test_learned_variance_runs_from_posterior_to_beta():
    x, c = randn(1), EPSILON.at(2, randn(1))
    for raw, expected in ((-1.0, c.posterior_log_variance), (1.0, c.log_beta)):
        prediction = to_prediction(torch.cat([x, torch.full_like(x, raw)], dim=2), x, 2, EPSILON)
        torch.testing.assert_close(prediction.log_variance, expected.expand_as(x))


@pytest.mark.parametrize("schedule", [EPSILON, V])
def test_guidance_extrapolates_from_the_all_noised_pass(schedule, mask):
    given, x, noise, index, scale = randn(0), randn(1), randn(2), 3, 2.5
    guided = MaskedDenoiser(Recorder(), schedule, given, mask, scale, noise)(x, index)
    plain = MaskedDenoiser(Recorder(), schedule, given, mask)(x, index)
    noised = schedule.q_sample(given, index, noise)
    null = MaskedDenoiser(Recorder(), schedule, noised, mask)(x, index)
    for name in ("x0", "epsilon"):
        expected = getattr(null, name) + scale * (getattr(plain, name) - getattr(null, name))
        torch.testing.assert_close(getattr(guided, name), expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(guided.log_variance, plain.log_variance)


def test_guidance_is_one_forward_of_both_passes_and_tells_the_second_nothing_is_given(mask):
    model = Recorder()
    MaskedDenoiser(model, EPSILON, randn(0), mask, 2.0, randn(2))(randn(1), 3)
    ((x, t, seen_mask),) = model.calls
    assert len(x) == len(t) == 4
    assert torch.equal(seen_mask[:2], mask) and seen_mask[2:].all()


@pytest.mark.parametrize("schedule", [EPSILON, V])
def test_guidance_acts_while_noise_outweighs_the_signal_two_to_one(schedule, mask):
    given, x, noise = randn(0), randn(1), randn(2)
    for index in range(schedule.num_steps):
        model, plain = Recorder(), MaskedDenoiser(Recorder(), schedule, given, mask)
        prediction = MaskedDenoiser(model, schedule, given, mask, 2.0, noise)(x, index)
        ((seen, _, _),) = model.calls
        c = schedule.at(index, x)
        assert len(seen) == (4 if c.signal < 0.5 * c.noise else 2) and guides(schedule, index) == (len(seen) == 4)
        if len(seen) == 2:
            assert torch.equal(prediction.x0, plain(x, index).x0)


def test_guidance_costs_nothing_where_nothing_is_given(mask):
    model, x, everything = Recorder(), randn(1), torch.ones_like(mask)
    guided = MaskedDenoiser(model, EPSILON, randn(0), everything, 2.0, randn(2))(x, 3)
    ((seen, _, _),) = model.calls
    assert torch.equal(seen, x)
    assert torch.equal(guided.x0, MaskedDenoiser(Recorder(), EPSILON, randn(0), everything)(x, 3).x0)


def test_non_finite_output_stops_with_step_dtype_and_remedy(mask):
    def broken(x, t, mask=None):
        return torch.full_like(x, torch.nan)

    with pytest.raises(ValueError, match=r"step 2 of 5 .*timestep 749.* torch.float32.*bfloat16"):
        MaskedDenoiser(broken, EPSILON, randn(0), mask)(randn(1), 3)


def test_non_finite_output_at_given_cells_is_ignored(mask):
    def broken_at_given(x, t, mask):
        return torch.where(mask.unsqueeze(2), x, torch.inf)

    denoise = MaskedDenoiser(broken_at_given, EPSILON, randn(0), mask)
    assert torch.isfinite(denoise.keep(denoise(randn(1), 3).x0)).all()


def test_wrong_channel_count_names_the_expected_one(mask):
    with pytest.raises(ValueError, match=r"12 channels.*expected 4 or 8"):
        MaskedDenoiser(lambda x, t, mask: x.repeat(1, 1, 3, 1, 1), EPSILON, randn(0), mask)(randn(1), 3)
