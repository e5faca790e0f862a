"""The four folders of a studio, and the only code that turns a name from a graph into a path inside one of them."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from .limits import MAX_NAME

_MAX_PATH = 3000  # bytes of a whole name
_MAX_STEM = MAX_NAME - 40  # a counter, a suffix, and what temporary files add
KINDS = ("input", "output", "temp")  # the folders a graph may name, as in "clip.mp4 [output]"


class PathError(ValueError):
    """A name that leads out of its folder, or to nothing; one sentence for the user."""


@dataclass(frozen=True, kw_only=True)
class Folders:
    """Where a graph may read and write: nothing else is ever opened because a graph says so."""

    input: Path
    output: Path
    temp: Path
    models: Path

    def of(self, kind: str) -> Path:
        """The folder of a kind; PathError for kinds that graphs may not name."""
        if kind not in KINDS:
            raise PathError(f"unknown folder {kind!r}: expected one of {', '.join(KINDS)}")
        return getattr(self, kind)

    def locate(self, name: str, default: str = "input") -> Path:
        """The path of a name such as "clip.mp4" or "clip.mp4 [output]", whether it exists or not."""
        plain, kind = split_annotation(name)
        return confine(self.of(kind or default), plain)


@dataclass(frozen=True, kw_only=True)
class SaveSlot:
    """The next free name for a prefix: files are called `<stem>_<counter>_.<suffix>` in `folder`."""

    folder: Path
    subfolder: str  # of `folder` below its root, with forward slashes
    stem: str
    counter: int

    def name(self, suffix: str, offset: int = 0) -> str:
        return f"{self.stem}_{self.counter + offset:05}_.{suffix}"


def split_annotation(name: str) -> tuple[str, str | None]:
    """Split "clip.mp4 [output]" into name and kind; the kind is None where none is said."""
    for kind in KINDS:
        if name.endswith(f"[{kind}]"):
            return name[: -len(kind) - 2].rstrip(), kind
    return name, None


def confine(root: Path, name: str) -> Path:
    """The resolved path of a relative name below a folder.

    Raises PathError for absolute names, for "..", and for links inside the folder that point out of it.
    """
    name = str(name)
    if "\0" in name:
        raise PathError("a file name holds a null character")
    relative = Path(name.replace("\\", "/"))
    if relative.is_absolute() or relative.drive or re.match(r"[A-Za-z]:", name):
        raise PathError(f"'{_short(name)}' is an absolute path: use a name inside {root}")
    _check_length(relative)
    try:
        base = root.resolve()
        path = (base / relative).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, names that the system cannot have
        raise PathError(f"'{_short(name)}' is no path of a file: {error.__class__.__name__}") from error
    if ".." in relative.parts or not path.is_relative_to(base):
        raise PathError(f"'{_short(name)}' leads out of {root}: use a name inside it")
    return path


def _check_length(relative: Path) -> None:
    """PathError for names that no file can have."""
    try:
        lengths = [len(os.fsencode(part)) for part in relative.parts]
    except UnicodeError as error:
        raise PathError("a file name holds characters that this system has no bytes for") from error
    if max(lengths, default=0) > MAX_NAME or sum(lengths) + len(lengths) > _MAX_PATH:
        name = _short(str(relative))
        got = f"{sum(lengths)} bytes, {max(lengths)} in one part"
        raise PathError(f"'{name}' is too long a name: got {got}, expected at most {_MAX_PATH} and {MAX_NAME}")


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:77]}..."


def is_file(path: Path) -> bool:
    """Whether there is a file; False for what the system cannot look at, such as links in a circle."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def list_files(root: Path, *, suffixes: frozenset[str] | set[str] = frozenset(), deep: bool = False) -> list[str]:
    """Sorted names of the files of a folder, as graphs write them; links that leave it are left out."""
    base = root.resolve()
    names = []
    for folder, folders, files in os.walk(base):
        folders[:] = [name for name in folders if deep and not name.startswith(".")]
        for file in files:
            path = Path(folder, file)
            if not file.startswith(".") and (not suffixes or path.suffix.lower() in suffixes) and _inside(path, base):
                names.append(path.relative_to(base).as_posix())
    return sorted(names)


def _inside(path: Path, base: Path) -> bool:
    """Whether this is a file that does not lie elsewhere."""
    if not path.is_symlink():
        return is_file(path)
    try:
        return path.resolve().is_relative_to(base) and is_file(path)
    except (OSError, RuntimeError):
        return False


def save_slot(root: Path, prefix: str, *, width: int = 0, height: int = 0) -> SaveSlot:
    """Find the next free counter for a prefix such as "video/clip"; makes the folder.

    %width%, %height%, %year%, %month%, %day%, %hour%, %minute% and %second% are filled in.
    """
    prefix = _fill(str(prefix), width, height).replace("\\", "/")
    stem = prefix.rsplit("/", 1)[-1]
    if stem in (".", ".."):
        raise PathError(f"got the filename_prefix '{_short(prefix)}', expected a folder and a name, such as video/clip")
    target = confine(root, prefix if stem else f"{prefix}_")
    if len(os.fsencode(stem)) > _MAX_STEM:
        raise PathError(f"the filename_prefix '{_short(stem)}' is too long, expected at most {_MAX_STEM} bytes")
    folder = target.parent
    folder.mkdir(parents=True, exist_ok=True)
    numbered = re.compile(rf"{re.escape(stem)}_(\d{{1,9}})_?\..+", re.IGNORECASE)
    counters = [int(found[1]) for path in folder.iterdir() if (found := numbered.fullmatch(path.name))]
    subfolder = folder.relative_to(root.resolve()).as_posix()
    return SaveSlot(
        folder=folder,
        subfolder="" if subfolder == "." else subfolder,
        stem=stem,
        counter=max(counters, default=0) + 1,
    )


def _fill(prefix: str, width: int, height: int) -> str:
    now = time.localtime()
    values = {"width": str(width), "height": str(height), "year": str(now.tm_year)}
    parts = {"month": now.tm_mon, "day": now.tm_mday, "hour": now.tm_hour, "minute": now.tm_min, "second": now.tm_sec}
    values |= {name: f"{value:02}" for name, value in parts.items()}
    for name, value in values.items():
        prefix = prefix.replace(f"%{name}%", value)
    return prefix
