"""VDT as ComfyUI's samplers call it, without their code: x, a timestep per frame, and what conditionings carry."""

import pytest
import torch

from vdt.diffusion import Schedule
from vdt.models import Conditioning


@pytest.fixture
def native(pack):
    return pack("nodes.native")


@pytest.fixture
def latents():
    return torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def cells():
    mask = torch.ones(6, 1, 8, 8)
    mask[:2] = 0
    return mask


def test_one_clip_is_the_models_own_answer(native, models, latents, tiny_model):
    network = native.network_of(models[0])
    t = torch.full((6,), 500.0)
    made = network(latents, t, transformer_options={"cond_or_uncond": [0]}, vdt_cells=cells())
    with torch.no_grad():
        expected = tiny_model(latents[None], t[:1], Conditioning(mask=cells()[None, :, 0] > 0.5))[0, :, :4]
    assert torch.allclose(made, expected, atol=1e-6)


def test_two_passes_are_two_clips(native, models, latents):
    """CFG runs conditional and unconditional as one batch of twice the frames."""
    network = native.network_of(models[0])
    t = torch.full((6,), 500.0)
    hidden = 1 - cells()
    noise = torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    first = network(latents, t, vdt_cells=cells(), vdt_hidden=torch.zeros_like(hidden), vdt_noise=noise)
    second = network(latents, t, vdt_cells=torch.ones_like(hidden), vdt_hidden=hidden, vdt_noise=noise)
    both = network(
        torch.cat([latents, latents]),
        t.repeat(2),
        transformer_options={"cond_or_uncond": [1, 0]},
        vdt_cells=torch.cat([cells(), torch.ones_like(hidden)]),
        vdt_hidden=torch.cat([torch.zeros_like(hidden), hidden]),
        vdt_noise=torch.cat([noise, noise]),
    )
    assert torch.allclose(both, torch.cat([first, second]), atol=1e-5)
    assert not torch.allclose(first, second, atol=1e-3)


def test_hidden_cells_are_noised_to_the_timestep(native, models, latents, tiny_model):
    network = native.network_of(models[0])
    noise = torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    t = torch.full((6,), 300.0)
    everywhere = torch.ones(6, 1, 8, 8)
    made = network(latents, t, vdt_cells=everywhere, vdt_hidden=everywhere, vdt_noise=noise)
    noised = Schedule.from_config(tiny_model.config.diffusion).q_sample(latents, 300, noise)
    assert torch.allclose(made, network(noised, t, vdt_cells=everywhere), atol=1e-5)


def test_conditionings_say_which_pass_sees_the_given_cells(native, models, latents):
    base = models[0].model
    mask = cells().expand(6, 4, 8, 8)
    for given, prompt_type, sees in ((True, "negative", True), (False, "positive", False), (None, "positive", True)):
        keys = {} if given is None else {native.GIVEN_KEY: given}
        conds = base.extra_conds(noise=latents, denoise_mask=mask, prompt_type=prompt_type, device="cpu", **keys)
        assert torch.equal(conds["vdt_cells"].cond, cells() if sees else torch.ones(6, 1, 8, 8))
        assert torch.equal(conds["vdt_hidden"].cond, torch.zeros(6, 1, 8, 8) if sees else 1 - cells())
    conds = base.extra_conds(noise=latents, prompt_type="positive", device="cpu")
    assert bool((conds["vdt_cells"].cond == 1).all())
    assert native.conditioning(given=False)[0][1] == {native.GIVEN_KEY: False}


def test_given_cells_are_clean_after_the_division_that_follows(native, models, latents):
    sigma = torch.full((6,), 14.0)
    placed = models[0].model.scale_latent_inpaint(sigma=sigma, noise=latents, latent_image=latents, x=None)
    assert torch.allclose(placed / (14.0**2 + 1) ** 0.5, latents, atol=1e-6)


def test_latents_are_scaled_as_the_model_was_trained(native, models, latents):
    base = models[0].model
    assert torch.allclose(base.process_latent_in(latents), latents * 0.18215)
    assert torch.allclose(base.process_latent_out(base.process_latent_in(latents)), latents, atol=1e-6)


def test_memory_grows_with_the_clip_and_the_precision(models):
    base = models[0].model
    small, large = (base.memory_required([frames, 4, 8, 8]) for frames in (6, 12))
    assert large == 2 * small > 0
    base.diffusion_model.to(torch.bfloat16)
    assert base.memory_required([6, 4, 8, 8]) == small / 2


def test_another_kind_of_model_gets_one_sentence(native):
    class Patcher:
        model = torch.nn.Linear(1, 1)

    with pytest.raises(ValueError, match="the model is Linear, not a VDT: connect VDT Load Model"):
        native.network_of(Patcher())


class Executor:
    """What stands where ComfyUI would sample: remembers what it was given and answers with noise."""

    def __init__(self, patcher):
        self.class_obj = type("Guider", (), {"model_patcher": patcher})()

    def __call__(self, noise, latent_image, sampler, sigmas, denoise_mask, *others, **options):
        self.start, self.mask = latent_image, denoise_mask
        return noise


def test_around_a_stock_sampling_masks_are_cells_and_given_ones_exact(native, models, latents):
    patcher = models[0]
    patcher.add_object_patch("model_sampling", type("Sampling", (), {"sigma_max": torch.tensor(157.4)})())
    noise = torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    painted = torch.zeros(1, 1, 64, 64)
    painted[..., 9, 17] = 1.0
    for sigma, kept in ((157.4, False), (10.0, True)):
        executor = Executor(patcher)
        made = native._sample_exactly(executor, noise, latents, "euler", torch.tensor([sigma, 0.0]), painted, None)
        assert executor.mask.shape == (6, 1, 8, 8)
        assert executor.mask.nonzero()[:, 2:].unique(dim=0).tolist() == [[1, 2]]
        generated = executor.mask.bool().expand_as(made)
        assert torch.equal(made[generated], noise[generated]) and torch.equal(made[~generated], latents[~generated])
        assert torch.equal(executor.start, latents) is kept  # from pure noise, what stood there is taken away
        assert torch.equal(executor.start[~generated], latents[~generated])
