"""Encoded clips are kept for as long as the encoder and the clips stay."""

import copy

import numpy as np
import torch

from vdt.training.data.latent_cache import encode_clips, encoder_key


def test_only_the_encoder_decides_whether_latents_are_still_good(tiny_vae):
    key = encoder_key(tiny_vae)
    other = copy.deepcopy(tiny_vae)
    with torch.no_grad():
        next(other.decoder.parameters()).add_(1)
        other.post_quant_conv.weight.add_(1)
    assert encoder_key(other) == key
    with torch.no_grad():
        other.quant_conv.bias[0] += 1e-3
    assert encoder_key(other) != key


def test_clips_are_encoded_once_and_read_after_that(tiny_vae, tmp_path, monkeypatch):
    clips = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16, 3), np.uint8)
    options = {"cache": tmp_path, "key": "one", "device": torch.device("cpu"), "progress": False}
    made = encode_clips(tiny_vae, [clips, clips[:, :, :, ::-1]], **options)
    assert made.shape[:2] == (4, 3) and made.dtype == torch.float16
    assert not torch.equal(made[:2], made[2:])  # the mirror images are clips of their own
    monkeypatch.setattr(type(tiny_vae), "encode_video", None)
    assert torch.equal(encode_clips(tiny_vae, [clips], **options), made)
