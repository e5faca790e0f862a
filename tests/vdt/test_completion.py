"""The steps the nodes are made of: equal to the pipeline where both do the same, exact where they promise it."""

import numpy as np
import pytest
import torch

from vdt import masks
from vdt.completion import complete_latents, decode_frames, decode_onto, encode_frames, paste, pixels_to_paste
from vdt.diffusion import sample_latents, scale_latents, unscale_latents
from vdt.frames import to_pixels, to_uint8
from vdt.pipeline import Pipeline


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3)).astype(np.uint8)


def test_the_steps_make_the_clip_that_the_pipeline_makes(tiny_model, tiny_vae, frames):
    mask = masks.predict(6, 8, 8, given=4)
    whole = Pipeline(tiny_model, tiny_vae).generate(frames, mask, steps=3, seed=5)
    raw = encode_frames(tiny_vae, frames)
    made = complete_latents(tiny_model, raw, mask, seed=5, steps=3)
    assert torch.allclose(made[4:], whole.latents[4:], atol=1e-5)
    result = decode_onto(tiny_vae, made, frames, pixels_to_paste(made, torch.from_numpy(frames), mask))
    assert np.array_equal(result[:4], frames[:4])
    assert np.abs(result.astype(int) - whole.frames.astype(int)).max() <= 1


def test_repeated_frames_are_encoded_once(tiny_vae, frames):
    calls = []
    clip = np.concatenate([frames[:2], np.repeat(frames[2:3], 9, axis=0)])
    latents = encode_frames(tiny_vae, clip, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(3, 3)] and latents.shape == (11, 4, 8, 8)
    with torch.no_grad():
        each = torch.stack([tiny_vae.encode(to_pixels(frame[None])).mean[0] for frame in clip])
    assert torch.allclose(latents, each, atol=1e-4)
    assert torch.equal(latents[2], latents[10])


def test_frames_without_a_wanted_pixel_are_not_decoded(tiny_vae):
    latents = torch.randn(20, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    wanted = torch.zeros(20, 16, 16, dtype=torch.bool)
    wanted[::2, 3, 3] = True
    calls = []
    made = decode_frames(tiny_vae, latents, wanted, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(8, 10), (10, 10)] and not made[1::2].any()
    with torch.no_grad():
        assert np.array_equal(made[:2:2], to_uint8(tiny_vae.decode(latents[:1])))
    assert decode_frames(tiny_vae, latents)[1::2].any()


def test_large_pictures_are_encoded_and_decoded_in_tiles(tiny_vae, frames, monkeypatch):
    """Where one tile alone lies, the picture is what its tile is; everywhere it is finite and near the whole's."""
    monkeypatch.setattr("vdt.completion.VAE_TILE", 5)
    latents = encode_frames(tiny_vae, frames)  # 8 x 8 cells in 2 x 2 tiles of 5
    with torch.no_grad():
        corner = tiny_vae.encode(to_pixels(frames)[..., :40, :40]).mean
        shown = tiny_vae.decode(latents[..., 3:, 3:])
    assert latents.shape == (6, 4, 8, 8)
    torch.testing.assert_close(latents[..., :3, :3], corner[..., :3, :3], rtol=1e-5, atol=1e-5)
    decoded = decode_frames(tiny_vae, latents)
    assert decoded.shape == frames.shape
    assert np.abs(decoded[:, 40:, 40:].astype(int) - to_uint8(shown)[:, 16:, 16:]).max() <= 1


def test_frames_of_any_size_are_decoded_to_the_size_asked_for(tiny_vae):
    latents = torch.randn(2, 4, 3, 2, generator=torch.Generator().manual_seed(0))
    whole = decode_frames(tiny_vae, latents)
    assert np.array_equal(decode_frames(tiny_vae, latents, size=(19, 9)), whole[:, :19, :9])
    wanted = torch.ones(2, 17, 16, dtype=torch.bool)
    assert np.array_equal(decode_frames(tiny_vae, latents, wanted), whole[:, :17])
    assert encode_frames(tiny_vae, whole[:, :19, :9]).shape == latents.shape


def test_given_cells_come_back_bit_for_bit_in_any_precision(tiny_model):
    raw = torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(0)).half()
    mask = torch.zeros(1, 64, 64, dtype=torch.bool)
    mask[0, :20] = True  # pixels: cells 0 to 2 of every frame
    made = complete_latents(tiny_model, raw, mask, seed=1, steps=2)
    assert made.dtype == torch.float32
    assert torch.equal(made[:, :, 3:], raw.float()[:, :, 3:])
    assert not torch.isclose(made[:, :, :3], raw.float()[:, :, :3]).any(-1).all()


def test_what_the_mask_covers_may_hold_anything_and_no_mask_generates_all(tiny_model):
    raw = torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    mask = masks.predict(6, 8, 8, given=2)
    other = torch.where(mask[:, None], 7.0, raw)
    first, second = (complete_latents(tiny_model, x, mask, seed=2**64 - 1, steps=2) for x in (raw, other))
    assert torch.equal(first, second)
    config, generator = tiny_model.config.diffusion, torch.Generator().manual_seed(3)
    everything = torch.ones(1, 6, 8, 8, dtype=torch.bool)
    free = sample_latents(tiny_model, scale_latents(raw, config)[None], everything, generator=generator, steps=2)
    made = complete_latents(tiny_model, raw, None, seed=3, steps=2)
    assert torch.equal(made, unscale_latents(free[0], config))


@pytest.mark.parametrize(
    ("shape", "mask", "message"),
    [
        ((6, 16, 8, 8), None, r"the latent is .6, 16, 8, 8., expected .frames, 4, height, width."),
        ((1, 4, 6, 8, 8), None, "encode the clip with the VAE of this model"),
        ((6, 4, 8, 8), (5, 64, 64), "5 frames of 64x64, the clip is 6 frames of 8x8"),
        ((6, 4, 8, 8), (6, 56, 60), "6 frames of 60x56, the latent is 6 frames of 8x8 cells"),
    ],
)
def test_what_does_not_fit_is_said(tiny_model, shape, mask, message):
    given = None if mask is None else torch.ones(mask, dtype=torch.bool)
    with pytest.raises(ValueError, match=message):
        complete_latents(tiny_model, torch.zeros(shape), given, seed=0)


def test_images_of_another_clip_are_refused():
    message = "the images are 5 frames of 64x64, the latent decodes to 6 frames of 64x64"
    with pytest.raises(ValueError, match=message):
        pixels_to_paste(torch.zeros(6, 4, 8, 8), torch.zeros(5, 64, 64, 3), None)
    assert pixels_to_paste(torch.zeros(6, 4, 8, 8), torch.zeros(6, 57, 64, 3), None).shape == (6, 57, 64)


def test_pasting_keeps_the_images_bits_and_type():
    images = torch.rand(2, 16, 16, 3, generator=torch.Generator().manual_seed(0)).half()
    pixels = torch.zeros(2, 16, 16, dtype=torch.bool)
    pixels[1, 4:8] = True
    made = paste(torch.full((2, 16, 16, 3), 0.5), images, pixels)
    assert made.dtype == torch.float16
    assert torch.equal(made[~pixels], images[~pixels]) and (made[pixels] == 0.5).all()
