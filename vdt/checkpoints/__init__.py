"""Checkpoint files: safetensors that say what they hold, the official PyTorch files, and foreign autoencoders.

Everything that names a checkpoint key or a metadata field lives here. Networks are built elsewhere.
"""

from .convert import ConversionReport, change_dtype, convert_official, is_own
from .dit_keys import graft_dit, is_dit
from .header import CheckpointError, FileInfo, Kind
from .load import Bundled, bundled, describe, load_model, load_vae, sha256
from .preview import load_preview_decoder
from .save import StoredDType, add_metadata, save_model, save_sharded, save_vae

__all__ = [
    "Bundled",
    "CheckpointError",
    "ConversionReport",
    "FileInfo",
    "Kind",
    "StoredDType",
    "add_metadata",
    "bundled",
    "change_dtype",
    "convert_official",
    "describe",
    "graft_dit",
    "is_dit",
    "is_own",
    "load_model",
    "load_preview_decoder",
    "load_vae",
    "save_model",
    "save_sharded",
    "save_vae",
    "sha256",
]
