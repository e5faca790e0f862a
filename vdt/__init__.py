"""VDT: one masked video diffusion transformer that predicts, interpolates and completes clips (arXiv 2305.13311)."""

from .autoencoder import AutoencoderKL, Posterior
from .checkpoints import (
    CheckpointError,
    ConversionReport,
    FileInfo,
    add_metadata,
    bundled,
    convert_official,
    describe,
    load_model,
    load_vae,
    save_model,
    save_vae,
    sha256,
)
from .config import VAE_CONFIGS, VDT_CONFIGS, DiffusionConfig, VAEConfig, VDTConfig
from .model import VDT, build_model

__version__ = "0.1.0"

__all__ = [
    "VAE_CONFIGS",
    "VDT",
    "VDT_CONFIGS",
    "AutoencoderKL",
    "CheckpointError",
    "ConversionReport",
    "DiffusionConfig",
    "FileInfo",
    "Posterior",
    "VAEConfig",
    "VDTConfig",
    "add_metadata",
    "build_model",
    "bundled",
    "convert_official",
    "describe",
    "load_model",
    "load_vae",
    "save_model",
    "save_vae",
    "sha256",
]
