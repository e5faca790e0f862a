"""The networks: the video transformer with its parts, the frame autoencoder, and the step cache around a transformer.

Everything that owns parameters lives here. Noise schedules, masks of tasks and files never do.
"""

from .autoencoder import AutoencoderKL, Posterior
from .conditioning import Conditioning
from .step_cache import CachedModel
from .transformer import VDT

__all__ = ["VDT", "AutoencoderKL", "CachedModel", "Conditioning", "Posterior"]
