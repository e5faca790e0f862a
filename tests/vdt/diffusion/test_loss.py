"""The masked hybrid loss weighs every task alike, reads generated cells only, and spreads timesteps evenly."""

import itertools
import math

import pytest
import torch

from vdt.config import DiffusionConfig
from vdt.diffusion import GivenCells, Schedule, by_frame, masked_hybrid_loss, official_loss, stratified_timesteps
from vdt.diffusion.loss import min_snr_weight

SHAPE = (3, 4, 4, 2, 2)
EPSILON = Schedule.from_config(DiffusionConfig())
V = Schedule.from_config(DiffusionConfig(prediction="v", zero_terminal_snr=True))
T = torch.tensor([0, 400, 999])


def randn(seed, shape=SHAPE):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


X0, NOISE = randn(0), randn(1)


def frames_mask(*given_counts):
    """One mask per sample, its first frames given."""
    frames = torch.arange(SHAPE[1]) >= torch.tensor(given_counts)[:, None]
    return frames[..., None, None].expand(-1, -1, *SHAPE[3:]).clone()


def given(*counts):
    """The first frames of each sample given."""
    return GivenCells(X0, frames_mask(*counts))


def fixed(output):
    return lambda x, t, conditioning: output


def target(schedule):
    return NOISE if schedule is EPSILON else schedule.v_from_x0(X0, T, NOISE)


def test_constant_error_costs_the_same_for_every_task():
    for schedule, counts in itertools.product((EPSILON, V), ((0, 0, 0), (2, 2, 2), (0, 1, 3))):
        terms = masked_hybrid_loss(fixed(target(schedule) + 0.5), X0, given(*counts), T, NOISE, schedule)
        torch.testing.assert_close(terms.mse, torch.full((3,), 0.25))
        assert torch.equal(terms.total, terms.mse) and not terms.vb.any()


def test_official_loss_halves_when_half_is_given():
    output = torch.cat([NOISE + 0.5, torch.zeros_like(NOISE)], dim=2)
    terms = [official_loss(fixed(output), X0, given(k, k, k), T, NOISE, EPSILON) for k in (0, 2)]
    torch.testing.assert_close(terms[1].mse, terms[0].mse / 2)
    assert torch.equal(terms[1].vb, terms[0].vb)


def test_each_sample_has_its_own_mask():
    output = torch.cat([randn(2), randn(3)], dim=2)
    together = masked_hybrid_loss(fixed(output), X0, given(0, 1, 3), T, NOISE, EPSILON)
    for i, count in enumerate((0, 1, 3)):
        alone = masked_hybrid_loss(fixed(output), X0, given(count, count, count), T, NOISE, EPSILON)
        for name in ("total", "mse", "vb"):
            assert torch.equal(getattr(together, name)[i], getattr(alone, name)[i])


def test_model_sees_clean_latents_where_given():
    def model(x, t, conditioning):
        assert torch.equal(conditioning.mask, frames_mask(1, 1, 1))
        assert torch.equal(x[:, 0], X0[:, 0])
        assert torch.equal(x[:, 1:], EPSILON.q_sample(X0, T, NOISE)[:, 1:])
        assert torch.equal(t, T)
        return x

    masked_hybrid_loss(model, X0, given(1, 1, 1), T, NOISE, EPSILON)


@pytest.mark.parametrize("schedule", [EPSILON, V])
def test_output_at_given_cells_changes_nothing_and_gets_no_gradient(schedule):
    mask, output = frames_mask(1, 2, 4), torch.cat([randn(2), randn(3)], dim=2)
    clean = masked_hybrid_loss(fixed(output), X0, given(1, 2, 4), T, NOISE, schedule, min_snr_gamma=5.0)
    for poison in (1e6, torch.inf, torch.nan):
        bad = torch.where(mask.unsqueeze(2), output, poison).requires_grad_()
        terms = masked_hybrid_loss(fixed(bad), X0, given(1, 2, 4), T, NOISE, schedule, min_snr_gamma=5.0)
        assert torch.equal(terms.total, clean.total)
        assert terms.total[2] == terms.mse[2] == terms.vb[2] == 0  # nothing to generate
        terms.total.sum().backward()
        assert torch.isfinite(bad.grad).all()
        assert not bad.grad[~mask.unsqueeze(2).expand_as(bad)].any()
        assert bad.grad[:2, 2:].abs().amax(dim=(1, 2, 3, 4)).min() > 0


def test_bound_is_zero_for_the_true_posterior_and_known_for_beta():
    """With the mean exact, KL(posterior || N(mean, e^s)) depends on the ratio of variances alone."""
    t = torch.tensor([10, 400, 999])
    for raw, exact in ((-1.0, True), (1.0, False)):
        output = torch.cat([NOISE, torch.full_like(NOISE, raw)], dim=2)
        vb = masked_hybrid_loss(fixed(output), X0, given(0, 1, 2), t, NOISE, EPSILON).vb
        c = EPSILON.at(t, torch.zeros(3))
        ratio = 0 if exact else c.posterior_log_variance - c.log_beta
        expected = 0.5 * (torch.as_tensor(ratio).exp() - 1 - ratio) / math.log(2) * torch.ones(3)
        torch.testing.assert_close(vb, expected, rtol=1e-3, atol=1e-6)


