"""Samplers reach the right answer where it is known: Gaussian data, whose best denoiser has a closed form.

That they know no mask is tested through `GivenDenoiser`: what is given of a state changes nothing at other cells.
"""

import dataclasses
import itertools

import pytest
import torch

from vdt.config import DiffusionConfig
from vdt.diffusion import (
    SAMPLERS,
    DenoiserOutput,
    GivenCells,
    GuidedDenoiser,
    SamplingConfig,
    Schedule,
    sample_ancestral,
    sample_ddim,
    sample_dpmpp_2m,
    sample_unipc,
    samplers,
)
from vdt.models import Conditioning

MEAN, STD = 1.5, 0.4
FULL = Schedule.from_config(DiffusionConfig())
ZERO_SNR = Schedule.from_config(DiffusionConfig(prediction="v", zero_terminal_snr=True))


class GaussianDenoiser:
    """The posterior mean of N(MEAN, STD²), and on demand the variance of the exact reverse step."""

    def __init__(self, schedule, learned_variance=False):
        self.schedule = schedule
        self.learned_variance = learned_variance

    def __call__(self, x, index):
        c = self.schedule.at(index, x)
        gain = c.signal * STD**2 / (c.alpha_bar * STD**2 + c.noise**2)
        x0 = MEAN + gain * (x - c.signal * MEAN)
        log_variance = self.reverse_log_variance(index).to(x).expand_as(x) if self.learned_variance else None
        return DenoiserOutput(x0=x0, epsilon=self.schedule.epsilon_from_x0(x, index, x0), log_variance=log_variance)

    def reverse_log_variance(self, index):
        beta, previous = self.schedule.betas[index], self.schedule.at(index, torch.zeros(1, dtype=torch.float64))
        marginal = previous.alpha_bar_prev * STD**2 + previous.noise_prev**2
        return -(1 / marginal + (1 - beta) / beta).log()


def probability_flow(x, schedule):
    """The exact end point of the deterministic path from x."""
    alpha_bar = schedule.alphas_cumprod[-1]
    return MEAN + STD * (x - alpha_bar.sqrt() * MEAN) / (alpha_bar * STD**2 + 1 - alpha_bar).sqrt()


