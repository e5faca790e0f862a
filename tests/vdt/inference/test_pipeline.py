"""The pipeline keeps given pixels, works in chunks, repeats itself, and refuses what does not fit."""

import dataclasses

import numpy as np
import pytest
import torch

from vdt.checkpoints import save_model, save_vae
from vdt.config import VAE_CONFIGS
from vdt.diffusion import EVEN_DDIM, SamplingConfig
from vdt.inference import streaming
from vdt.inference.compositing import Compositor
from vdt.inference.pipeline import Pipeline, resolve_device, resolve_dtype
from vdt.inference.rollout import generate_latents
from vdt.inference.settings import CompositingConfig, GenerationConfig, WindowConfig
from vdt.masks.tasks import ImageToVideo, Interpolate, Predict, Unconditional, over_cells
from vdt.media.frames import frames_to_pixels, pixels_to_frames
from vdt.media.types import VideoClip
from vdt.models import VDT, AutoencoderKL

T, H, W = 6, 32, 48
TWO_STEPS = dataclasses.replace(EVEN_DDIM, steps=2)


@pytest.fixture
def pipeline(tiny_model, tiny_vae):
    return Pipeline(tiny_model.eval(), tiny_vae.eval())


@pytest.fixture
def frames():
    return np.random.default_rng(1).integers(0, 256, (T, H, W, 3), dtype=np.uint8)


def cells(task, num_frames=T, rows=H // 8, columns=W // 8):
    return over_cells(task.frame_mask(num_frames), rows, columns)


def generate(pipeline, frames, mask, **options):
    return pipeline(frames, mask, **{"sampling": TWO_STEPS, **options})


# ---- What is given ---------------------------------------------------------------------------------------------------


def test_given_frames_are_bit_exact_and_others_are_not(pipeline, frames):
    before = frames.copy()
    clip = generate(pipeline, frames, cells(Predict(given=2)))
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
    mask, other = cells(Predict(given=2)), frames.copy()
    other[2:] = 255 - other[2:]
    short = generate(pipeline, frames[:2], mask)
    assert (generate(pipeline, frames, mask).frames == short.frames).all()
    assert (generate(pipeline, other, mask).frames == short.frames).all()


def test_given_latents_are_those_of_the_vae(pipeline, frames):
    off = CompositingConfig(static_background=0)
    clip = generate(pipeline, frames, cells(Predict(given=3)), compositing=off)
    with torch.no_grad():
        expected = pipeline.vae.encode(frames_to_pixels(frames[:3])).mean
        decoded = pixels_to_frames(pipeline.vae.decode(clip.latents[3:]))
    assert torch.allclose(clip.latents[:3], expected, atol=1e-5)
    assert np.abs(clip.frames[3:].astype(int) - decoded).max() <= 1


def test_nothing_to_generate_returns_the_clip(pipeline, frames):
    clip = generate(pipeline, frames, torch.zeros(T, H, W, dtype=torch.bool))
    assert (clip.frames == frames).all()


# ---- How it is made --------------------------------------------------------------------------------------------------


def test_it_is_its_three_steps(pipeline, frames):
    """Encode what is given, generate, finish: what the nodes do one at a time."""
    mask = cells(Predict(given=4))
    whole = pipeline(frames, mask, seed=5)
    masks = pipeline.resolve_mask(frames, mask)
    made = generate_latents(pipeline.model, pipeline.codec.encode(frames)[None], masks.cells, seeds=[5])[0]
    assert torch.allclose(made[4:], whole.latents[4:], atol=1e-4)
    shown = np.stack(list(Compositor(pipeline.codec).clip(made, frames, masks.pixels)))
    assert np.array_equal(shown[:4], frames[:4])
    assert np.abs(shown.astype(int) - whole.frames.astype(int)).max() <= 1
    finished = np.stack(list(Compositor(pipeline.codec).clip(whole.latents, frames, masks.pixels)))
    assert np.array_equal(finished, whole.frames)


def test_the_defaults_are_those_of_the_settings(pipeline, frames):
    mask = cells(Predict(given=2))
    settings = {"sampling": SamplingConfig(), "windows": WindowConfig(), "compositing": CompositingConfig()}
    assert np.array_equal(pipeline(frames, mask).frames, pipeline(frames, mask, seed=0, **settings).frames)


def test_every_setting_matters(pipeline, frames):
    mask = cells(Predict(given=2), num_frames=12)
    plain = generate(pipeline, frames, mask)
    for options in (
        {"seed": 1},
        {"sampling": SamplingConfig()},
        {"windows": WindowConfig(frames=8)},
        {"windows": WindowConfig(overlap=1)},
        {"windows": WindowConfig(tile=4)},
    ):
        assert not torch.equal(generate(pipeline, frames, mask, **options).latents, plain.latents), options
    clip = VideoClip(frames=frames, fps=8.0)
    assert np.array_equal(generate(pipeline, clip, mask).frames, plain.frames)


def test_a_seed_is_a_clip(pipeline, frames):
    mask = cells(Unconditional())
    first, again, other = (generate(pipeline, frames[:0], mask, seed=seed).frames for seed in (5, 5, 6))
    assert (first == again).all() and (first != other).any()


def test_a_batch_is_its_clips(pipeline, frames):
    mask, others = cells(Predict(given=3)), [frames, frames[::-1].copy(), frames[:3]]
    together = pipeline.generate_batch(others, mask, seeds=[4, 4, 9], sampling=TWO_STEPS)
    for made, clip, seed in zip(together, others, (4, 4, 9), strict=True):
        alone = generate(pipeline, clip, mask, seed=seed)
        torch.testing.assert_close(made.latents, alone.latents, rtol=1e-3, atol=1e-3)
        assert np.abs(made.frames.astype(int) - alone.frames).max() <= 1
        assert np.array_equal(made.frames[:3], clip[:3])


def test_chunks_change_nothing_but_memory(pipeline, frames, monkeypatch):
    mask = cells(Interpolate(every=2))
    whole = generate(pipeline, frames, mask)
    monkeypatch.setattr("vdt.inference.memory.FRAMES_AT_ONCE", 1)
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
    generate(pipeline, frames, cells(Predict(given=2)))
    assert counts == {"encode": 2, "decode": T - 2 + 1}  # the last given frame shows what the autoencoder loses


def test_scale_and_shift_belong_to_the_model(pipeline, frames):
    diffusion = dataclasses.replace(pipeline.model.config.diffusion, latent_scale=0.5, latent_shift=1.5)
    model = VDT(dataclasses.replace(pipeline.model.config, diffusion=diffusion)).eval()
    model.load_state_dict(pipeline.model.state_dict())
    seen = []
    model.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0].clone()))
    generate(Pipeline(model, pipeline.vae), frames, cells(Predict(given=3)))
    with torch.no_grad():
        raw = pipeline.vae.encode(frames_to_pixels(frames[:3])).mean
    assert torch.allclose(seen[0][0, :3], (raw - 1.5) * 0.5, atol=1e-5)


