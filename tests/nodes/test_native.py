"""VDT as ComfyUI's samplers call it, without their code: x, a timestep per frame, and what conditionings carry."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch

from vdt.diffusion import Schedule
from vdt.models import Conditioning


@pytest.fixture
def native(pack):
    return pack("nodes.host.native")


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


def test_models_of_every_scheme_see_the_given_frames(pack, native, models, latents):
    """As in the library: beside the clip, or as tokens in it; the all-noised pass is told of none."""
    config, make_given = pack("vdt.config"), pack("vdt.diffusion.given").make_given
    generator, t = torch.Generator().manual_seed(2), torch.full((6,), 500.0)
    changed = latents.clone()
    changed[0] = -latents[0]
    everything = torch.ones(6, 1, 8, 8)
    for spec in (config.AdaLNSpec(), config.CrossAttentionSpec(), config.TokenConcatSpec()):
        tiny = dataclasses.replace(config.VDT_CONFIGS["VDT-Tiny/2"], conditioning=(spec,))
        model = pack("vdt.models").VDT(tiny)
        for parameter in model.parameters():
            parameter.data = parameter.data + 0.1 * torch.randn(parameter.shape, generator=generator)
        network = native.VDTNetwork(model.eval(), native.network_of(models[0]).preview)
        with torch.no_grad():
            made = network(latents, t, vdt_cells=cells())
            given = make_given((spec,), latents[None], cells()[None, :, 0] > 0.5)
            x, conditioning = given.inputs(latents[None], 0)
            assert torch.allclose(made, model(x, t[:1], conditioning)[0, :, :4], atol=1e-5), spec
            other = network(changed, t, vdt_cells=cells())
            assert not torch.allclose(made[2:], other[2:], atol=1e-4), spec
            assert not torch.allclose(made, network(latents, t, vdt_cells=everything), atol=1e-4), spec


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

    def __init__(self, patcher, **guider):
        self.class_obj = SimpleNamespace(model_patcher=patcher, **guider)

    def __call__(self, noise, latent_image, sampler, sigmas, denoise_mask, *others, **options):
        self.start, self.mask = latent_image, denoise_mask
        return noise


@pytest.fixture
def sample(pack, models, latents):
    """Run the wrapper around a stock sampling: sigma of its start, mask, latents; returns executor and result."""
    models[0].add_object_patch("model_sampling", SimpleNamespace(sigma_max=torch.tensor(157.4)))
    noise = torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(1))

    def run(sigma=157.4, mask=None, latent=latents, **guider):
        executor = Executor(models[0], **guider)
        sigmas = torch.tensor([sigma, 0.0])
        return executor, pack("nodes.host.stock").sample_exactly(executor, noise, latent, "euler", sigmas, mask, None)

    run.noise = noise
    return run


def test_around_a_stock_sampling_masks_are_cells_and_given_ones_exact(sample, latents):
    painted = torch.zeros(1, 1, 64, 64)
    painted[..., 9, 17] = 1.0
    resized = torch.zeros(6, 4, 8, 8)  # as newer hosts hand it on
    resized[..., 1, 2] = 0.75
    for mask, shape in ((painted, (6, 1, 8, 8)), (resized, (6, 4, 8, 8))):
        for sigma, kept in ((157.4, False), (10.0, True)):
            executor, made = sample(sigma, mask)
            assert executor.mask.shape == shape
            assert executor.mask.nonzero()[:, 2:].unique(dim=0).tolist() == [[1, 2]]
            generated = executor.mask.bool().expand_as(made)
            assert torch.equal(made[generated], sample.noise[generated])
            assert torch.equal(made[~generated], latents[~generated])
            assert torch.equal(executor.start, latents) is kept  # from pure noise, what stood there is taken away
            assert torch.equal(executor.start[~generated], latents[~generated])


def test_without_a_mask_a_stock_sampling_is_what_it_is(sample, latents):
    executor, made = sample()
    assert executor.mask is None and executor.start is latents and made is sample.noise


def test_latents_of_other_models_and_wrong_clips_get_a_sentence(sample, models):
    for shape in ((1, 4, 6, 8, 8), (6, 16, 8, 8), (1, 1, 1536)):
        with pytest.raises(ValueError, match=r"expected \(frames, 4, height, width\): encode the clip with the VAE of"):
            sample(latent=torch.zeros(shape))
    conds = {"positive": [{"vdt_clips": 4}], "negative": None}
    with pytest.raises(ValueError, match="says that the latent holds 4 clips, but its 6 frames are no multiple"):
        sample(conds=conds)
    models[0].model_options["context_handler"] = SimpleNamespace(dim=2, context_length=4)
    with pytest.raises(ValueError, match="the context windows cut along dim 2, a VDT clip has its frames in dim 0"):
        sample()
    models[0].model_options["context_handler"] = SimpleNamespace(dim=0, context_length=4)
    with pytest.raises(ValueError, match="context windows would cut across 2 clips"):
        sample(conds={"positive": [{"vdt_clips": 2}]})


def test_what_will_not_look_good_is_said(sample, models, latents, caplog):
    sample(cfg=8.0, latent=latents.repeat(1, 1, 1, 1))
    assert "cfg 8 makes harsh colours" in caplog.text
    caplog.clear()
    models[0].model_options["transformer_options"]["easycache"] = SimpleNamespace(name="LazyCache")
    sample(cfg=2.0)
    assert "LazyCache spoils" in caplog.text and "cfg" not in caplog.text and "at once" not in caplog.text


def test_a_clip_longer_than_the_model_learned_is_said_to_be(pack, models, caplog):
    model = SimpleNamespace(model_patcher=models[0], cfg=1.0)
    pack("nodes.host.stock")._remark(model, 40)
    assert "the model sees 40 frames at once but learned 6: put Context Windows (Manual)" in caplog.text
    caplog.clear()
    models[0].model_options["context_handler"] = SimpleNamespace(dim=0, context_length=6)
    pack("nodes.host.stock")._remark(model, 40)
    assert not caplog.records


def test_patches_that_our_sampler_does_not_run_are_named(pack, models):
    ignored, model = pack("nodes.host.stock").ignored_patches, models[0]
    assert ignored(model) == []
    model.model_options |= {"sampler_cfg_function": print, "context_handler": object(), "empty": None}
    model.model_options["transformer_options"]["easycache"] = object()
    model.wrappers = {"outer_sample": {"vdt": [1], "easycache": [2]}}
    model.add_object_patch("model_sampling", object())
    names = ["context_handler", "easycache", "easycache (outer_sample)", "model_sampling", "sampler_cfg_function"]
    assert ignored(model) == names


def test_input_of_another_precision_is_cast(native, models, latents):
    """ModelComputeDtype hands on bfloat16 and leaves the weights as they are."""
    network, t = native.network_of(models[0]), torch.full((6,), 500.0)
    kwargs = {"vdt_cells": cells(), "vdt_hidden": 1 - cells(), "vdt_noise": latents}
    plain = network(latents, t, **kwargs)
    for dtype, bound in ((torch.bfloat16, 0.05), (torch.float16, 0.01)):
        made = network(latents.to(dtype), t, **{name: value.to(dtype) for name, value in kwargs.items()})
        assert made.dtype == torch.float32 and float((made - plain).abs().max()) < bound * float(plain.std()) * 10


def test_several_clips_of_one_latent_are_seen_apart(native, models, latents):
    network, t = native.network_of(models[0]), torch.full((12,), 500.0)
    other = torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    both = network(torch.cat([latents, other]), t, vdt_clips=2)
    assert torch.allclose(both, torch.cat([network(part, t[:6]) for part in (latents, other)]), atol=1e-5)
    conds = models[0].model.extra_conds(noise=latents, prompt_type="positive", device="cpu", vdt_clips=2)
    assert conds["vdt_clips"].cond == 2


def test_stock_previews_get_all_frames_as_one_latent(native, latents):
    grid = native.grid_of_frames(latents)  # 6 frames: 3 columns, 2 rows
    side = 512 // 24 * 8
    assert grid.shape == (1, 4, 2 * side, 3 * side)
    cell = side // 8
    assert torch.equal(grid[0, :, ::cell, ::cell][:, 8:16, 16:24], latents[5])
    single = native.grid_of_frames(latents[:1])
    assert single.shape == (1, 4, 512, 512)
    five = native.grid_of_frames(latents[:5])
    assert torch.equal(five[0, :, -1, -1], torch.zeros(4))
