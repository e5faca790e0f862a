"""Guidance extrapolates from a pass that is given nothing, at the noisy steps, and costs nothing elsewhere."""

import pytest
import torch

from vdt.diffusion import GivenCells, GivenDenoiser, GuidedDenoiser, SamplingConfig


def guided(model, chain, clean, mask, noise, **settings):
    return GuidedDenoiser(model, chain, GivenCells(clean, mask), SamplingConfig(**settings), noise)


def test_it_extrapolates_from_the_all_noised_pass(recorder, randn, mask, chain):
    clean, x, noise, index, scale = randn(0), randn(1), randn(2), 3, 2.5
    made = guided(recorder(), chain, clean, mask, noise, guidance=scale)(x, index)
    plain = GivenDenoiser(recorder(), chain, GivenCells(clean, mask))(x, index)
    noised = chain.q_sample(clean, index, noise)
    null = GivenDenoiser(recorder(), chain, GivenCells(noised, mask))(x, index)
    cells = mask.unsqueeze(2).expand(x.shape)
    for name in ("x0", "epsilon"):
        expected = getattr(null, name) + scale * (getattr(plain, name) - getattr(null, name))
        torch.testing.assert_close(getattr(made, name)[cells], expected[cells], rtol=1e-4, atol=1e-4)
    assert torch.equal(made.x0[~cells], clean[~cells])
    assert torch.equal(made.log_variance, plain.log_variance)


def test_both_passes_are_one_call_and_the_second_is_told_that_nothing_is_given(recorder, randn, mask, epsilon_chain):
    model = recorder()
    guided(model, epsilon_chain, randn(0), mask, randn(2), guidance=2.0)(randn(1), 3)
    ((x, t, seen_mask),) = model.calls
    assert len(x) == len(t) == 4
    assert torch.equal(seen_mask[:2], mask) and seen_mask[2:].all()


def test_by_default_it_acts_while_noise_outweighs_the_signal_two_to_one(recorder, randn, mask, chain):
    clean, x, noise = randn(0), randn(1), randn(2)
    plain = GivenDenoiser(recorder(), chain, GivenCells(clean, mask))
    for index in range(chain.num_steps):
        model = recorder()
        made = guided(model, chain, clean, mask, noise, guidance=2.0)(x, index)
        ((seen, _, _),) = model.calls
        c = chain.at(index, x)
        acts = bool(c.signal < 0.5 * c.noise)
        assert acts == SamplingConfig().guides(chain, index) and len(seen) == (4 if acts else 2)
        assert torch.equal(made.x0, plain(x, index).x0) != acts


def test_the_interval_in_which_it_acts_is_a_setting(recorder, randn, mask, chain):
    for below, acting in ((1.1, 5), (0.0, 0)):
        model = recorder()
        denoise = guided(model, chain, randn(0), mask, randn(2), guidance=2.0, guidance_below=below)
        for index in range(chain.num_steps):
            denoise(randn(1), index)
        assert sum(len(seen) == 4 for seen, _, _ in model.calls) == acting


def test_it_costs_nothing_where_nothing_is_given(recorder, randn, mask, epsilon_chain):
    model, x, everything = recorder(), randn(1), torch.ones_like(mask)
    made = guided(model, epsilon_chain, randn(0), everything, randn(2), guidance=2.0)(x, 3)
    ((seen, _, _),) = model.calls
    assert torch.equal(seen, x)
    plain = GivenDenoiser(recorder(), epsilon_chain, GivenCells(randn(0), everything))(x, 3)
    assert torch.equal(made.x0, plain.x0)


def test_a_guidance_of_one_is_the_plain_denoiser_and_needs_no_noise(recorder, randn, mask, chain):
    x, plain = randn(1), GivenDenoiser(recorder(), chain, GivenCells(randn(0), mask))
    for noise in (None, randn(2)):
        model = recorder()
        denoise = guided(model, chain, randn(0), mask, noise, guidance=1.0)
        for index in range(chain.num_steps):
            assert torch.equal(denoise(x, index).x0, plain(x, index).x0)
        assert {len(seen) for seen, _, _ in model.calls} == {2}
    with pytest.raises(ValueError, match="guidance 2 needs noise"):
        guided(recorder(), chain, randn(0), mask, None, guidance=2.0)
