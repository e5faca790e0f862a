"""The pipeline keeps given pixels, works in chunks, repeats itself, and refuses what does not fit."""

import dataclasses

import numpy as np
import pytest
import torch

from vdt import masks
from vdt.autoencoder import AutoencoderKL
from vdt.checkpoints import save_model, save_vae
from vdt.config import VAE_CONFIGS
from vdt.frames import to_pixels, to_uint8
from vdt.model import VDT
from vdt.pipeline import Pipeline, resolve_device, resolve_dtype

T, H, W = 6, 32, 48


@pytest.fixture
def pipeline(tiny_model, tiny_vae):
    return Pipeline(tiny_model.eval(), tiny_vae.eval())


@pytest.fixture
def frames():
    return np.random.default_rng(1).integers(0, 256, (T, H, W, 3), dtype=np.uint8)


def generate(pipeline, frames, mask, **options):
    return pipeline.generate(frames, mask, **{"steps": 2, **options})


def test_given_frames_are_bit_exact_and_others_are_not(pipeline, frames):
    before = frames.copy()
    clip = generate(pipeline, frames, masks.predict(T, H // 8, W // 8, given=2))
    assert clip.frames.shape == frames.shape and clip.frames.dtype == np.uint8
    assert (clip.frames[:2] == frames[:2]).all() and (clip.frames[2:] != frames[2:]).any()
    assert clip.latents.shape == (T, 4, H // 8, W // 8) and clip.latents.dtype == torch.float32
    assert not clip.mask[:2].any() and clip.mask[2:].all()
    assert (frames == before).all(), "the caller's frames are not touched"


def test_pixel_masks_paste_by_the_pixel(pipeline, frames):
    mask = torch.zeros(T, H, W, dtype=torch.bool)
    mask[:, 3:13, 5:9] = True  # cuts latent cells
    clip = generate(pipeline, frames, mask)
    assert (clip.mask == mask.numpy()).all()
    assert (clip.frames[~clip.mask] == frames[~clip.mask]).all()
    assert (clip.frames[clip.mask] != frames[clip.mask]).any()


def test_content_of_generated_frames_does_not_matter(pipeline, frames):
    mask = masks.predict(T, H // 8, W // 8, given=2)
    other = frames.copy()
    other[2:] = 255 - other[2:]
    short = generate(pipeline, frames[:2], mask)
    assert (generate(pipeline, frames, mask).frames == short.frames).all()
    assert (generate(pipeline, other, mask).frames == short.frames).all()


def test_a_seed_is_a_clip(pipeline, frames):
    mask = masks.unconditional(T, H // 8, W // 8)
    first, again, other = (generate(pipeline, frames[:0], mask, seed=seed).frames for seed in (5, 5, 6))
    assert (first == again).all() and (first != other).any()


def test_chunks_change_nothing_but_memory(pipeline, frames, monkeypatch):
    mask = masks.interpolate(T, H // 8, W // 8, every=2)
    whole = generate(pipeline, frames, mask)
    monkeypatch.setattr("vdt.memory.FRAMES_AT_ONCE", 1)
    single = generate(pipeline, frames, mask)
    assert np.abs(whole.frames.astype(int) - single.frames).max() <= 1
    assert (whole.latents - single.latents).abs().max() <= 1e-4 * whole.latents.abs().max()


def test_only_given_frames_are_encoded_and_only_generated_ones_decoded(pipeline, frames, monkeypatch):
    counts = {"encode": 0, "decode": 0}
    for name in counts:
        original = getattr(pipeline.vae, name)

        def counted(x, name=name, original=original):
            counts[name] += len(x)
            return original(x)

        monkeypatch.setattr(pipeline.vae, name, counted)
    generate(pipeline, frames, masks.predict(T, H // 8, W // 8, given=2))
    assert counts == {"encode": 2, "decode": T - 2 + 1}  # the last given frame shows what the autoencoder loses


def test_given_latents_are_those_of_the_vae(pipeline, frames):
    clip = generate(pipeline, frames, masks.predict(T, H // 8, W // 8, given=3), still=0)
    with torch.no_grad():
        expected = pipeline.vae.encode(to_pixels(frames[:3])).mean
        decoded = to_uint8(pipeline.vae.decode(clip.latents[3:]))
    assert torch.allclose(clip.latents[:3], expected, atol=1e-5)
    assert np.abs(clip.frames[3:].astype(int) - decoded).max() <= 1


def test_scale_and_shift_belong_to_the_model(pipeline, frames):
    diffusion = dataclasses.replace(pipeline.model.config.diffusion, latent_scale=0.5, latent_shift=1.5)
    model = VDT(dataclasses.replace(pipeline.model.config, diffusion=diffusion)).eval()
    model.load_state_dict(pipeline.model.state_dict())
    seen = []
    model.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0].clone()))
    generate(Pipeline(model, pipeline.vae), frames, masks.predict(T, H // 8, W // 8, given=3))
    with torch.no_grad():
        raw = pipeline.vae.encode(to_pixels(frames[:3])).mean
    assert torch.allclose(seen[0][0, :3], (raw - 1.5) * 0.5, atol=1e-5)


def test_nothing_to_generate_returns_the_clip(pipeline, frames):
    clip = generate(pipeline, frames, torch.zeros(T, H, W, dtype=torch.bool))
    assert (clip.frames == frames).all()


def test_other_lengths_and_sizes_than_the_native_one(pipeline):
    clip = generate(pipeline, np.zeros((1, 16, 64, 3), np.uint8), masks.image_to_video(9, 2, 8))
    assert clip.frames.shape == (9, 16, 64, 3)


@pytest.mark.parametrize("seed", range(6))
def test_any_size_comes_out_as_it_went_in(pipeline, seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(16, 513, 2).tolist() if seed else (17, 250)
    frames = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    mask = torch.zeros(2, height, width, dtype=torch.bool)
    mask[1, : height // 2, width // 3 :] = True
    clip = generate(pipeline, frames, mask, steps=1)
    assert clip.frames.shape == frames.shape
    assert (clip.frames[~mask.numpy()] == frames[~mask.numpy()]).all()
    assert clip.latents.shape[-2:] == (-(-height // 8), -(-width // 8))


def test_a_size_between_cells_is_that_of_the_picture_filled_up(pipeline):
    frames = np.random.default_rng(3).integers(0, 256, (3, 27, 37, 3), dtype=np.uint8)
    filled = np.pad(frames, ((0, 0), (0, 5), (0, 3), (0, 0)), mode="edge")
    mask = masks.predict(3, 4, 5, given=1)
    cut, whole = generate(pipeline, frames, mask), generate(pipeline, filled, mask)
    assert torch.equal(cut.latents, whole.latents)
    assert (cut.frames == whole.frames[:, :27, :37]).all()


def test_from_files_equals_the_parts(pipeline, frames, tmp_path):
    save_model(pipeline.model, pipeline.model.config, tmp_path / "model.safetensors")
    save_vae(pipeline.vae, pipeline.vae.config, tmp_path / "vae.safetensors")
    loaded = Pipeline.from_files(tmp_path / "model.safetensors", tmp_path / "vae.safetensors", device="cpu")
    mask = masks.predict(T, H // 8, W // 8, given=2)
    assert (generate(loaded, frames, mask).frames == generate(pipeline, frames, mask).frames).all()


def test_half_precision_model_keeps_the_given(pipeline, frames, tmp_path):
    save_model(pipeline.model, pipeline.model.config, tmp_path / "model.safetensors")
    save_vae(pipeline.vae, pipeline.vae.config, tmp_path / "vae.safetensors")
    half = Pipeline.from_files(
        tmp_path / "model.safetensors", tmp_path / "vae.safetensors", device="cpu", dtype="bfloat16"
    )
    clip = generate(half, frames, masks.predict(T, H // 8, W // 8, given=2))
    assert (clip.frames[:2] == frames[:2]).all() and clip.latents.dtype == torch.float32


@pytest.mark.parametrize(
    ("shape", "mask", "words"),
    [
        ((T, H, W, 3), torch.ones(T, 5, 5, dtype=torch.bool), "(6, 5, 5)"),
        ((T, H, W, 3), torch.ones(T, H, W), "float32"),
        ((T, 24, W, 3), torch.ones(T, 4, 6, dtype=torch.bool), "(T, 3, 6) of latent cells"),
        ((2, H, W, 3), torch.zeros(T, H, W, dtype=torch.bool), "beyond the 2"),
        ((T, H, W, 3), torch.ones(2, H, W, dtype=torch.bool), "6 frames for a mask of 2"),
        ((T, H, W), torch.ones(T, H, W, dtype=torch.bool), "(6, 32, 48)"),
    ],
)
def test_what_does_not_fit_is_refused(pipeline, shape, mask, words):
    with pytest.raises(ValueError) as error:
        generate(pipeline, np.zeros(shape, np.uint8), mask)
    assert words in str(error.value)


@pytest.mark.parametrize("options", [{"sampler": "best"}, {"seed": -1}, {"seed": 2**64}, {"steps": 0}])
def test_impossible_options_are_refused(pipeline, frames, options):
    with pytest.raises(ValueError):
        generate(pipeline, frames, masks.predict(T, H // 8, W // 8, given=2), **options)


def test_a_vae_of_other_channels_is_refused(pipeline):
    vae = AutoencoderKL(dataclasses.replace(VAE_CONFIGS["tiny"], z_channels=8))
    with pytest.raises(ValueError, match="8 channels"):
        Pipeline(pipeline.model, vae)


def test_devices_and_dtypes_by_name():
    assert resolve_device("cpu") == torch.device("cpu") and resolve_dtype("bfloat16") is torch.bfloat16
    for name in ("toaster", "cuda:99"):
        with pytest.raises(ValueError, match=name):
            resolve_device(name)
    with pytest.raises(ValueError, match="float32"):
        resolve_dtype("int8")
