"""Outputs appear whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


class WriteError(ValueError):
    """A file cannot be written; the message is one sentence for the user."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder that replaces `path` on success and is removed on any error."""
    path = Path(path)
    if path.is_dir():
        raise WriteError(f"cannot write '{path}': it is a folder")
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        reason = "the folder does not exist" if not path.parent.exists() else f"{error.strerror}"
        raise WriteError(f"cannot write '{path}': {reason}") from error
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(text: str, path: str | Path) -> None:
    """Write a UTF-8 file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save_tensors(tensors: Mapping[str, Tensor], path: str | Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file atomically, readable as any other new file is."""
    whole = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with atomic_path(path) as temporary:
        mode = temporary.stat().st_mode
        try:
            save_file(whole, temporary, dict(metadata or {}))
        except (OSError, SafetensorError) as error:
            raise WriteError(f"cannot write '{path}': {error}") from error
        temporary.chmod(mode)  # newer safetensors write files that only their owner may read
