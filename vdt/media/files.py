"""Outputs appear whole or not at all, equal contents make equal files, and what killed runs left is swept."""

from __future__ import annotations

import contextlib
import errno
import json
import re
import secrets
import shutil
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# A temporary file of ours: .NAME-8 hexadecimal digits.SUFFIX, locked for as long as its writer lives.
TEMPORARY = re.compile(r"\.(?P<stem>.+)-[0-9a-f]{8}(?P<suffix>(?:\.[^.]+)?)")
# Newer safetensors write through a temporary file of a name of their own, which a killed run would leave for ever: they
# do it in a folder of ours, which goes when its temporary file does.
BESIDE = ".d"
ABANDONED = 10.0  # seconds without a write, of a file whose writer holds no lock
ABANDONED_UNLOCKABLE = 24 * 3600.0  # where files cannot be locked
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


class WriteError(ValueError):
    """A file cannot be written; the message is one sentence for the user."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder that replaces `path` on success and is removed on any error.

    Temporaries that killed runs left for files of this name, or of its series, are removed. WriteError names the file
    where the folder, the disk or another program keeps it from being written.
    """
    path = Path(path)
    if path.is_dir():
        raise WriteError(f"cannot write '{path}': it is a folder")
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        reason = "the folder does not exist" if not path.parent.exists() else _reason(error)
        raise WriteError(f"cannot write '{path}': {reason}") from error
    try:
        with _locked(temporary):
            _sweep(path)
            with _naming(path, temporary):
                yield temporary
            _replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):  # what keeps it from being removed is said already
            temporary.unlink(missing_ok=True)


def write_text(text: str, path: str | Path) -> None:
    """Write a UTF-8 file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save_tensors(tensors: Mapping[str, Tensor], path: str | Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file atomically, readable as any other new file is; equal contents make equal files.

    Tensors that share memory are written as often as they have names.
    """
    whole = _apart({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
    with atomic_path(path) as temporary:
        mode = temporary.stat().st_mode
        beside = temporary.with_name(temporary.name + BESIDE)
        try:
            beside.mkdir()
            save_file(whole, beside / temporary.name, dict(metadata or {}))
            (beside / temporary.name).replace(temporary)
        except (OSError, SafetensorError) as error:
            raise WriteError(f"cannot write '{path}': {error}") from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        temporary.chmod(mode)  # newer safetensors write files that only their owner may read
        _sort_metadata(temporary)


# ---- Safetensors -----------------------------------------------------------------------------------------------------


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, copied where one overlaps another in memory, which the format cannot say."""
    ends: dict[int, int] = {}
    apart = dict(tensors)

    def place(key: str) -> tuple[int, int]:
        return tensors[key].untyped_storage().data_ptr(), tensors[key].data_ptr()

    for key in sorted((key for key, value in tensors.items() if value.numel()), key=place):
        storage, start = place(key)
        if start < ends.get(storage, 0):
            apart[key] = tensors[key].clone()
        size = tensors[key].numel() * tensors[key].element_size()
        ends[storage] = max(ends.get(storage, 0), start + size)
    return apart


def _sort_metadata(path: Path) -> None:
    """Rewrite a header with its metadata in order: safetensors leaves that to chance."""
    with path.open("r+b") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(size))
        if "__metadata__" in header:
            header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        if len(text) <= size:  # always: the same text in another order
            file.seek(8)
            file.write(text.ljust(size))


# ---- Temporary files -------------------------------------------------------------------------------------------------


@contextmanager
def _locked(temporary: Path) -> Iterator[None]:
    """Hold a lock on a file for as long as this process lives, where the system and the disk can."""
    if fcntl is None:
        yield
        return
    with temporary.open("rb") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _sweep(path: Path) -> None:
    """Remove the temporaries of killed runs beside a file: those of its name and of its series (clip_00001_, …)."""
    with contextlib.suppress(OSError):
        for other in list(path.parent.iterdir()):
            match = TEMPORARY.fullmatch(other.name)
            ours = match and match["suffix"] == path.suffix and _series(match["stem"]) == _series(path.stem)
            if ours and _abandoned(other):
                other.unlink(missing_ok=True)
        for folder in path.parent.glob(f".*{BESIDE}"):
            owner = folder.with_name(folder.name.removesuffix(BESIDE))
            if TEMPORARY.fullmatch(owner.name) and not owner.exists() and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


def _series(stem: str) -> str:
    """A name without its numbers."""
    return re.sub(r"\d+", "0", stem)


def _abandoned(temporary: Path) -> bool:
    """Whether nobody writes a file any more: nobody holds its lock, and it has not changed for a while."""
    with contextlib.suppress(OSError):
        age = time.time() - temporary.lstat().st_mtime
        if temporary.is_symlink() or not temporary.is_file():
            return False
        if fcntl is None:
            return age > ABANDONED_UNLOCKABLE
        with temporary.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except OSError:
                return age > ABANDONED_UNLOCKABLE
        return age > ABANDONED
    return False


@contextmanager
def _naming(path: Path, temporary: Path) -> Iterator[None]:
    """Errors of the disk, and of the temporary file, as WriteError that names the file the user knows."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_ERRORS or str(error.filename or "") == str(temporary):
            raise WriteError(f"cannot write '{path}': {_reason(error)}") from error
        raise


def _replace(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except PermissionError as error:
        raise WriteError(
            f"cannot write '{path}': {_reason(error)}; it may be open in another program, so close that"
        ) from error
    except OSError as error:
        raise WriteError(f"cannot write '{path}': {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
