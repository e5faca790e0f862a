"""The small autoencoder: its shapes, its cost beside the one that it copies, its files, and how it learns."""

from __future__ import annotations

from itertools import islice, product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.utils.flop_counter import FlopCounterMode

from vdt.checkpoints import CheckpointError, bundled, change_dtype, describe, load_vae, save_vae
from vdt.config import FAST_VAE_CONFIGS, VAE_CONFIGS, FastVAEConfig
from vdt.inference.codec import AutoencoderCodec
from vdt.media import read_frames
from vdt.media.frames import fit_frames
from vdt.models.autoencoder import AutoencoderKL
from vdt.models.build import build_autoencoder
from vdt.models.fast_autoencoder import FastAutoencoder
from vdt.models.frame_autoencoder import FrameAutoencoder
from vdt.training.recipe import VAERecipe
from vdt.training.vae_objective import FrameSamples, VAECopyObjective

CLIP = Path(__file__).parents[3] / "samples/clips/projectile.mp4"
SMALL = FastVAEConfig(widths=(4, 6, 8), encoder_blocks=(0, 1, 1), decoder_blocks=(1, 0, 2))


def pixels(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def fresh(config: FastVAEConfig = SMALL) -> FastAutoencoder:
    torch.manual_seed(0)
    return FastAutoencoder(config).eval().requires_grad_(False)


def test_pictures_of_any_whole_cells_there_and_back() -> None:
    vae = fresh()
    posterior = vae.encode(pixels(2, 3, 16, 40))
    assert posterior.mean.shape == (2, 4, 2, 5)
    assert posterior.logvar.exp().max() < 1e-12  # no spread
    assert vae.decode(posterior.mean).shape == (2, 3, 16, 40)
    with pytest.raises(ValueError, match=r"20x16.*multiples of 8"):
        vae.encode(pixels(1, 3, 20, 16))
    assert FastAutoencoder(FastVAEConfig(widths=(4,), encoder_blocks=(0,), decoder_blocks=(1,))).config.downscale == 2


def test_a_cell_sees_its_neighbourhood_alone() -> None:
    """Convolutions without norms or attention: a far change of the picture does not reach a cell."""
    vae, picture = fresh(), pixels(1, 3, 16, 256)
    changed = picture.clone()
    changed[..., -8:] = 1
    before, after = vae.encode(picture).mean, vae.encode(changed).mean
    assert torch.equal(before[..., :16], after[..., :16])
    assert not torch.equal(before[..., -1], after[..., -1])


def test_it_costs_a_quarter_of_the_one_it_copies() -> None:
    def cost(vae: FrameAutoencoder) -> int:
        with FlopCounterMode(display=False) as counter:
            vae.decode(vae.encode(torch.zeros(1, 3, 64, 64, device="meta")).mean)
        return counter.get_total_flops()

    with torch.device("meta"):
        ours, other = build_autoencoder(FAST_VAE_CONFIGS["fast"]), build_autoencoder(VAE_CONFIGS["small"])
    assert 4 * cost(ours) < cost(other)


def test_files(tmp_path: Path) -> None:
    vae, path = fresh(), tmp_path / "fast.safetensors"
    save_vae(vae, SMALL, path)
    loaded = load_vae(path)
    assert describe(path).kind == "vae"
    assert loaded.config == SMALL
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in vae.state_dict().items())


def test_a_file_is_written_in_another_precision(tmp_path: Path) -> None:
    path, other = tmp_path / "fast.safetensors", tmp_path / "other.safetensors"
    save_vae(fresh(), SMALL, path)
    assert change_dtype(path, other, "int8").config == SMALL
    picture = pixels(1, 3, 16, 16)
    torch.testing.assert_close(
        load_vae(other).encode(picture).mean, load_vae(path).encode(picture).mean, atol=0.01, rtol=0
    )


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"decoder_blocks": (1, 0, 1000)}, r"decoder_blocks 1001, its weights have 3"),
        ({"widths": (4, 6, 16)}, "another architecture"),
    ],
)
def test_a_file_that_states_another_size_is_refused(
    tmp_path: Path, stated: dict[str, tuple[int, ...]], message: str
) -> None:
    path = tmp_path / "fast.safetensors"
    save_vae(fresh(), FastVAEConfig(**{**SMALL.to_dict(), **stated}), path)
    with pytest.raises(CheckpointError, match=message):
        load_vae(path)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="encoder_blocks must be one number for each of 3 widths"):
        FastVAEConfig(encoder_blocks=(1, 1))
    with pytest.raises(ValueError, match="widths must be a list of 1 to"):
        FastVAEConfig(widths=(), encoder_blocks=(), decoder_blocks=())
    with pytest.raises(ValueError, match=r'learns the latents of another: set teacher .* "bundled"'):
        VAERecipe(model=FastVAEConfig())


def copying(module: FrameAutoencoder) -> tuple[VAECopyObjective, AutoencoderKL, FrameSamples]:
    torch.manual_seed(1)
    teacher = AutoencoderKL(VAE_CONFIGS["tiny"])
    frames = torch.randint(256, (2, 16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    recipe = VAERecipe(model=VAE_CONFIGS["tiny"], teacher="bundled")
    clips = frames[None].numpy()
    samples = FrameSamples(frames=frames, still=frames.float(), noise=torch.zeros(2, 4, 2, 2))
    return VAECopyObjective(module, teacher, clips, recipe, clips), teacher, samples


def test_the_encoder_learns_the_divergence_of_two_posteriors() -> None:
    """Against torch.distributions: two normals of the teacher's deviation, one around each mean."""
    module = fresh()
    objective, teacher, samples = copying(module)
    apart = objective.score([samples]).scalars["apart"]
    own = module.encode(levels(samples)).mean
    posterior = teacher.encode(levels(samples))
    deviation = (0.5 * posterior.logvar).exp()
    expected = kl_divergence(Normal(own, deviation), Normal(posterior.mean, deviation)).mean()
    torch.testing.assert_close(apart, expected)


def test_a_perfect_copy_is_not_apart_and_the_teacher_does_not_learn() -> None:
    torch.manual_seed(1)
    module = AutoencoderKL(VAE_CONFIGS["tiny"])
    objective, teacher, samples = copying(module)
    loss = objective.score([samples])
    assert loss.scalars["apart"] == 0
    loss.total.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(parameter.grad is not None for parameter in module.decoder.parameters())


def test_a_teacher_of_other_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="8 pixels a cell, the model of the recipe 4 and 4"):
        copying(FastAutoencoder(FastVAEConfig(widths=(4, 4), encoder_blocks=(0, 0), decoder_blocks=(0, 0))))


def levels(samples: FrameSamples) -> Tensor:
    return samples.frames.permute(0, 3, 1, 2) / 127.5 - 1


def test_the_bundled_copy_speaks_the_latents_of_the_bundled_vae() -> None:
    """Each decodes what the other has encoded, a little worse than its own."""
    frames = fit_frames(np.stack(list(islice(read_frames(CLIP), 4))), (64, 64), "crop")
    whole, small = AutoencoderCodec(load_vae(bundled("vae"))), AutoencoderCodec(load_vae(bundled("vae-fast")))
    for encoder, decoder in product((whole, small), (whole, small)):
        made = decoder.decode(encoder.encode(frames), (64, 64))
        assert np.abs(made.astype(int) - frames).mean() < 6, "8-bit levels"
    apart = (small.encode(frames) - whole.encode(frames)).square().mean().sqrt()
    assert apart < 0.2 * whole.encode(frames).std()
