"""Saving: self-describing safetensors files, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from torch import Tensor, nn

from ..bounds import shown
from ..config import FastVAEConfig, VAEConfig, VDTConfig
from ..media.files import save_tensors
from .header import CONFIGS, FORMAT_VERSION, INT8_VERSION, Config, open_stored
from .int8 import as_half, encode
from .shards import save_pieces

Source = nn.Module | Mapping[str, Tensor]
StoredDType = Literal["float32", "float16", "int8"]


def save_model(
    source: Source,
    config: VDTConfig,
    path: str | Path,
    metadata: dict[str, str] | None = None,
    *,
    dtype: StoredDType | None = None,
) -> None:
    """Write a VDT, or its state dict in any dtype, as a self-describing safetensors file, whole or not at all.

    Args:
        source: the network, or its state dict.
        config: of the network.
        path: the file.
        metadata: more entries for its header.
        dtype: None stores weights as they are. "int8" stores matrices with one scale for each row, a quarter of
            float32, and all else as "float16"; `load_model` reads float32 of all of them.
    """
    _save(source, config, Path(path), metadata, dtype)


def save_vae(
    source: Source,
    config: VAEConfig | FastVAEConfig,
    path: str | Path,
    metadata: dict[str, str] | None = None,
    *,
    dtype: StoredDType | None = None,
) -> None:
    """Write an autoencoder, or its state dict in any dtype, as `save_model` writes a VDT."""
    _save(source, config, Path(path), metadata, dtype)


def save_sharded(
    source: Source,
    config: Config,
    folder: str | Path,
    metadata: dict[str, str] | None = None,
    *,
    dtype: StoredDType | None = None,
) -> None:
    """Write a network, as `save_model` does, as a folder of pieces below 16 MiB that `load_model` reads."""
    save_pieces(_stored(source, dtype), Path(folder), {**(metadata or {}), **_header(config, dtype)})


def add_metadata(path: str | Path, values: Mapping[str, str]) -> None:
    """Add entries to the header of a safetensors file, such as its metrics; the tensors stay as they are."""
    path = Path(path)
    with open_stored(path) as file:
        # copies: Windows does not replace a file that is mapped
        tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 - not a dict
        metadata = dict(file.metadata() or {})
    save_tensors(tensors, path, {**metadata, **values})


def _save(
    source: Source,
    config: Config,
    path: Path,
    extra: dict[str, str] | None,
    dtype: StoredDType | None,
) -> None:
    save_tensors(_stored(source, dtype), path, {**(extra or {}), **_header(config, dtype)})


def _stored(source: Source, dtype: StoredDType | None) -> Mapping[str, Tensor]:
    """The weights as they will lie in a file."""
    state = source.state_dict() if isinstance(source, nn.Module) else source
    if dtype is None:
        return state
    if dtype not in get_args(StoredDType):
        raise ValueError(f"dtype must be {' or '.join(map(repr, get_args(StoredDType)))}, got {shown(dtype)}")
    if dtype == "int8":
        return encode(state)
    return {name: as_half(value) if dtype == "float16" else value.float() for name, value in state.items()}


def _header(config: Config, dtype: StoredDType | None) -> dict[str, str]:
    kind = next(name for name, each in CONFIGS.items() if isinstance(config, each))
    version = INT8_VERSION if dtype == "int8" else FORMAT_VERSION
    return {"format": "vdt", "format_version": version, "kind": kind, "config": config.to_json()}
