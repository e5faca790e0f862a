"""Raw and scaled latents: a round trip, one value or one per channel."""

import pytest
import torch

from vdt.config import DiffusionConfig
from vdt.diffusion import scale_latents, unscale_latents


def test_round_trip():
    raw = torch.randn(2, 3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    for config in (DiffusionConfig(), DiffusionConfig(latent_scale=(1.0, 2.0), latent_shift=(0.5, -1.0))):
        torch.testing.assert_close(unscale_latents(scale_latents(raw, config), config), raw)


def test_each_channel_has_its_own_scale_and_shift():
    config = DiffusionConfig(latent_scale=(1.0, 2.0), latent_shift=(0.5, -1.0))
    scaled = scale_latents(torch.ones(1, 1, 2, 1, 1), config)
    assert scaled.flatten().tolist() == [0.5, 4.0]


def test_latents_of_another_vae_are_refused():
    with pytest.raises(ValueError, match="scales latents of 2 channels, got 4"):
        scale_latents(torch.zeros(1, 1, 4, 1, 1), DiffusionConfig(latent_scale=(1.0, 2.0)))
