"""VDT: one masked video diffusion transformer that predicts, interpolates and completes clips (arXiv 2305.13311).

The whole of it in a few lines:

    pipe = vdt.Pipeline.from_pretrained()
    clip = vdt.read_video("clip.mp4", size=64, frames=16)
    out = pipe(clip, vdt.masks.predict(clip, given=8), seed=0)
    vdt.write_video("out.mp4", out.frames, fps=clip.fps)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import masks
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
)
from .config import VAE_CONFIGS, VDT_CONFIGS, DiffusionConfig, FastVAEConfig, VAEConfig, VDTConfig
from .diffusion import FAST, SamplingConfig, sample_latents
from .inference.pipeline import GeneratedClip, Pipeline
from .inference.settings import CompositingConfig, GenerationConfig, WindowConfig
from .media import Sound, VideoClip, VideoError, read_frames, read_video, write_video
from .models import VDT, AutoencoderKL, Conditioning, FastAutoencoder, FrameAutoencoder, Posterior

if TYPE_CHECKING:
    from .training import TrainResult

__version__ = "0.1.0"

__all__ = [
    "FAST",
    "VAE_CONFIGS",
    "VDT",
    "VDT_CONFIGS",
    "AutoencoderKL",
    "CheckpointError",
    "CompositingConfig",
    "Conditioning",
    "ConversionReport",
    "DiffusionConfig",
    "FastAutoencoder",
    "FastVAEConfig",
    "FileInfo",
    "FrameAutoencoder",
    "GeneratedClip",
    "GenerationConfig",
    "Pipeline",
    "Posterior",
    "SamplingConfig",
    "Sound",
    "VAEConfig",
    "VDTConfig",
    "VideoClip",
    "VideoError",
    "WindowConfig",
    "add_metadata",
    "bundled",
    "convert_official",
    "describe",
    "load_model",
    "load_vae",
    "masks",
    "read_frames",
    "read_video",
    "sample_latents",
    "save_model",
    "save_vae",
    "train",
    "write_video",
]


def train(
    recipe: str | Path,
    *,
    output: Path | None = None,
    device: str = "cpu",
    resume: bool = True,
    changed: bool = False,
    progress: bool = True,
) -> TrainResult:
    """Train what a recipe describes; see `vdt.training.train_from_recipe`, which is imported here when it is needed."""
    from .training import train_from_recipe

    return train_from_recipe(recipe, output=output, device=device, resume=resume, changed=changed, progress=progress)
