"""What a checkpoint file says of itself: its kind, configuration and shapes, and every way in which it cannot."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..bounds import shown
from ..config import FastVAEConfig, VAEConfig, VDTConfig
from .int8 import Int8Error, Int8File
from .official_keys import FIRST_KEY, first_keys
from .shards import IndexFileError, find_index, open_sharded
from .wrappers import plain_names

Kind = Literal["vdt", "vae"]
FoundKind = Literal["vdt", "vae", "unmarked", "unknown"]  # unmarked: VDT weights without our metadata
State = dict[str, Tensor]

FORMAT_VERSION = "1"
INT8_VERSION = "1-int8"  # the same with weights as int8, see `int8`; versions that cannot read it say so
Config = VDTConfig | VAEConfig | FastVAEConfig
CONFIGS: dict[str, type[Config]] = {"vdt": VDTConfig, "vae": VAEConfig, "fast_vae": FastVAEConfig}
KINDS: dict[str, Kind] = {"vdt": "vdt", "vae": "vae", "fast_vae": "vae"}  # what the header says, and what it stands for
PICKLES = (".pt", ".pth", ".ckpt", ".bin")


class CheckpointError(ValueError):
    """A checkpoint file that cannot be used, with one sentence that says why."""


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """What a safetensors file holds; `config` is None for files that are neither a VDT nor a VAE."""

    path: Path
    kind: FoundKind
    config: Config | None
    parameters: int  # without the position tables
    dtype: str
    metadata: dict[str, str]
    sha256: str
    size_bytes: int
    num_tensors: int


def check_exists(path: Path) -> None:
    """Raise CheckpointError unless a file is there."""
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, expected a checkpoint file")
    if not path.exists():
        raise CheckpointError(f"no such file: {path}")


@contextlib.contextmanager
def open_checkpoint(path: Path) -> Iterator[Any]:
    """A safetensors file, open for reading, see `open_stored`; weights that are stored as int8 are read as float32."""
    with open_stored(path) as file:
        metadata = file.metadata() or {}
        quantized = metadata.get("format") == "vdt" and metadata.get("format_version") == INT8_VERSION
        try:
            yield Int8File(file) if quantized else file
        except Int8Error as error:
            raise CheckpointError(f"{path} {error}: get it again") from error


@contextlib.contextmanager
def open_stored(path: Path) -> Iterator[Any]:
    """A safetensors file with its tensors as they are stored; every way in which it cannot be one is a CheckpointError.

    A folder with an index, or the index itself, is read like one file.
    """
    index = find_index(path)
    if index is None:
        check_exists(path)
    if path.suffix.lower() in PICKLES:
        raise CheckpointError(
            f"{path} is a pickle, which can run code when opened: an official VDT file is converted once with "
            f"`vdt convert {path} {path.with_suffix('.safetensors')}`; get a VAE as .safetensors"
        )
    try:
        with open_sharded(index) if index is not None else safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, IndexFileError) as error:
        raise CheckpointError(f"{path} is not a safetensors file, or is cut short ({error}): get it again") from error


def file_kind(file: Any) -> FoundKind:
    """What the header says, else what the key names of other people's files say."""
    metadata = file.metadata() or {}
    if metadata.get("format") == "vdt":
        return KINDS.get(metadata.get("kind", ""), "unknown")
    keys = set(plain_names(file.keys()))
    if any(key.endswith(FIRST_KEY) for key in keys):
        return "unmarked"
    return "vae" if any(key.endswith("decoder.conv_in.weight") for key in keys) else "unknown"


def expect_kind(expected: Kind, file: Any, path: Path) -> None:
    """Raise CheckpointError unless the file is of that kind, saying what it holds instead."""
    kind = file_kind(file)
    if kind == expected:
        return
    if kind == "unmarked" and expected == "vdt":
        raise CheckpointError(f"{path} holds VDT weights without our metadata (kind, config): run `vdt convert` on it")
    names = {"vdt": "a VDT model", "vae": "a VAE", "unmarked": "a VDT model"}
    if kind in names:
        raise CheckpointError(
            f"{path} holds {names[kind]}, expected {names[expected]}: pass it as the other of the two"
        )
    found = first_keys(list(file.keys())) or "no tensors"
    raise CheckpointError(f"{path} holds neither a VDT model nor a VAE: no kind in its metadata, found {found}")


def read_config(file: Any, path: Path) -> Config | None:
    """The configuration in the header, None in files of others."""
    metadata = file.metadata() or {}
    if metadata.get("format") != "vdt" or metadata.get("kind") not in CONFIGS:
        return None
    if metadata.get("format_version") not in (FORMAT_VERSION, INT8_VERSION):
        version = metadata.get("format_version")
        raise CheckpointError(f"{path} has format version {version}, expected {FORMAT_VERSION}: update vdt")
    if "config" not in metadata:
        raise CheckpointError(f"{path} has no configuration in its metadata: get it again, or run `vdt convert` on it")
    try:
        return CONFIGS[metadata["kind"]].from_json(metadata["config"])
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"the configuration in {path} cannot be read: {error}") from error


def read_tensors(
    file: Any, keys: Mapping[str, str], device: str | torch.device, dtype: torch.dtype, path: Path
) -> State:
    """Some tensors of an open file, by other names, as copies on that device in that dtype; nothing else is read.

    A name whose key the file lacks is left out. Copies, because a tensor that still maps the file dies with it when
    the file is overwritten, and keeps it from being overwritten on Windows.
    """
    there = set(file.keys())
    state: State = {}
    for name, key in keys.items():
        if key in there:
            try:
                state[name] = _read_weights(file, key, path).to(device, dtype, copy=True)
            except (KeyError, AttributeError, TypeError) as error:  # a dtype that this torch does not have
                found = file.get_slice(key).get_dtype()
                raise CheckpointError(
                    f"{path} holds {key} as {found}, which this version of torch cannot read"
                ) from error
    return state


def _read_weights(file: Any, key: str, path: Path) -> Tensor:
    value: Tensor = file.get_tensor(key)
    if not value.is_floating_point():
        raise CheckpointError(f"{path} holds {key} as {value.dtype}, expected floating-point weights")
    return value


def read_shapes(file: Any, path: Path) -> State:
    """Tensors without memory that have the shapes of an open file."""
    shapes: State = {}
    for key in file.keys():  # noqa: SIM118 - not a dict
        shape = file.get_slice(key).get_shape()
        try:
            shapes[key] = torch.empty(shape, device="meta")
        except (RuntimeError, OverflowError, TypeError) as error:
            raise CheckpointError(
                f"{path} says that {key} has the shape {shown(shape)}, which no tensor has"
            ) from error
    return shapes
