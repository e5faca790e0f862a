"""Notes on nodes: pictures that the VAE does not know, and results in which nothing moves."""

import numpy as np
import pytest
import torch

SIZE = {"length": 4, "width": 64, "height": 64, "policy": "crop", "fps": 0.0, "start": 0.0}


@pytest.fixture
def said(pack, monkeypatch):
    """What nodes write on themselves."""
    texts = []
    monkeypatch.setattr(pack("nodes.host.compat"), "show_text", lambda node_id, text: texts.append(text))
    return texts


@pytest.fixture
def vae(pack):
    return pack("nodes.loaders").VDTLoadVAE.execute("bundled").result[0]


def test_encode_says_that_it_does_not_know_such_pictures(pack, vae):
    noise = torch.rand(4, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    encode = pack("nodes.latents").VDTEncode.execute
    plan, shown = encode(vae, **SIZE, images=noise).result[3], encode(vae, **SIZE, images=noise).ui
    (text,) = shown["text"]
    assert text.startswith(plan) and "unlike what the VAE has learned from" in text and "unlike" not in plan
    plain = torch.full((4, 64, 64, 3), 0.6)
    assert encode(vae, **SIZE, images=plain).ui["text"] == (encode(vae, **SIZE, images=plain).result[3],)


def test_decode_says_that_nothing_moves(pack, vae, said):
    latents = torch.zeros(1, 4, 8, 8).repeat(6, 1, 1, 1)
    mask = torch.ones(6, 64, 64)
    latent = {"samples": latents, "noise_mask": mask}
    decode = pack("nodes.latents").VDTDecode.execute
    decode(latent, vae)
    assert len(said) == 1 and "nothing moves in the generated frames" in said[0]
    said.clear()
    moving = {**latent, "samples": torch.from_numpy(np.random.default_rng(0).normal(size=(6, 4, 8, 8))).float()}
    decode(moving, vae)
    decode({"samples": latents}, vae)  # nothing says what was generated
    assert not said


def test_a_video_goes_before_images(pack, vae, tmp_path):
    from comfy_api.latest import InputImpl

    from vdt.media.video import write_video

    frames = np.full((4, 64, 64, 3), 90, np.uint8)
    write_video(tmp_path / "own.mp4", frames, 8)
    video, images = InputImpl.VideoFromFile(str(tmp_path / "own.mp4")), torch.full((4, 64, 64, 3), 0.9)
    output = pack("nodes.latents").VDTEncode.execute(vae, **SIZE, images=images, video=video)
    assert abs(output.result[1].mean() - 90 / 255) < 0.02
    assert "the video is the source, the images are not used" in output.ui["text"][0]
    with pytest.raises(ValueError, match="nothing to encode: connect images or a video"):
        pack("nodes.latents").VDTEncode.execute(vae, **SIZE)