def start(count=64, seed=0, dtype=torch.float64):
    return torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def noise_source(like, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return lambda step: torch.randn(like.shape, generator=generator, dtype=like.dtype)


def flow_error(sampler, schedule):
    x = start()
    return (sampler(GaussianDenoiser(schedule), x, schedule) - probability_flow(x, schedule)).abs().max().item()


@pytest.mark.parametrize("base", [FULL, ZERO_SNR])
def test_ode_samplers_converge_to_the_probability_flow(base):
    assert flow_error(sample_ddim, base.respace(1000)) < 5e-3
    assert flow_error(sample_dpmpp_2m, base.respace(250)) < 5e-3
    assert flow_error(sample_unipc, base.respace(250)) < 5e-3


@pytest.mark.parametrize("base", [FULL, ZERO_SNR])
def test_dpmpp_is_closer_than_ddim_at_equal_steps(base):
    for steps in (10, 20, 50):
        schedule = base.respace(steps)
        assert flow_error(sample_dpmpp_2m, schedule) < 0.5 * flow_error(sample_ddim, schedule), steps


@pytest.mark.parametrize("base", [FULL, ZERO_SNR])
def test_quadratic_steps_and_a_corrector_make_few_steps_enough(base):
    few = base.respace(6, "quadratic")
    assert flow_error(sample_unipc, few) < 0.7 * flow_error(sample_dpmpp_2m, few)
    assert flow_error(sample_unipc, few) < 0.5 * flow_error(sample_ddim, base.respace(20))


def test_unipc_is_exact_where_x0_is_linear_in_the_log_snr(monkeypatch):
    """Whatever x is: the corrector integrates x0 = λ without error, so steps start from states on the exact path."""
    schedule, x, states = FULL.respace(20), start(), []

    class Line(GaussianDenoiser):
        def __call__(self, x, index):
            x0 = self.schedule.at(index, x).half_log_snr.expand_as(x)
            return DenoiserOutput(x0=x0, epsilon=self.schedule.epsilon_from_x0(x, index, x0))

    def spied(c, x, x0, h):
        states.append(x)
        return first_order(c, x, x0, h)

    first_order = samplers._first_order
    monkeypatch.setattr(samplers, "_first_order", spied)
    sample_unipc(Line(schedule), x, schedule)
    exact = x
    for index in range(19, 0, -1):  # σ/σ' x + α ((λ - 1) - (λ' - 1) e^(λ' - λ)) (arXiv 2211.01095, equation 9)
        c = schedule.at(index, x)
        gain = c.half_log_snr_prev - 1 - (c.half_log_snr - 1) * torch.exp(c.half_log_snr - c.half_log_snr_prev)
        exact = c.noise_prev / c.noise * exact + c.signal_prev * gain
        assert any(torch.allclose(state, exact, rtol=0, atol=1e-9) for state in states)


def test_ddim_is_euler_on_the_same_grid():
    """d(x/√ᾱ) = eps d(√(1-ᾱ)/√ᾱ), one Euler step per picked timestep (Song 2021, equation 14)."""
    schedule = FULL.respace(12)
    denoise, x = GaussianDenoiser(schedule), start()
    expected = x
    for index in reversed(range(12)):
        c = schedule.at(index, x)
        slope = denoise(expected, index).epsilon
        scaled = expected / c.signal + slope * (c.noise_prev / c.signal_prev - c.noise / c.signal)
        expected = scaled * c.signal_prev
    torch.testing.assert_close(sample_ddim(denoise, x, schedule), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("sampler", [sample_ancestral, lambda *a, **k: sample_ddim(*a, **k, eta=1.0)])
def test_stochastic_samplers_reach_mean_and_spread(sampler):
    schedule, x = FULL.respace(250), start(20_000)
    out = sampler(GaussianDenoiser(schedule), x, schedule, noise=noise_source(x))
    assert out.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert out.std().item() == pytest.approx(STD, abs=0.02)


def test_learned_variance_makes_few_ancestral_steps_exact():
    schedule, x = FULL.respace(6), start(20_000)
    spread = {
        learned: sample_ancestral(GaussianDenoiser(schedule, learned), x, schedule, noise=noise_source(x)).std().item()
        for learned in (True, False)
    }
    assert spread[True] == pytest.approx(STD, abs=0.01)
    assert abs(spread[False] - STD) > 0.03


def test_ddim_with_eta_one_is_ancestral_with_posterior_variance():
    schedule, x = FULL.respace(8), start()
    denoise = GaussianDenoiser(schedule)
    ddim = sample_ddim(denoise, x, schedule, noise=noise_source(x), eta=1.0)
    torch.testing.assert_close(ddim, sample_ancestral(denoise, x, schedule, noise=noise_source(x)))


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_step_is_reported_and_the_last_lands_on_the_predicted_x0(name):
    for base, steps in itertools.product((FULL, ZERO_SNR), (1, 2, 3, 10)):
        schedule, x, infos = base.respace(steps), start(dtype=torch.float32), []
        out = SAMPLERS[name](GaussianDenoiser(schedule), x, schedule, noise=noise_source(x), callback=infos.append)
        assert torch.isfinite(out).all()
        torch.testing.assert_close(out, infos[-1].x0, rtol=1e-6, atol=1e-6)
        assert [info.step for info in infos] == list(range(1, steps + 1))
        assert [info.timestep for info in infos] == schedule.timesteps.flip(0).tolist()
        assert {info.num_steps for info in infos} == {steps}


def test_missing_noise_is_refused_only_where_it_is_needed():
    schedule, x = FULL.respace(2), start()
    denoise = GaussianDenoiser(schedule)
    with pytest.raises(ValueError, match="noise="):
        sample_ancestral(denoise, x, schedule)
    with pytest.raises(ValueError, match="noise="):
        sample_ddim(denoise, x, schedule, eta=0.5)
    sample_ddim(denoise, x, schedule)


# ---- What is given ---------------------------------------------------------------------------------------------------

SHAPE = (2, 3, 4, 2, 2)


class Unpasted(GuidedDenoiser):
    """The network's own word at given cells too, and any state there: nothing is put back between steps."""

    def __call__(self, x, index):
        made = super().__call__(x, index)
        x0 = torch.where(self.given.mask.unsqueeze(2), made.x0, x * 3 - index)
        epsilon = torch.where(self.given.mask.unsqueeze(2), made.epsilon, x.sin())
        return dataclasses.replace(made, x0=x0, epsilon=epsilon)


def network(learn_sigma):
    def model(x, t, conditioning):
        assert isinstance(conditioning, Conditioning)
        value = 0.5 * x.tanh() + 0.2 * x.mean(dim=(1, 3, 4), keepdim=True)
        return torch.cat([value, value.sin()], dim=2) if learn_sigma else value

    return model


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_know_no_mask(name):
    """Whether given cells are put back between steps or not, the others end as the same clip, bit for bit."""
    generator = torch.Generator().manual_seed(0)
    clean, x, guidance_noise = (torch.randn(SHAPE, generator=generator) for _ in range(3))
    frames = torch.tensor([False, True, True])[None, :, None, None].expand(2, 3, 2, 2)
    blocks = torch.rand(2, 3, 2, 2, generator=generator) > 0.4
    wrong = []
    for base, mask, spacing, guidance in itertools.product(
        (FULL, ZERO_SNR), (frames, blocks), ("even", "quadratic"), (1.0, 2.0)
    ):
        sampling = SamplingConfig(steps=5, sampler=name, spacing=spacing, guidance=guidance)
        chain, ends = sampling.respaced(base), []
        for kind in (GuidedDenoiser, Unpasted):
            denoise = kind(network(base is FULL), chain, GivenCells(clean, mask), sampling, guidance_noise)
            ends.append(SAMPLERS[name](denoise, x, chain, noise=noise_source(x)))
        cells = mask.unsqueeze(2).expand(SHAPE)
        assert torch.isfinite(ends[0]).all() and torch.equal(ends[0][~cells], clean[~cells])
        if not torch.equal(ends[0][cells], ends[1][cells]) or torch.equal(*ends):
            wrong.append((sampling.describe(), base.prediction))
    assert wrong == []
