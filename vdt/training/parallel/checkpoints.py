"""Where a run goes on from: one file of one process, or a folder that several processes write and read in parts.

The folder is PyTorch's own format (torch.distributed.checkpoint): any number of processes can read it, one too. It
holds a pickle of PyTorch's that lists the tensors, so load only what a run of yours has written.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ... import ranks
from ...media.files import write_text
from ..optim.ema import local
from ..state import NoCheckpointError, TrainState, check_metadata, read_metadata

CHECKPOINT = "state.safetensors"
FOLDER = "state.dcp"
BESIDE = ".state-new.dcp"  # being written, and whole as soon as it has its LABEL
LABEL = "training.json"


def newest(folder: Path) -> Path | None:
    """The checkpoint of a run with the most steps, whichever processes wrote it; None where there is none."""
    found = [path for name in (CHECKPOINT, FOLDER, BESIDE) if _is_whole(path := folder / name)]
    return max(found, key=_step, default=None)


def save(state: TrainState, folder: Path, recipe: str) -> None:
    """Write a checkpoint whole or not at all: a file by one process, a folder by several.

    Raises DivergenceError, and leaves what was there, if a weight is not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not ranks.is_joined():
        state.save(folder / CHECKPOINT, recipe)
        for name in (FOLDER, BESIDE):
            shutil.rmtree(folder / name, ignore_errors=True)
        return
    state.check_finite(FOLDER)
    beside = folder / BESIDE
    is_first = ranks.current().is_first
    if is_first:
        shutil.rmtree(beside, ignore_errors=True)
    ranks.wait()
    from torch.distributed import checkpoint as dcp

    dcp.save(state.tensors(), checkpoint_id=str(beside))
    if is_first:
        write_text(json.dumps(state.metadata(recipe)), beside / LABEL)
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        beside.rename(folder / FOLDER)
        (folder / CHECKPOINT).unlink(missing_ok=True)
    ranks.wait()


def load(state: TrainState, path: Path, recipe: str, *, changed: bool = False) -> None:
    """Go on from a checkpoint of either form; see `TrainState.load`."""
    if path.name == CHECKPOINT:
        state.load(path, recipe, changed=changed)
        return
    metadata, shapes = _read_folder(path)
    sizes = {name: each.size for name, each in shapes.items()}
    state.check(path, metadata["recipe"], sizes, recipe, changed=changed)
    live = state.tensors()
    parameters = dict(state.model.named_parameters())
    places = {name: _place(name, each, live, parameters) for name, each in shapes.items()}
    from torch.distributed import checkpoint as dcp

    try:
        dcp.load(places, checkpoint_id=str(path))
    except (OSError, RuntimeError) as error:
        if ranks.is_lost(error):
            raise
        raise ValueError(f"cannot resume from {path}: {error}; delete it or start over with --fresh") from error
    state.restore(metadata, places)


def _place(name: str, found: Any, live: Mapping[str, Tensor], parameters: Mapping[str, Tensor]) -> Tensor:
    """Memory for a tensor of a checkpoint, sharded as the parameter that it belongs to."""
    size, dtype = found.size, found.properties.dtype
    like = live.get(name)
    if like is None and name.startswith("optimizer."):
        like = parameters.get(name.split("/")[1])
    if like is not None and like.shape == size and like.dtype == dtype:
        return torch.empty_like(like)
    return torch.empty(size, dtype=dtype, device=local(like).device if like is not None and size else "cpu")


def _read_folder(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Metadata of a run, and of each tensor, in a folder of several processes."""
    from torch.distributed import checkpoint as dcp

    try:
        metadata = json.loads((path / LABEL).read_text(encoding="utf-8"))
        check_metadata(path, metadata)
        found = dcp.FileSystemReader(path).read_metadata().state_dict_metadata
    except NoCheckpointError:
        raise
    except (OSError, ValueError, EOFError, RuntimeError) as error:
        raise ValueError(f"cannot resume from {path}: {error}; delete it or start over with --fresh") from error
    return metadata, found


def _is_whole(path: Path) -> bool:
    return path.is_file() if path.name == CHECKPOINT else (path / LABEL).is_file()


def _step(path: Path) -> int:
    """The step of a checkpoint; -1 where it does not say."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        metadata = (
            read_metadata(path) if path.name == CHECKPOINT else json.loads((path / LABEL).read_text(encoding="utf-8"))
        )
        return int(metadata["step"])
    return -1
