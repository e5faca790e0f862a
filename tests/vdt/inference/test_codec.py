"""Frames to raw latents and back: any size, in chunks and tiles, and nothing encoded twice."""

import numpy as np
import pytest
import torch

from vdt.inference.codec import AutoencoderCodec
from vdt.media.frames import frames_to_pixels, pixels_to_frames


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3)).astype(np.uint8)


@pytest.fixture
def codec(tiny_vae):
    return AutoencoderCodec(tiny_vae)


def latents(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_its_numbers_are_those_of_the_autoencoder(codec):
    assert (codec.downscale, codec.channels) == (8, 4)


def test_encoding_is_the_mean_of_the_posterior(codec, frames):
    made = codec.encode(frames)
    with torch.no_grad():
        expected = codec.vae.encode(frames_to_pixels(frames)).mean
    assert made.dtype == torch.float32 and not made.requires_grad
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)


def test_repeated_frames_are_encoded_once(codec, frames):
    calls = []
    clip = np.concatenate([frames[:2], np.repeat(frames[2:3], 9, axis=0)])
    made = codec.encode(clip, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(3, 3)] and made.shape == (11, 4, 8, 8)
    with torch.no_grad():
        each = torch.stack([codec.vae.encode(frames_to_pixels(frame[None])).mean[0] for frame in clip])
    assert torch.allclose(made, each, atol=1e-4)
    assert torch.equal(made[2], made[10])


def test_progress_is_told_after_every_chunk_and_may_stop_the_work(codec, frames):
    calls = []
    codec.encode(np.concatenate([frames, frames, frames]), progress=lambda *numbers: calls.append(numbers))
    assert calls == [(8, 18), (16, 18), (18, 18)]

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        codec.encode(frames, progress=stop)


def test_large_pictures_are_encoded_and_decoded_in_tiles(codec, frames, monkeypatch):
    """Where one tile alone lies, the picture is what its tile is."""
    monkeypatch.setattr("vdt.inference.codec.VAE_TILE", 5)
    made = codec.encode(frames)  # 8 x 8 cells in 2 x 2 tiles of 5
    with torch.no_grad():
        corner = codec.vae.encode(frames_to_pixels(frames)[..., :40, :40]).mean
        shown = codec.vae.decode(made[..., 3:, 3:])
    assert made.shape == (6, 4, 8, 8) and torch.isfinite(made).all()
    torch.testing.assert_close(made[..., :3, :3], corner[..., :3, :3], rtol=1e-5, atol=1e-5)
    decoded = codec.decode(made, (64, 64))
    assert decoded.shape == frames.shape
    assert np.abs(decoded[:, 40:, 40:].astype(int) - pixels_to_frames(shown)[:, 16:, 16:]).max() <= 1


def test_frames_of_any_size_are_decoded_to_the_size_asked_for(codec):
    raw = latents(2, 4, 3, 2)
    whole = codec.decode(raw, (24, 16))
    with torch.no_grad():
        assert np.array_equal(whole, pixels_to_frames(codec.vae.decode(raw)))
    for height, width in ((19, 9), (17, 16), (24, 16)):
        assert np.array_equal(codec.decode(raw, (height, width)), whole[:, :height, :width])
        assert codec.encode(whole[:, :height, :width]).shape == raw.shape


def test_a_frame_is_decoded_alike_in_any_chunk(codec):
    raw = latents(20, 4, 2, 2)
    together = codec.decode(raw, (16, 16)).astype(int)
    alone = np.concatenate([codec.decode(each[None], (16, 16)) for each in raw])
    assert np.abs(together - alone).max() <= 1


def test_values_that_are_not_finite_are_refused(codec):
    raw = latents(2, 4, 2, 2)
    raw[1, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        codec.decode(raw, (16, 16))
