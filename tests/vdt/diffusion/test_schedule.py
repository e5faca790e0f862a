"""The noise tables match their closed forms, survive respacing, and convert x0, eps and v into each other."""

import itertools
import math

import pytest
import torch

from vdt.config import DiffusionConfig
from vdt.diffusion import Schedule

FULL = Schedule.from_config(DiffusionConfig())
ZERO_SNR = Schedule.from_config(DiffusionConfig(prediction="v", zero_terminal_snr=True))


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_linear_schedule_in_float64():
    product = math.prod(1 - (1e-4 + (0.02 - 1e-4) * i / 999) for i in range(1000))
    assert FULL.alphas_cumprod.dtype == torch.float64
    assert FULL.alphas_cumprod[-1].item() == pytest.approx(product, rel=1e-10)
    assert product == pytest.approx(4.04e-5, rel=2e-3)
    assert FULL.betas[0].item() == pytest.approx(1e-4) and FULL.betas[-1].item() == pytest.approx(0.02)


def test_respaced_betas_reproduce_alpha_bar():
    counts = {"even": (1, 2, 4, 16, 20, 500, 1000), "strided": (50,), "quadratic": (8, 600, 1000)}
    for schedule, (spacing, steps) in itertools.product((FULL, ZERO_SNR), counts.items()):
        for count in steps:
            short = schedule.respace(count, spacing)
            assert torch.equal(short.alphas_cumprod, schedule.alphas_cumprod[short.timesteps])
            assert short.prediction == schedule.prediction
            torch.testing.assert_close(torch.cumprod(1 - short.betas, 0), short.alphas_cumprod, rtol=1e-12, atol=1e-15)


def test_quadratic_steps_grow_and_span_the_chain():
    for count in (2, 45, 46, 300, 600, 999, 1000):
        steps = FULL.respace(count, "quadratic").timesteps
        assert len(steps) == count and (steps[0], steps[-1]) == (round(999 / count**2), 999)
        gaps = steps.diff()
        assert gaps.min() >= 1 and gaps[-1] >= gaps.max() - 1  # but for rounding they grow


def test_respaced_timesteps():
    assert FULL.respace(16).timesteps.tolist() == [round(i * 66.6) for i in range(16)]
    assert FULL.respace(4).timesteps.tolist() == FULL.respace(4, "even").timesteps.tolist() == [0, 333, 666, 999]
    assert FULL.respace(50, "strided").timesteps.tolist() == list(range(0, 1000, 20))
    assert FULL.respace(3, "quadratic").timesteps.tolist() == [111, 444, 999]  # 999 times 1/9, 4/9 and 1
    assert FULL.respace(1).timesteps.tolist() == FULL.respace(1, "quadratic").timesteps.tolist() == [999]
    assert FULL.respace(1000).timesteps.tolist() == list(range(1000))


def test_even_steps_run_from_first_to_last():
    for steps in (2, 3, 7, 21, 91, 163, 999):
        timesteps = FULL.respace(steps).timesteps
        assert len(timesteps) == steps and timesteps[0] == 0 and timesteps[-1] == 999
        assert (timesteps.diff() > 0).all()


def test_impossible_steps_are_refused():
    for steps, spacing in itertools.product((0, -1, 1001), ("even", "strided", "quadratic")):
        with pytest.raises(ValueError, match=f"steps must be a number from 1 to 1000, got {steps}"):
            FULL.respace(steps, spacing)
    with pytest.raises(ValueError, match="no whole stride picks 999 of 1000 steps: use the plain number 999"):
        FULL.respace(999, "strided")


def test_zero_terminal_snr_ends_in_pure_noise_and_keeps_the_start():
    assert ZERO_SNR.alphas_cumprod[-1] == 0
    torch.testing.assert_close(ZERO_SNR.alphas_cumprod[0], FULL.alphas_cumprod[0])
    assert (ZERO_SNR.alphas_cumprod.diff() < 0).all()
    c = ZERO_SNR.at(999, torch.zeros(1))
    assert c.posterior_x == 0 and torch.isfinite(c.posterior_x0) and c.log_beta == 0


def test_conversions_round_trip():
    x0, epsilon = randn(2, 3, 4, 2, 2), randn(2, 3, 4, 2, 2, seed=1)
    for index in (0, 500, 999, torch.tensor([3, 700])):
        x = FULL.q_sample(x0, index, epsilon)
        v = FULL.v_from_x0(x0, index, epsilon)
        for got, expected in (
            (FULL.x0_from_epsilon(x, index, epsilon), x0),
            (FULL.epsilon_from_x0(x, index, x0), epsilon),
            (FULL.x0_from_v(x, index, v), x0),
            (FULL.epsilon_from_v(x, index, v), epsilon),
        ):
            torch.testing.assert_close(got, expected, rtol=0, atol=1e-10)


def test_coefficients_per_sample_equal_those_of_each_index():
    x = randn(2, 3, 4, 2, 2, dtype=torch.float32)
    both = FULL.q_sample(x, torch.tensor([5, 900]), x)
    assert both.dtype == torch.float32
    assert torch.equal(both[1], FULL.q_sample(x[1:], torch.tensor([900]), x[1:])[0])
    torch.testing.assert_close(both[0], FULL.q_sample(x[:1], 5, x[:1])[0])


def test_tables_are_looked_up_for_steps_in_any_order():
    chain = Schedule.from_config(DiffusionConfig()).respace(5, "quadratic")
    index, like = torch.tensor([4, 0, 4, 2]), torch.zeros(4, 2, 3, dtype=torch.float32)
    assert chain.timesteps_at(index).tolist() == [chain.timesteps[i] for i in (4, 0, 4, 2)]
    assert chain.timesteps_at(torch.tensor(3)) == chain.timesteps[3]
    found = chain.at(index, like)
    assert found.signal.shape == (4, 1, 1) and found.signal.dtype == torch.float32
    assert torch.equal(found.signal.flatten(), chain.alphas_cumprod[index].sqrt().float())
    assert torch.equal(chain.at(torch.tensor([2]), like[:1]).noise.flatten(), chain.at(2, like).noise[None])


def test_a_table_goes_to_a_device_once():
    chain = Schedule.from_config(DiffusionConfig())
    there = torch.tensor([3, 1], device="meta")
    assert chain.timesteps_at(there).device.type == "meta"
    assert chain.at(there, torch.empty(2, 4, device="meta")).signal.shape == (2, 1)
    copies = dict(chain._copies)
    chain.timesteps_at(there), chain.at(there, torch.empty(2, 4, device="meta"))
    assert len(copies) == 2 and all(chain._copies[key] is value for key, value in copies.items())
    chain.timesteps_at(torch.tensor([1]))
    assert len(chain._copies) == 2  # none for the device that it lies on


def test_posterior_is_bayes_rule():
    """q(x_prev | x, x0) has the precision and mean of the product of its two normal factors."""
    schedule = FULL.respace(10)
    for index in range(1, 10):
        c, beta = schedule.at(index, torch.zeros(1, dtype=torch.float64)), schedule.betas[index]
        precision = (1 - beta) / beta + 1 / c.noise_prev**2
        torch.testing.assert_close(c.posterior_log_variance, -precision.log())
        torch.testing.assert_close(c.posterior_x, (1 - beta).sqrt() / beta / precision)
        torch.testing.assert_close(c.posterior_x0, c.signal_prev / c.noise_prev**2 / precision)
    assert schedule.at(0, torch.zeros(1)).posterior_x0 == 1
    assert torch.isfinite(schedule.at(0, torch.zeros(1)).posterior_log_variance)
