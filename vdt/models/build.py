"""The frame autoencoder that a configuration describes."""

from __future__ import annotations

from ..config import FastVAEConfig, VAEConfig
from .autoencoder import AutoencoderKL
from .fast_autoencoder import FastAutoencoder
from .frame_autoencoder import FrameAutoencoder


def build_autoencoder(config: VAEConfig | FastVAEConfig) -> FrameAutoencoder:
    """An autoencoder with fresh weights; ValueError for a configuration that cannot be built."""
    return FastAutoencoder(config) if isinstance(config, FastVAEConfig) else AutoencoderKL(config)
