"""Official PyTorch checkpoints, read without running anything in them, into files of ours."""

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
from .header import CheckpointError, check_exists, open_checkpoint
from .load import assemble, sha256
from .official_keys import architecture_name, find_weights, infer_vdt_config
from .save import save_model


@dataclass(frozen=True, kw_only=True)
class ConversionReport:
    """What `convert_official` found and wrote."""

    name: str  # such as "VDT-L/2", or "custom"
    parameters: int
    config: VDTConfig
    source_sha256: str
    found_in: str  # "bare state dict" or the entry that held the weights
    dst: Path


def convert_official(src: str | Path, dst: str | Path, *, num_heads: int | None = None) -> ConversionReport:
    """Turn an official checkpoint (.pt, bare or under "ema", "model" or "state_dict") into a file of ours.

    Nothing in the source is executed, the weights must fit the model exactly, and dst appears only if they do.
    num_heads is needed for widths other than those of the DiT family. Raises CheckpointError.
    """
    src, dst = Path(src), Path(dst)
    if dst.suffix != ".safetensors":
        raise CheckpointError(f"the output must end in .safetensors, got {dst}")
    content = _read_official(src)
    try:
        state, found_in = find_weights(content)
        config = infer_vdt_config(state, num_heads)
    except ValueError as error:
        raise CheckpointError(f"{src} cannot be converted: {error}") from error
    model = assemble(lambda: VDT(config), state, src)
    digest = sha256(src)
    save_model(state, config, dst, {"source": src.name, "source_sha256": digest, "source_entry": found_in})
    return ConversionReport(
        name=architecture_name(config),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        config=config,
        source_sha256=digest,
        found_in=found_in,
        dst=dst,
    )


def _read_official(path: Path) -> Any:
    if path.suffix == ".safetensors":  # official weights that somebody else converted
        with open_checkpoint(path) as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    check_exists(path)
    # DiT's train.py stores its command line, a plain record, beside the weights (torch 2.4 cannot allow it)
    allow = getattr(torch.serialization, "safe_globals", lambda _: contextlib.nullcontext())
    try:
        with allow([argparse.Namespace]), warnings.catch_warnings(record=True):  # about pickles of other versions
            return torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise CheckpointError(f"cannot read {path}: permission denied") from error
    except Exception as error:  # what is not a checkpoint fails in any of torch's and pickle's ways
        if type(error).__name__ == "UnpicklingError" and _is_pickle(path):
            raise CheckpointError(f"{path} holds code besides tensors and was not opened") from error
        raise CheckpointError(f"{path} is not a PyTorch checkpoint, or is cut short: get it again") from error


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"\x80" or zipfile.is_zipfile(path)
