"""Saving: self-describing safetensors files, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from ..config import VAEConfig, VDTConfig
from ..media.files import save_tensors
from .header import FORMAT_VERSION, Kind, open_checkpoint
from .shards import save_pieces

Source = nn.Module | Mapping[str, Tensor]


def save_model(source: Source, config: VDTConfig, path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write a VDT, or its state dict in any dtype, as a self-describing safetensors file, whole or not at all."""
    _save(source, config, "vdt", Path(path), metadata)


def save_vae(source: Source, config: VAEConfig, path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write an autoencoder, or its state dict in any dtype, as `save_model` writes a VDT."""
    _save(source, config, "vae", Path(path), metadata)


def save_sharded(
    source: Source, config: VDTConfig | VAEConfig, folder: str | Path, metadata: dict[str, str] | None = None
) -> None:
    """Write a network, or its state dict in any dtype, as a folder of pieces below 16 MiB that `load_model` reads."""
    kind: Kind = "vdt" if isinstance(config, VDTConfig) else "vae"
    save_pieces(_state(source), Path(folder), {**(metadata or {}), **_header(config, kind)})


def add_metadata(path: str | Path, values: Mapping[str, str]) -> None:
    """Add entries to the header of a safetensors file, such as its metrics; the tensors stay as they are."""
    path = Path(path)
    with open_checkpoint(path) as file:
        # copies: Windows does not replace a file that is mapped
        tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 - not a dict
        metadata = dict(file.metadata() or {})
    save_tensors(tensors, path, {**metadata, **values})


def _save(source: Source, config: VDTConfig | VAEConfig, kind: Kind, path: Path, extra: dict[str, str] | None) -> None:
    save_tensors(_state(source), path, {**(extra or {}), **_header(config, kind)})


def _state(source: Source) -> Mapping[str, Tensor]:
    return source.state_dict() if isinstance(source, nn.Module) else source


def _header(config: VDTConfig | VAEConfig, kind: Kind) -> dict[str, str]:
    return {"format": "vdt", "format_version": FORMAT_VERSION, "kind": kind, "config": config.to_json()}
