"""A small autoencoder in nodes: stock nodes make of it what ours do."""

import pytest
import torch

from vdt.checkpoints import save_vae
from vdt.config import FastVAEConfig
from vdt.models.fast_autoencoder import FastAutoencoder


@pytest.fixture
def vae(folders, pack):
    config = FastVAEConfig(widths=(4, 6, 8), encoder_blocks=(0, 0, 1), decoder_blocks=(0, 0, 1))
    torch.manual_seed(0)
    save_vae(FastAutoencoder(config), config, folders.models / "vae" / "fast.safetensors")
    return pack("nodes.loaders").VDTLoadVAE.execute("fast.safetensors").result[0]


def test_stock_nodes_encode_and_decode_as_ours_do(pack, vae, images):
    vaes = pack("nodes.host.vae")
    frames = (images * 255).round().byte().numpy()
    codec = vaes.codec_of(vae)
    latents = codec.encode(frames)
    assert latents.shape == (6, 4, 8, 8)
    assert torch.equal(vae.encode(images), latents)
    pictures = (vae.decode(latents) * 255).round().byte().numpy()
    assert (pictures == codec.decode(latents, (64, 64))).all()


def test_it_is_told_from_its_file_and_can_be_made_again(vae):
    factory, arguments = vae.patcher.cached_patcher_init
    again = factory(*arguments)
    assert all(map(torch.equal, vae.patcher.model.parameters(), again.model.parameters()))
    assert vae.patcher.model.vae.config.downscale == vae.downscale_ratio == 8