def test_bound_is_added_once_per_step_of_the_chain():
    output = torch.cat([randn(2), randn(3)], dim=2)
    terms = masked_hybrid_loss(fixed(output), X0, given(0, 1, 2), T, NOISE, EPSILON)
    torch.testing.assert_close(terms.total, terms.mse + terms.vb)
    off = masked_hybrid_loss(fixed(output), X0, given(0, 1, 2), T, NOISE, EPSILON, vb_weight=0)
    assert torch.equal(off.total, terms.mse)


def test_bound_at_the_last_step_is_the_mass_of_one_bin():
    """At t = 0 the term is -log2 of the normal mass in x0's 8-bit bin."""
    t, x0 = torch.zeros(3, dtype=torch.long), X0.clamp(-0.9, 0.9)
    output = torch.cat([NOISE, torch.full_like(NOISE, -1.0)], dim=2)
    vb = masked_hybrid_loss(fixed(output), x0, GivenCells(x0, frames_mask(0, 0, 0)), t, NOISE, EPSILON).vb
    std = math.exp(EPSILON.at(0, torch.zeros(1, dtype=torch.float64)).posterior_log_variance.item() / 2)
    mass = math.erf(1 / 255 / std / math.sqrt(2))
    torch.testing.assert_close(vb, torch.full((3,), -math.log2(mass)), rtol=2e-3, atol=1e-4)


def test_min_snr_caps_the_weight_on_x0():
    """The weight times the size of an x0 error in the target's units is min(SNR, γ) for eps and for v."""
    t = torch.tensor([1, 300, 800])
    for schedule in (EPSILON, V):
        alpha_bar = schedule.alphas_cumprod[t]
        snr = alpha_bar / (1 - alpha_bar)
        target_per_x0 = snr if schedule is EPSILON else snr + 1
        torch.testing.assert_close(min_snr_weight(schedule, t, 5.0) * target_per_x0, snr.clamp(max=5.0))
    assert torch.isfinite(min_snr_weight(V, T, 5.0)).all()


def test_stratified_timesteps_cover_the_chain():
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([stratified_timesteps(8, 1000, generator) for _ in range(2000)])
    assert draws.min() == 0 and draws.max() == 999
    assert torch.equal(draws.sort(dim=1).values // 125, torch.arange(8).expand_as(draws))
    assert (draws.double().mean(0) - 499.5).abs().max() < 25  # no place in the batch prefers a part of the chain


def test_logit_normal_timesteps_have_a_standard_normal_logit_and_one_in_each_part():
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([stratified_timesteps(8, 10**6, generator, density="logit_normal") for _ in range(4000)])
    logits = ((draws.double() + 0.5) / 10**6).logit()
    assert logits.mean().abs() < 0.01 and abs(logits.std() - 1) < 0.01
    parts = (torch.special.ndtr(logits.sort(dim=1).values) * 8 - 1e-4).long()  # equally probable
    assert (parts == torch.arange(8)).double().mean() > 0.999


def test_stratified_timesteps_repeat_with_the_seed():
    first, second = (stratified_timesteps(7, 1000, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("schedule", [EPSILON, V])
def test_a_step_for_each_frame_is_the_loss_of_that_frame_at_that_step(schedule):
    """Frame by frame against clips of one step: the model answers for each frame alone."""
    times = torch.tensor([[0, 10, 400, 999], [999, 400, 10, 0], [7, 7, 7, 7]])
    output = torch.cat([randn(2), randn(3)], dim=2) if schedule is EPSILON else randn(2)
    mixed = masked_hybrid_loss(fixed(output), X0, given(0, 0, 0), times, NOISE, schedule)
    for sample, frame in itertools.product(range(3), range(4)):
        only = torch.zeros(SHAPE[0], SHAPE[1], *SHAPE[3:], dtype=torch.bool)
        only[sample, frame] = True
        step = torch.full((3,), int(times[sample, frame]))
        alone = masked_hybrid_loss(fixed(output), X0, GivenCells(X0, only), step, NOISE, schedule)
        part = masked_hybrid_loss(fixed(output), X0, GivenCells(X0, only), times, NOISE, schedule)
        for name in ("total", "mse", "vb"):
            torch.testing.assert_close(getattr(part, name)[sample], getattr(alone, name)[sample])
        torch.testing.assert_close(mixed.x0[sample, frame], alone.x0[sample, frame])


def test_the_predicted_clip_of_an_exact_answer_is_the_clip():
    for schedule in (EPSILON, V):
        terms = masked_hybrid_loss(fixed(target(schedule)), X0, given(0, 0, 0), T, NOISE, schedule)
        torch.testing.assert_close(terms.x0, X0, atol=1e-3, rtol=0)


def test_a_share_of_clips_has_a_step_for_each_frame():
    t = torch.arange(2000) % 1000
    mixed = by_frame(t, 8, 0.25, 1000, torch.Generator().manual_seed(0))
    same = (mixed == t[:, None]).all(1)
    assert 0.7 < same.float().mean() < 0.8
    own = mixed[~same].float()
    assert own.mean().item() == pytest.approx(499.5, abs=25) and own.std(1).mean() > 200
