"""sample_latents: given cells are exact, seeds are exact, guidance 1 is off, and bad input is one sentence."""

from dataclasses import replace

import pytest
import torch

from vdt.config import VDT_CONFIGS, DiffusionConfig
from vdt.diffusion import SAMPLERS, MaskedDenoiser, Schedule, count_passes, sample_ddim, sample_latents
from vdt.model import VDT

ZERO_SNR = DiffusionConfig(prediction="v", zero_terminal_snr=True)


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
def given():
    return torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def mask():
    mask = torch.ones(2, 3, 8, 8, dtype=torch.bool)
    mask[:, 0] = False
    mask[1, 1, :3, :5] = False
    return mask


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("guidance_scale", [1.0, 2.0])
@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_given_cells_are_bit_exact(model, given, mask, name, guidance_scale, dtype):
    given = given.to(dtype)
    out = sample_latents(model, given, mask, steps=3, sampler=name, guidance_scale=guidance_scale, generator=seeded())
    cells = mask.unsqueeze(2).expand_as(given)
    assert out.dtype == dtype and torch.isfinite(out).all()
    assert torch.equal(out[~cells], given[~cells])
    assert (out[cells] != given[cells]).float().mean() > 0.9


@pytest.mark.parametrize("name", SAMPLERS)
def test_same_seed_same_clip_bit_for_bit(model, given, mask, name):
    first, second, other = (
        sample_latents(model, given, mask, steps=3, sampler=name, guidance_scale=1.5, generator=seeded(seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@torch.no_grad()
def test_guidance_one_is_the_plain_path(model, given, mask):
    schedule = Schedule.from_config(model.config.diffusion).respace(4)
    x = torch.randn(given.shape, generator=seeded())
    plain = sample_ddim(MaskedDenoiser(model, schedule, given, mask), x, schedule)
    off = sample_latents(model, given, mask, steps=4, guidance_scale=1.0, generator=seeded())
    assert torch.equal(off, plain)


@pytest.mark.parametrize(
    ("steps", "sampler", "scale", "passes"), [(4, "ddim", 1.0, 4), (4, "dpmpp_2m_quad", 2.0, 6), (5, "unipc", 2.0, 8)]
)
def test_passes_through_the_network_are_counted_beforehand(model, given, mask, steps, sampler, scale, passes):
    clips = []
    handle = model.register_forward_pre_hook(lambda module, inputs: clips.append(len(inputs[0]) // len(given)))
    sample_latents(model, given, mask, steps=steps, sampler=sampler, guidance_scale=scale, generator=seeded())
    handle.remove()
    assert sum(clips) == count_passes(model.config.diffusion, steps, sampler, scale) == passes


def test_two_steps_of_the_default_sampler_are_those_of_ddim(model, given, mask):
    """So that the bundled student, which has learned DDIM's, needs no sampler of its own."""
    pair = [
        sample_latents(model, given, mask, steps=2, sampler=name, generator=seeded())
        for name in ("dpmpp_2m_quad", "ddim_quad")
    ]
    torch.testing.assert_close(*pair, rtol=1e-4, atol=1e-4)


def test_quadratic_steps_are_asked_for_by_name(model, given, mask):
    named = sample_latents(model, given, mask, steps=3, sampler="dpmpp_2m_quad", generator=seeded())
    assert torch.equal(named, sample_latents(model, given, mask, steps="quad3", sampler="dpmpp_2m", generator=seeded()))
    assert not torch.equal(named, sample_latents(model, given, mask, steps=3, sampler="dpmpp_2m", generator=seeded()))
    with pytest.raises(ValueError, match=r"'heun_quad', expected one of .*ddim"):
        sample_latents(model, given, mask, sampler="heun_quad", generator=seeded())


@pytest.mark.parametrize("name", SAMPLERS)
def test_zero_terminal_snr_and_mask_embedding(given, mask, name):
    model = build(mask_embed=True, learn_sigma=False, diffusion=ZERO_SNR)
    out = sample_latents(model, given, mask, steps=3, sampler=name, guidance_scale=1.5, generator=seeded())
    assert torch.isfinite(out).all()


def test_one_mask_serves_the_batch(model, given, mask):
    shared = sample_latents(model, given, mask[:1], steps=2, generator=seeded())
    assert torch.equal(shared, sample_latents(model, given, mask[:1].repeat(2, 1, 1, 1), steps=2, generator=seeded()))


def test_nothing_to_generate_returns_the_given_latents(model, given, mask):
    out = sample_latents(model, given, torch.zeros_like(mask), generator=seeded())
    assert torch.equal(out, given) and out is not given


def test_samples_need_no_gradient(model, given, mask):
    assert not sample_latents(model, given, mask, steps=1, generator=seeded()).requires_grad


def test_callback_can_watch_and_stop(model, given, mask):
    def stop(info):
        assert torch.equal(info.x0[:, 0], given[:, 0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_latents(model, given, mask, steps=2, generator=seeded(), callback=stop)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampler": "euler"}, "unknown sampler 'euler'.*ancestral, ddim, dpmpp_2m"),
        ({"steps": 0}, "steps must be"),
        ({"mask": torch.ones(2, 3, 4, 4, dtype=torch.bool)}, r"\(2, 3, 8, 8\).*\(2, 3, 4, 4\)"),
        ({"mask": torch.ones(2, 3, 8, 8)}, "must be bool"),
        ({"given": torch.zeros(3, 4, 8, 8)}, r"\(B, T, C, h, w\)"),
        ({"given": torch.full((2, 3, 4, 8, 8), torch.nan)}, "non-finite"),
    ],
)
def test_bad_input_is_refused(model, given, mask, changes, message):
    arguments = {"given": given, "mask": mask, "steps": 2, "generator": seeded()} | changes
    with pytest.raises(ValueError, match=message):
        sample_latents(model, **arguments)
