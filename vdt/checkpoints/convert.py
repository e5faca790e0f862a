"""Official PyTorch checkpoints, read without running anything in them, into files of ours, and ours in other dtypes."""

from __future__ import annotations

import argparse
import contextlib
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..config import VDTConfig
from ..models.transformer import VDT
from .header import KINDS, CheckpointError, FileInfo, State, check_exists, file_kind, open_checkpoint
from .load import build_empty, describe, load_model, load_vae, sha256
from .official_keys import architecture_name, find_weights, infer_vdt_config, with_tables
from .save import StoredDType, save_model, save_vae
from .shards import find_index


@dataclass(frozen=True, kw_only=True)
class ConversionReport:
    """What `convert_official` found and wrote."""

    name: str  # such as "VDT-L/2", or "custom"
    parameters: int
    config: VDTConfig
    source_sha256: str
    found_in: str  # "bare state dict" or the entry that held the weights
    dst: Path


def is_own(path: str | Path) -> bool:
    """Whether a file carries a configuration of this library, so that there is nothing to find out about it."""
    path = Path(path)
    if path.suffix != ".safetensors" and find_index(path) is None:
        return False
    with open_checkpoint(path) as file:
        metadata = file.metadata() or {}
    return metadata.get("format") == "vdt" and metadata.get("kind") in KINDS


def change_dtype(src: str | Path, dst: str | Path, dtype: StoredDType) -> FileInfo:
    """Write a VDT or VAE file of ours in another dtype, see `save_model`, with its configuration and metadata.

    dst may be src, and appears only if the file is whole. Raises CheckpointError.
    """
    src, dst = Path(src), Path(dst)
    _check_target(dst)
    with open_checkpoint(src) as file:
        metadata, kind = dict(file.metadata() or {}), file_kind(file)
    if kind == "vae":
        vae = load_vae(src)
        save_vae(vae, vae.config, dst, metadata, dtype=dtype)
    else:
        model = load_model(src)
        save_model(model, model.config, dst, metadata, dtype=dtype)
    return describe(dst)


def convert_official(
    src: str | Path, dst: str | Path, *, num_heads: int | None = None, dtype: StoredDType | None = None
) -> ConversionReport:
    """Turn an official checkpoint (.pt or .safetensors, under whatever entries and prefixes) into a file of ours.

    Averaged weights are taken where there are any; position tables that are missing are computed. Nothing in the
    source is executed, the weights must fit the model exactly, and dst appears only if they do.
    num_heads is needed for widths other than those of the DiT family; dtype is that of `save_model`. Raises
    CheckpointError.
    """
    src, dst = Path(src), Path(dst)
    _check_target(dst)
    content = _read_official(src)
    try:
        candidates = find_weights(content)
    except ValueError as error:
        raise CheckpointError(f"{src} cannot be converted: {error}") from error
    state, config, found_in, parameters = _first_that_fits(candidates, src, num_heads)
    state = {key: value.clone() for key, value in state.items()}  # copies: the file may be the one that is written
    del content, candidates
    digest = sha256(src)
    metadata = {"source": src.name, "source_sha256": digest, "source_entry": found_in}
    save_model(state, config, dst, metadata, dtype=dtype)
    return ConversionReport(
        name=architecture_name(config),
        parameters=parameters,
        config=config,
        source_sha256=digest,
        found_in=found_in,
        dst=dst,
    )


def _check_target(dst: Path) -> None:
    if dst.suffix != ".safetensors":
        raise CheckpointError(f"the output must end in .safetensors, got {dst}")


def _first_that_fits(
    candidates: list[tuple[State, str]], src: Path, num_heads: int | None
) -> tuple[State, VDTConfig, str, int]:
    """Weights, configuration, entry and number of parameters; the error of the best candidate if none fits."""
    first: CheckpointError | None = None
    for found, entry in candidates:
        try:
            state, config, parameters = _fitted(found, src, num_heads)
        except CheckpointError as error:
            first = first or error
        else:
            return state, config, entry, parameters
    assert first is not None
    raise first


def _fitted(found: State, src: Path, num_heads: int | None) -> tuple[State, VDTConfig, int]:
    """Weights with their tables, their configuration, and how many parameters a model of it has."""
    try:
        config = infer_vdt_config(found, num_heads)
    except ValueError as error:
        raise CheckpointError(f"{src} cannot be converted: {error}") from error
    state = with_tables(found, config)
    model = build_empty(lambda: VDT(config), state, src)
    wrong = [key for key, value in state.items() if not bool(torch.isfinite(value.float()).all())]
    if wrong:
        raise CheckpointError(
            f"{src} holds values that are not finite in {len(wrong)} of {len(state)} tensors, such as {wrong[0]}: the "
            f"training that made it has diverged, so convert an earlier checkpoint"
        )
    return state, config, sum(parameter.numel() for parameter in model.parameters())


def _read_official(path: Path) -> Any:
    if path.suffix == ".safetensors":  # official weights that somebody else converted
        with open_checkpoint(path) as file:  # mapped: of a file with more in it only the weights are ever read
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    check_exists(path)
    try:
        # DiT's train.py stores its command line, a plain record, beside the weights
        with _allowed(argparse.Namespace), warnings.catch_warnings(record=True):  # about pickles of other versions
            # mapped: of a file with the state of an optimiser in it only the weights are ever read
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except PermissionError as error:
        raise CheckpointError(f"cannot read {path}: permission denied") from error
    except Exception as error:  # what is not a checkpoint fails in any of torch's and pickle's ways
        if type(error).__name__ == "UnpicklingError" and _is_pickle(path):
            raise CheckpointError(f"{path} holds code besides tensors and was not opened") from error
        raise CheckpointError(f"{path} is not a PyTorch checkpoint, or is cut short: get it again") from error


def _allowed(record: type) -> contextlib.AbstractContextManager[Any]:
    """Let a plain record be read; torch 2.4 can only allow it for good."""
    if scoped := getattr(torch.serialization, "safe_globals", None):
        return scoped([record])  # type: ignore[no-any-return]
    torch.serialization.add_safe_globals([record])
    return contextlib.nullcontext()


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"\x80" or zipfile.is_zipfile(path)
