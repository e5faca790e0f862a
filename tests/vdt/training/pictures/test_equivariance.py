"""Latents that change as pictures do: what a change is, what it costs an exact decoder, and what learning it brings."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vdt.config import FastVAEConfig, VAEConfig
from vdt.models.fast_autoencoder import FastAutoencoder
from vdt.models.frame_autoencoder import FrameAutoencoder
from vdt.models.initialisation import uniform_convolutions
from vdt.ranks import Ranks
from vdt.training.objectives import check_parts
from vdt.training.pictures.equivariance import CHANGES, Change, draw_change
from vdt.training.recipe import DataRecipe, OptimRecipe, VAERecipe
from vdt.training.vae_objective import VAEObjective


class Mosaic(FrameAutoencoder):
    """Latents are the mean colours of cells, pictures repeat them: mirroring either is mirroring both."""

    def __init__(self):
        super().__init__()
        self.config = VAEConfig(ch=32, ch_mult=(1, 1), num_res_blocks=1, z_channels=3)

    def moments(self, pixels):
        mean = F.avg_pool2d(pixels, 2)
        return mean, torch.full_like(mean, -30.0)

    def pictures(self, latents):
        return latents.repeat_interleave(2, 2).repeat_interleave(2, 3)


def objective(module, frames, **settings):
    recipe = VAERecipe(data=DataRecipe(clips=len(frames)), optim=OptimRecipe(batch=4), **settings)
    return VAEObjective(module, frames, recipe, frames)


def test_changes_keep_whole_cells_and_pictures_fit_their_latents():
    generator = torch.Generator().manual_seed(0)
    for rows, columns in ((8, 8), (5, 3), (1, 1)):
        latents, pictures = torch.randn(2, 4, rows, columns), torch.randn(2, 3, 8 * rows, 8 * columns)
        for change in CHANGES:
            small, picture = change(latents), change(pictures, 8)
            assert picture.shape[2:] == (8 * small.shape[2], 8 * small.shape[3])
            assert small.shape[2] == max(1, int(rows * change.scale))
    mirrored = Change(mirror=True)(latents)
    assert torch.equal(mirrored, latents.flip(3))
    assert {draw_change(generator) for _ in range(50)} == set(CHANGES)


def test_an_autoencoder_that_follows_changes_pays_nothing_for_them():
    """Frames of one colour each come back exactly, mirrored and smaller, too."""
    colours = np.random.default_rng(0).integers(0, 256, (6, 4, 1, 1, 3), np.uint8)
    frames = np.broadcast_to(colours, (6, 4, 16, 16, 3)).copy()
    learns = objective(Mosaic(), frames, equivariance=0.5, kl=0.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(12):
        loss = learns.score(learns.draw(4, generator, torch.device("cpu")))
        assert loss.total.item() < 1e-5 and loss.scalars["psnr_changed"] > 60


def test_a_share_of_the_batch_is_changed_and_the_rest_counts_as_before():
    frames = np.random.default_rng(1).integers(0, 256, (6, 4, 16, 16, 3), np.uint8)
    learns = objective(Mosaic(), frames, equivariance=0.5, kl=0.0)
    (samples,) = learns.draw(4, torch.Generator().manual_seed(2), torch.device("cpu"))
    plain = objective(Mosaic(), frames, kl=0.0)
    halves = [plain.score([type(samples)(**{**vars(samples.part(k, 2)), "change": None})]).total for k in range(2)]
    mirrored = type(samples)(**{**vars(samples), "change": Change(mirror=True)})
    assert learns.score([mirrored]).total.item() == pytest.approx(sum(halves).item() / 2, rel=1e-5)


def test_learning_it_brings_mirrored_latents_nearer_to_mirrored_pictures():
    frames = np.zeros((8, 4, 32, 32, 3), np.uint8)
    for clip in range(8):  # a bright bar that stands somewhere else in every clip
        frames[clip, :, :, 4 * clip : 4 * clip + 4] = (255, 30 * clip, 90)

    def error(share):
        module = FastAutoencoder(FastVAEConfig(widths=(16, 32), encoder_blocks=(1, 1), decoder_blocks=(1, 1)))
        uniform_convolutions(module, torch.Generator().manual_seed(0))
        learns = objective(module, frames, equivariance=share)
        optimizer = torch.optim.Adam(module.parameters(), 2e-3)
        generator = torch.Generator().manual_seed(0)
        for _ in range(60):
            optimizer.zero_grad()
            learns.score(learns.draw(4, generator, torch.device("cpu"))).total.backward()
            optimizer.step()
        pixels = torch.from_numpy(frames[:, 0]).permute(0, 3, 1, 2) / 127.5 - 1
        with torch.no_grad():
            made = module.decode(module.encode(pixels).mean.flip(3))
        return (made - pixels.flip(3)).abs().mean().item()

    assert error(0.5) < 0.8 * error(0.0)


def test_settings_that_would_do_nothing_are_refused():
    with pytest.raises(ValueError, match="equivariance changes what latents are"):
        VAERecipe(equivariance=0.5, decoder_only=True)
    recipe = VAERecipe(equivariance=0.5, optim=OptimRecipe(batch=4, accumulate=2))
    check_parts(recipe, Ranks(rank=0, world=1))
    with pytest.raises(ValueError, match="is not one of 1 frames: raise it, or batch"):
        check_parts(recipe, Ranks(rank=1, world=2))
