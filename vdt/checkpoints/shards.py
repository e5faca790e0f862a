"""A checkpoint in pieces, in Hugging Face's form: safetensors files, and an index that says which tensor lies where."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor

from ..media.files import save_tensors, write_text

INDEX = "model.safetensors.index.json"
MAX_PIECE = 15 * 2**20  # bytes of the tensors in one file, so that with its header it stays below 16 MiB


def save_pieces(tensors: Mapping[str, Tensor], folder: Path, metadata: Mapping[str, str]) -> None:
    """Write tensors in pieces below 16 MiB, and then the index, which tells of them all at once.

    Pieces of an earlier call stay until the new index lies there, so that the folder can be read at any time; their
    names differ by the step in the metadata. A single tensor larger than that is a piece of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pieces = _pieces(tensors)
    step = int(metadata.get("step", "0"))
    names = [f"model-{step:09d}-{each + 1:05d}-of-{len(pieces):05d}.safetensors" for each in range(len(pieces))]
    for name, piece in zip(names, pieces, strict=True):
        save_tensors(piece, folder / name, metadata)
    size = sum(value.numel() * value.element_size() for value in tensors.values())
    places = {key: name for name, piece in zip(names, pieces, strict=True) for key in piece}
    write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": places}, indent=1), folder / INDEX)
    for old in folder.glob("model-*-of-*.safetensors"):
        if old.name not in names:
            old.unlink(missing_ok=True)


def _pieces(weights: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    pieces: list[dict[str, Tensor]] = [{}]
    filled = 0
    for name, value in weights.items():
        size = value.numel() * value.element_size()
        if pieces[-1] and filled + size > MAX_PIECE:
            pieces.append({})
            filled = 0
        pieces[-1][name] = value
        filled += size
    return pieces


class IndexFileError(ValueError):
    """An index that lists no pieces."""


class ShardedFile:
    """The pieces of a checkpoint, read like one open safetensors file."""

    def __init__(self, index: Path, files: ExitStack) -> None:
        self._places = _read_index(index)
        self._files = {
            name: files.enter_context(safe_open(index.parent / name, framework="pt"))
            for name in sorted(set(self._places.values()))
        }

    def keys(self) -> list[str]:
        """Names of all tensors."""
        return list(self._places)

    def metadata(self) -> dict[str, str] | None:
        """That of the first piece: every one has it."""
        return next((file.metadata() for file in self._files.values()), None)

    def get_tensor(self, key: str) -> Tensor:
        """A tensor, from the piece that has it."""
        return self._files[self._places[key]].get_tensor(key)

    def get_slice(self, key: str) -> Any:
        """Shape and type of a tensor, and parts of it."""
        return self._files[self._places[key]].get_slice(key)


@contextlib.contextmanager
def open_sharded(index: Path) -> Iterator[ShardedFile]:
    """The pieces that an index lists; IndexFileError where it lists none, OSError or SafetensorError of a piece."""
    with ExitStack() as files:
        yield ShardedFile(index, files)


def find_index(path: Path) -> Path | None:
    """The index that a path stands for: itself, or the one in a folder; None for any other path."""
    if path.name.endswith(".safetensors.index.json"):
        return path
    return next(iter(sorted(path.glob("*.safetensors.index.json"))), None) if path.is_dir() else None


def _read_index(index: Path) -> dict[str, str]:
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = dict(places.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IndexFileError(f"it has no weight_map ({type(error).__name__})") from error
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names.values()):
        raise IndexFileError("its weight_map must name files in its own folder")
    return names
