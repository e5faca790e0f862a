"""Previews: the fitted projection, where it is stored, and clips as one picture."""

import numpy as np
import pytest
import torch

from vdt.checkpoints import add_metadata, save_model
from vdt.visualize.latent_preview import (
    PREVIEW_KEY,
    PreviewProjection,
    fit_preview,
    frame_grid,
    grey_preview,
    preview_image,
    read_preview,
)


def test_the_fit_finds_the_projection_that_made_the_pixels():
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(6, 4, 8, 8, generator=generator)
    weight = torch.tensor([[0.1, -0.2, 0.3], [0.05, 0.1, 0.0], [-0.1, 0.2, 0.1], [0.0, 0.02, -0.07]])
    bias = torch.tensor([0.1, -0.1, 0.2])
    cells = torch.einsum("nchw,cd->ndhw", latents, weight) + bias[:, None, None]
    pixels = cells.repeat_interleave(8, 2).repeat_interleave(8, 3)
    fitted = fit_preview(latents, pixels)
    assert np.allclose(fitted.weight, weight, atol=2e-6) and np.allclose(fitted.bias, bias, atol=2e-6)
    frames = fitted(latents)
    expected = ((cells.clamp(-1, 1) + 1) * 127.5).movedim(1, -1).numpy()
    assert frames.shape == (6, 8, 8, 3) and np.abs(frames - expected).max() <= 0.51


def test_the_projection_travels_in_the_model_file(tmp_path, tiny_model):
    path = tmp_path / "model.safetensors"
    save_model(tiny_model, tiny_model.config, path)
    assert read_preview(path, 4) == grey_preview(4)
    fitted = PreviewProjection(weight=((0.1, 0.2, 0.3),) * 4, bias=(0.0, 0.5, 1.0))
    add_metadata(path, {PREVIEW_KEY: fitted.to_json()})
    assert read_preview(path, 4) == fitted
    assert read_preview(path, 16) == grey_preview(16)


def test_a_damaged_projection_is_grey_and_no_error():
    for text in ("", "{}", '{"weight": 3, "bias": []}', '{"weight": [[1, 2]], "bias": [0, 0, 0]}'):
        assert read_preview({PREVIEW_KEY: text}, 4) == grey_preview(4)
        with pytest.raises(ValueError, match="no preview projection"):
            PreviewProjection.from_json(text)


def test_grey_shows_the_first_channel_and_nan_as_grey():
    latents = torch.zeros(2, 4, 3, 5)
    latents[0, 0], latents[0, 1], latents[1] = 2.0, 9.0, float("nan")
    frames = grey_preview(4)(latents)
    assert (frames[0] == 255).all() and (frames[1] == 128).all()


def test_all_frames_are_in_the_grid_in_order():
    frames = np.stack([np.full((8, 8, 3), 10 * index + 5, np.uint8) for index in range(7)])
    grid = frame_grid(frames, side=24, gap=0)
    assert grid.shape == (24, 24, 3)  # 3 by 3, enlarged once
    assert grid[::8, ::8, 0].flatten().tolist() == [5, 15, 25, 35, 45, 55, 65, 0, 0]
    large = frame_grid(frames[:4], side=512, gap=2)
    assert large.shape == (2 * 256 + 2, 2 * 256 + 2, 3)


def test_a_preview_image_holds_every_frame():
    image = preview_image(grey_preview(4), torch.zeros(16, 4, 8, 8))
    assert image.size == (4 * 128 + 6, 4 * 128 + 6)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="expected latents"):
        grey_preview(4)(torch.zeros(2, 3, 8, 8))
    with pytest.raises(ValueError, match="not of the same frames"):
        fit_preview(torch.zeros(2, 4, 8, 8), torch.zeros(3, 3, 64, 64))
