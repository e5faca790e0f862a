"""sample_latents: given cells are exact, seeds are exact, guidance 1 is off, and bad input is one sentence."""

import itertools
from dataclasses import replace

import pytest
import torch

from vdt.config import VDT_CONFIGS, DiffusionConfig, MaskSpec
from vdt.diffusion import (
    SAMPLERS,
    GivenCells,
    GivenDenoiser,
    SamplingConfig,
    Schedule,
    derived_seed,
    sample_ddim,
    sample_latents,
)
from vdt.models import VDT

ZERO_SNR = DiffusionConfig(prediction="v", zero_terminal_snr=True)
TWO_STEPS = SamplingConfig(steps=2, sampler="ddim", spacing="even", guidance=1.0)


def build(**changes):
    """A tiny VDT with random weights everywhere: a freshly made one predicts only zeros."""
    model = VDT(replace(VDT_CONFIGS["VDT-Tiny/2"], **changes)).eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data = 0.05 * torch.randn(parameter.shape, generator=generator)
    return model


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.fixture
def clean():
    return torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def mask():
    mask = torch.ones(2, 3, 8, 8, dtype=torch.bool)
    mask[:, 0] = False
    mask[1, 1, :3, :5] = False
    return mask


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_given_cells_are_bit_exact(model, clean, mask):
    cells = mask.unsqueeze(2).expand_as(clean)
    for name, guidance, dtype in itertools.product(SAMPLERS, (1.0, 2.0), (torch.float32, torch.bfloat16)):
        sampling = SamplingConfig(steps=3, sampler=name, spacing="even", guidance=guidance)
        given = clean.to(dtype)
        out = sample_latents(model, given, mask, sampling=sampling, generator=seeded())
        assert out.dtype == dtype and torch.isfinite(out).all()
        assert torch.equal(out[~cells], given[~cells]), sampling
        assert (out[cells] != given[cells]).float().mean() > 0.9, sampling


def test_same_seed_same_clip_bit_for_bit(model, clean, mask):
    for name in SAMPLERS:
        sampling = SamplingConfig(steps=3, sampler=name, guidance=1.5)
        first, second, other = (
            sample_latents(model, clean, mask, sampling=sampling, generator=seeded(seed)) for seed in (0, 0, 1)
        )
        assert torch.equal(first, second) and not torch.equal(first, other), name


def test_a_generator_for_each_clip_makes_it_the_same_in_any_batch(model, clean, mask):
    for name in SAMPLERS:
        sampling = SamplingConfig(steps=3, sampler=name)
        both = sample_latents(model, clean, mask, sampling=sampling, generator=[seeded(5), seeded(6)])
        for i in range(2):
            alone = sample_latents(
                model, clean[i : i + 1], mask[i : i + 1], sampling=sampling, generator=[seeded(5 + i)]
            )
            torch.testing.assert_close(both[i], alone[0], rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="got 3 generators for 2 clips"):
        sample_latents(model, clean, mask, generator=[seeded(seed) for seed in range(3)])


def test_derived_seeds_are_numbers_of_their_own():
    seeds = {derived_seed(seed, number) for seed in (0, 1, 2**64 - 1) for number in range(200)}
    assert len(seeds) == 600 and all(0 <= seed < 2**64 for seed in seeds)
    assert derived_seed(7, 3) == derived_seed(7, 3)


@torch.no_grad()
def test_guidance_one_is_the_plain_path(model, clean, mask):
    sampling = replace(TWO_STEPS, steps=4)
    chain = Schedule.from_config(model.config.diffusion).respace(4)
    x = torch.randn(clean.shape, generator=seeded())
    plain = sample_ddim(GivenDenoiser(model, chain, GivenCells(clean, mask)), x, chain)
    off = sample_latents(model, clean, mask, sampling=sampling, generator=seeded())
    cells = mask.unsqueeze(2).expand_as(clean)
    assert torch.equal(off[cells], plain[cells])


