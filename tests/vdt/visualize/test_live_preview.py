"""Pictures of latents at every step: all frames, small, and in the colours that the latents mean."""

import numpy as np
import pytest
import torch

from vdt.checkpoints import CheckpointError, bundled, load_model, load_preview_decoder, load_vae
from vdt.config import DiffusionConfig
from vdt.diffusion import scale_latents
from vdt.media.frames import fit_frames
from vdt.media.video import read_frames
from vdt.visualize import live_preview
from vdt.visualize.latent_preview import PreviewProjection, grey_preview, read_preview
from vdt.visualize.live_preview import LivePreview, page_grid, picture_of


@pytest.fixture(scope="module")
def encoded():
    """Frames of a sample clip, and their latents, scaled as the bundled model sees them."""
    from pathlib import Path

    (path,) = sorted((Path(__file__).parents[3] / "samples/clips").glob("projectile*.mp4"))[:1]
    frames = fit_frames(np.stack(list(read_frames(path, max_frames=4))), (64, 64), "crop")
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        raw = load_vae(bundled("vae")).encode(pixels).mode()
    diffusion = load_model(bundled("vdt")).config.diffusion
    return frames, scale_latents(raw, diffusion), diffusion


def test_the_bundled_decoder_comes_close_to_the_frames(encoded):
    frames, latents, diffusion = encoded
    shown = LivePreview(read_preview(bundled("vdt"), 4), diffusion)(latents)
    assert shown.shape == frames.shape and shown.dtype == np.uint8
    error = lambda made: float(np.abs(made.astype(float) - frames).mean())  # noqa: E731
    cells = read_preview(bundled("vdt"), 4)(latents).repeat(8, 1).repeat(8, 2)
    assert error(shown) < 8 and error(shown) < 0.6 * error(cells)


def test_latents_of_another_vae_are_shown_by_their_own_projection():
    """Its colours contradict the decoder's: of two pictures the one that the model's file vouches for is shown."""
    projection = PreviewProjection(weight=((0.9, -0.9, 0.9),) * 4, bias=(0.8, -0.8, 0.8))
    latents = torch.full((3, 4, 4, 6), 0.2)
    shown = LivePreview(projection, DiffusionConfig())(latents)
    assert shown.shape == (3, 32, 48, 3) and np.array_equal(shown[0, 0, 0], projection(latents)[0, 0, 0])
    assert LivePreview(grey_preview(16), DiffusionConfig())(torch.zeros(2, 16, 4, 4)).shape == (2, 32, 32, 3)


def test_a_missing_or_damaged_decoder_stops_nothing(monkeypatch, tmp_path):
    path = tmp_path / "preview.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_preview_decoder(path)
    with pytest.raises(CheckpointError, match="holds no decoder of previews"):
        load_preview_decoder(bundled("vdt"))
    monkeypatch.setattr(live_preview, "load_preview_decoder", lambda: load_preview_decoder(path))
    live_preview._bundled_decoder.cache_clear()
    try:
        assert LivePreview(grey_preview(4), DiffusionConfig())(torch.zeros(2, 4, 4, 4)).shape == (2, 32, 32, 3)
    finally:
        live_preview._bundled_decoder.cache_clear()


def test_frames_that_are_as_before_are_not_decoded_again(encoded, monkeypatch):
    _, latents, diffusion = encoded
    preview, decoded = LivePreview(read_preview(bundled("vdt"), 4), diffusion), []
    first = preview(latents).copy()
    decode = preview._decode
    monkeypatch.setattr(preview, "_decode", lambda *given: decoded.append(len(given[1])) or decode(*given))
    changed = latents.clone()
    changed[2] += 0.5
    second = preview(changed)
    assert decoded == [1] and np.array_equal(second[[0, 1, 3]], first[[0, 1, 3]])
    assert not np.array_equal(second[2], first[2])
    fresh = LivePreview(read_preview(bundled("vdt"), 4), diffusion)(changed)
    assert np.abs(fresh.astype(int) - second).max() <= 1


def test_previews_stay_small_and_nan_stops_nothing(encoded):
    _, latents, diffusion = encoded
    projection = read_preview(bundled("vdt"), 4)
    long = LivePreview(projection, diffusion)(latents[:1].repeat(200, 1, 4, 4))
    assert long.shape == (200, 64, 64, 3)  # 200 frames of 256x256 would be 13 million pixels
    broken = LivePreview(projection, diffusion)(torch.full_like(latents, float("nan")))
    assert broken.shape == (4, 64, 64, 3)


def test_pages_hold_all_frames():
    for count, size in ((1, (64, 64)), (16, (64, 64)), (97, (480, 832)), (5000, (64, 64)), (3, (4096, 4096))):
        columns, rows = page_grid(count, size)
        assert columns >= 1 and rows >= 1
        assert columns == 1 or columns * size[1] <= live_preview.PAGE_SIDE
        assert rows == 1 or rows * size[0] <= live_preview.PAGE_SIDE
    picture = picture_of(np.zeros((7, 8, 8, 3), np.uint8), "")
    assert picture.size == (24, 24) and picture.info["comment"].startswith(b"vdt frames=7 columns=3")
