"""The networks: the video transformer with its parts, the frame autoencoder, and the step cache around a transformer.

Everything that owns parameters lives here. Noise schedules, masks of tasks and files never do.
"""

from .autoencoder import AutoencoderKL
from .conditioning import Conditioning
from .fast_autoencoder import FastAutoencoder
from .frame_autoencoder import FrameAutoencoder, Posterior
from .step_cache import CachedModel
from .transformer import VDT

__all__ = [
    "VDT",
    "AutoencoderKL",
    "CachedModel",
    "Conditioning",
    "FastAutoencoder",
    "FrameAutoencoder",
    "Posterior",
]