def test_the_defaults_are_those_of_the_settings(model, clean, mask):
    made = sample_latents(model, clean, mask, generator=seeded())
    assert torch.equal(made, sample_latents(model, clean, mask, sampling=SamplingConfig(), generator=seeded()))


def test_passes_through_the_network_are_counted_beforehand(model, clean, mask):
    schedule = Schedule.from_config(model.config.diffusion)
    for name, steps, guidance, passes in (("ddim", 4, 1.0, 4), ("dpmpp_2m_quad", 4, 2.0, 6), ("unipc", 5, 2.0, 8)):
        clips, sampling = [], SamplingConfig.named(name, steps=steps, guidance=guidance).for_text(False)
        handle = model.register_forward_pre_hook(
            lambda module, inputs, clips=clips: clips.append(len(inputs[0]) // len(clean))
        )
        sample_latents(model, clean, mask, sampling=sampling, generator=seeded())
        handle.remove()
        assert sum(clips) == sampling.count_passes(schedule) == passes, sampling


def test_two_steps_of_the_default_sampler_are_those_of_ddim(model, clean, mask):
    """So that the bundled student, which has learned DDIM's, needs no sampler of its own."""
    pair = [
        sample_latents(
            model, clean, mask, sampling=SamplingConfig(steps=2, sampler=name, guidance=1.0), generator=seeded()
        )
        for name in ("dpmpp_2m", "ddim")
    ]
    torch.testing.assert_close(*pair, rtol=1e-4, atol=1e-4)


def test_quadratic_steps_are_other_steps(model, clean, mask):
    quadratic, even = (
        sample_latents(model, clean, mask, sampling=SamplingConfig(steps=3, spacing=spacing), generator=seeded())
        for spacing in ("quadratic", "even")
    )
    assert not torch.equal(quadratic, even)


def test_zero_terminal_snr_and_mask_embedding(clean, mask):
    model = build(conditioning=(MaskSpec(embed=True),), learn_sigma=False, diffusion=ZERO_SNR)
    for name in SAMPLERS:
        sampling = SamplingConfig(steps=3, sampler=name, spacing="even", guidance=1.5)
        out = sample_latents(model, clean, mask, sampling=sampling, generator=seeded())
        assert torch.isfinite(out).all(), name


def test_any_callable_is_sampled_with_a_schedule_of_its_own(clean, mask):
    def model(x, t, conditioning):
        return x.tanh()

    out = sample_latents(model, clean, mask, generator=seeded(), schedule=Schedule.from_config(ZERO_SNR))
    assert torch.isfinite(out).all() and torch.equal(out[:, 0], clean[:, 0])


def test_one_mask_serves_the_batch(model, clean, mask):
    shared = sample_latents(model, clean, mask[:1], sampling=TWO_STEPS, generator=seeded())
    repeated = sample_latents(model, clean, mask[:1].repeat(2, 1, 1, 1), sampling=TWO_STEPS, generator=seeded())
    assert torch.equal(shared, repeated)


def test_nothing_to_generate_returns_the_given_latents(model, clean, mask):
    out = sample_latents(model, clean, torch.zeros_like(mask), generator=seeded())
    assert torch.equal(out, clean) and out is not clean


def test_samples_need_no_gradient(model, clean, mask):
    assert not sample_latents(model, clean, mask, sampling=TWO_STEPS, generator=seeded()).requires_grad


def test_a_callback_sees_every_step_with_what_is_given_in_it(model, clean, mask):
    for name in SAMPLERS:
        infos = []
        sampling = SamplingConfig(steps=3, sampler=name)
        sample_latents(model, clean, mask, sampling=sampling, generator=seeded(), callback=infos.append)
        assert [(info.step, info.num_steps) for info in infos] == [(1, 3), (2, 3), (3, 3)], name
        assert all(torch.equal(info.x0[:, 0], clean[:, 0]) for info in infos), name


def test_a_callback_can_stop(model, clean, mask):
    def stop(info):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_latents(model, clean, mask, sampling=TWO_STEPS, generator=seeded(), callback=stop)


def test_bad_input_is_refused(model, clean, mask):
    for changes, message in (
        ({"sampling": SamplingConfig(steps=1001)}, "steps must be a number from 1 to 1000, got 1001"),
        ({"mask": torch.ones(2, 3, 4, 4, dtype=torch.bool)}, r"\(2, 3, 8, 8\).*\(2, 3, 4, 4\)"),
        ({"mask": torch.ones(3, 3, 8, 8, dtype=torch.bool)}, r"\(2, 3, 8, 8\).*\(3, 3, 8, 8\)"),
        ({"mask": torch.ones(2, 3, 8, 8)}, "must be bool"),
        ({"clean": torch.zeros(3, 4, 8, 8)}, r"\(B, T, C, h, w\)"),
        ({"clean": torch.full((2, 3, 4, 8, 8), torch.nan)}, "non-finite"),
    ):
        arguments = {"clean": clean, "mask": mask, "sampling": TWO_STEPS, "generator": seeded()} | changes
        with pytest.raises(ValueError, match=message):
            sample_latents(model, **arguments)


# ---- Temperature -----------------------------------------------------------------------------------------------------


def affine(x, t, conditioning):
    """A network whose output is affine in the state, so that what comes out is affine in the noise."""
    return (0.3 + 1e-4 * t.float()).view(-1, 1, 1, 1, 1) * x + 0.2


@pytest.mark.parametrize("name", SAMPLERS)
def test_of_an_affine_network_a_sample_lies_so_much_nearer_to_the_middle(name, clean, mask):
    """In closed form: the sample without noise, and the temperature times what noise adds to it."""
    schedule = Schedule.from_config(ZERO_SNR)

    def sample(temperature):
        sampling = SamplingConfig(steps=4, sampler=name, guidance=1.0, temperature=temperature)
        return sample_latents(affine, clean, mask, generator=seeded(), sampling=sampling, schedule=schedule)

    middle, noisy = sample(0.0), sample(1.0)
    assert (noisy - middle).abs().max() > 0.1
    for temperature in (0.25, 0.5, 1.5):
        torch.testing.assert_close(sample(temperature), middle + temperature * (noisy - middle), rtol=1e-3, atol=1e-4)


def test_without_noise_all_seeds_are_one_and_with_more_they_lie_further_apart(clean, mask):
    model = build(diffusion=ZERO_SNR, learn_sigma=False)

    def apart(temperature):
        sampling = SamplingConfig(guidance=1.0, temperature=temperature)
        pair = [sample_latents(model, clean, mask, generator=seeded(seed), sampling=sampling) for seed in (0, 1)]
        return float((pair[0] - pair[1]).abs().mean())

    distances = [apart(temperature) for temperature in (0.0, 0.25, 0.5, 1.0)]
    assert distances[0] == 0 and distances == sorted(set(distances))


def test_a_model_that_predicts_noise_takes_all_of_it(model, clean, mask):
    """It divides by a signal of nearly nothing: less noise than it is told of would be a large error."""
    cold, warm = (
        sample_latents(model, clean, mask, generator=seeded(), sampling=replace(TWO_STEPS, temperature=temperature))
        for temperature in (0.5, 1.0)
    )
    assert model.config.diffusion.prediction == "epsilon" and torch.equal(cold, warm)


def test_the_pass_that_is_given_nothing_sees_given_cells_under_all_of_their_noise(clean, mask):
    """Its noise says that nothing is known of them, at any temperature."""
    seen = []

    def watching(x, t, conditioning):
        seen.append(x)
        return torch.zeros_like(x)

    for temperature in (0.25, 1.0):
        sampling = SamplingConfig(steps=2, guidance=2.0, temperature=temperature)
        schedule = Schedule.from_config(ZERO_SNR)
        sample_latents(watching, clean, mask, generator=seeded(), sampling=sampling, schedule=schedule)
    cells = mask.unsqueeze(2).expand_as(clean)
    cold, warm = (both.chunk(2)[1] for both in (seen[0], seen[len(seen) // 2]))
    assert torch.equal(cold[~cells], warm[~cells])
    torch.testing.assert_close(cold[cells], 0.25 * warm[cells])
