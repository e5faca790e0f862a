"""Checkpoint files: safetensors that say what they hold, the official PyTorch files, and foreign autoencoders.

Everything that names a checkpoint key or a metadata field lives here. Networks are built elsewhere.
"""

from .convert import ConversionReport, convert_official
from .header import CheckpointError, FileInfo, Kind
from .load import Bundled, bundled, describe, load_model, load_vae, sha256
from .save import add_metadata, save_model, save_vae

__all__ = [
    "Bundled",
    "CheckpointError",
    "ConversionReport",
    "FileInfo",
    "Kind",
    "add_metadata",
    "bundled",
    "convert_official",
    "describe",
    "load_model",
    "load_vae",
    "save_model",
    "save_vae",
    "sha256",
]