# ---- Sizes -----------------------------------------------------------------------------------------------------------


def test_other_lengths_and_sizes_than_the_native_one(pipeline):
    clip = generate(pipeline, np.zeros((1, 16, 64, 3), np.uint8), cells(ImageToVideo(), 9, 2, 8))
    assert clip.frames.shape == (9, 16, 64, 3)


def test_any_size_comes_out_as_it_went_in(pipeline):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        height, width = rng.integers(16, 513, 2).tolist() if seed else (17, 250)
        frames = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
        mask = torch.zeros(2, height, width, dtype=torch.bool)
        mask[1, : height // 2, width // 3 :] = True
        clip = generate(pipeline, frames, mask, sampling=dataclasses.replace(EVEN_DDIM, steps=1))
        assert clip.frames.shape == frames.shape
        assert (clip.frames[~mask.numpy()] == frames[~mask.numpy()]).all()
        assert clip.latents.shape[-2:] == (-(-height // 8), -(-width // 8))


def test_a_size_between_cells_is_that_of_the_padded_picture(pipeline):
    frames = np.random.default_rng(3).integers(0, 256, (3, 27, 37, 3), dtype=np.uint8)
    padded = np.pad(frames, ((0, 0), (0, 5), (0, 3), (0, 0)), mode="edge")
    mask = cells(Predict(given=1), 3, 4, 5)
    cut, whole = generate(pipeline, frames, mask), generate(pipeline, padded, mask)
    assert torch.equal(cut.latents, whole.latents)
    assert (cut.frames == whole.frames[:, :27, :37]).all()


def test_streams_take_clips_as_they_take_frames(pipeline, frames):
    clip, config = VideoClip(frames=frames, fps=8.0), GenerationConfig(seed=3, sampling=TWO_STEPS)
    for of_clip, of_frames, lengths in (
        (pipeline.extend, streaming.extend_frames, {"after": 2, "before": 1}),
        (pipeline.loop, streaming.loop_frames, {"between": 2}),
        (pipeline.slow_motion, streaming.slow_frames, {"every": 2}),
    ):
        made = of_clip(clip, **lengths, config=config)
        assert np.array_equal(
            np.stack(list(made)), np.stack(list(of_frames(pipeline, frames, **lengths, config=config)))
        )
    made = pipeline.connect(clip, frames, between=2, config=config)
    expected = streaming.connect_frames(pipeline, frames, frames, between=2, config=config)
    assert np.array_equal(np.stack(list(made)), np.stack(list(expected)))


# ---- Files, devices and what is refused ------------------------------------------------------------------------------


@pytest.fixture
def files(pipeline, tmp_path):
    paths = (tmp_path / "model.safetensors", tmp_path / "vae.safetensors")
    save_model(pipeline.model, pipeline.model.config, paths[0])
    save_vae(pipeline.vae, pipeline.vae.config, paths[1])
    return paths


def test_from_files_equals_the_parts(pipeline, frames, files):
    loaded = Pipeline.from_pretrained(*files, device="cpu")
    mask = cells(Predict(given=2))
    assert (generate(loaded, frames, mask).frames == generate(pipeline, frames, mask).frames).all()


def test_a_half_precision_model_keeps_the_given_and_its_vae_stays_whole(frames, files):
    for dtype in ("bfloat16", torch.bfloat16):
        half = Pipeline.from_pretrained(*files, device="cpu", dtype=dtype)
        assert half.model.pos_embed.dtype == torch.bfloat16
        assert next(half.vae.parameters()).dtype == torch.float32
        clip = generate(half, frames, cells(Predict(given=2)))
        assert (clip.frames[:2] == frames[:2]).all() and clip.latents.dtype == torch.float32


def test_what_does_not_fit_is_refused(pipeline):
    for shape, mask, words in (
        ((T, H, W, 3), torch.ones(T, 5, 5, dtype=torch.bool), "(6, 5, 5)"),
        ((T, H, W, 3), torch.ones(T, H, W), "float32"),
        ((T, 24, W, 3), torch.ones(T, 4, 6, dtype=torch.bool), "(T, 3, 6) of latent cells"),
        ((2, H, W, 3), torch.zeros(T, H, W, dtype=torch.bool), "beyond the 2"),
        ((T, H, W, 3), torch.ones(2, H, W, dtype=torch.bool), "6 frames for a mask of 2"),
        ((T, H, W), torch.ones(T, H, W, dtype=torch.bool), "(6, 32, 48)"),
    ):
        with pytest.raises(ValueError) as error:
            generate(pipeline, np.zeros(shape, np.uint8), mask)
        assert words in str(error.value)


def test_a_batch_of_other_clips_is_refused(pipeline, frames):
    mask = cells(Predict(given=2))
    for clips, message in (
        ([frames, frames[:, :, :40]], "got clips of 40x32, 48x32, expected one size"),
        ([frames, frames.astype(np.float32)], r"expected frames uint8 \(n, H, W, 3\), got float32"),
        ([], "got clips of no size"),
    ):
        with pytest.raises(ValueError, match=message):
            pipeline.generate_batch(clips, mask, seeds=[0] * len(clips))
    with pytest.raises(ValueError, match="got 1 seeds for 2 clips"):
        pipeline.generate_batch([frames, frames], mask, seeds=[0])


def test_impossible_options_are_refused(pipeline, frames):
    mask = cells(Predict(given=2))
    for options, message in (
        ({"seed": -1}, "got seed -1"),
        ({"seed": 2**64}, "got seed 18446744073709551616"),
        ({"sampling": SamplingConfig(steps=2000)}, "from 1 to 1000, got 2000"),
        ({"windows": WindowConfig(overlap=9)}, "windows of 6 frames that overlap by 9"),
    ):
        with pytest.raises(ValueError, match=message):
            generate(pipeline, frames, mask, **options)


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
