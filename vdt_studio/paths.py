"""The four folders of a studio, and the only code that turns a name from a graph into a path inside one of them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

KINDS = ("input", "output", "temp")  # the folders a graph may name, as in "clip.mp4 [output]"
_ANNOTATION = re.compile(r"^(.*?)\s*\[(input|output|temp)\]$")


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
    found = _ANNOTATION.match(name)
    return (found[1], found[2]) if found else (name, None)


def confine(root: Path, name: str) -> Path:
    """The resolved path of a relative name below a folder.

    Raises PathError for absolute names, for "..", and for links inside the folder that point out of it.
    """
    relative = Path(str(name).replace("\\", "/"))
    if "\0" in str(name):
        raise PathError("a file name holds a null character")
    if relative.is_absolute() or relative.drive or re.match(r"[A-Za-z]:", str(name)):
        raise PathError(f"'{name}' is an absolute path: use a name inside {root}")
    base = root.resolve()
    path = (base / relative).resolve()
    if ".." in relative.parts or not path.is_relative_to(base):
        raise PathError(f"'{name}' leads out of {root}: use a name inside it")
    return path


def list_files(root: Path, *, suffixes: frozenset[str] | set[str] = frozenset(), deep: bool = False) -> list[str]:
    """Sorted names of the files of a folder, as graphs write them; links that leave it are left out."""
    if not root.is_dir():
        return []
    names = []
    for path in root.rglob("*") if deep else root.iterdir():
        name = path.relative_to(root).as_posix()
        hidden = any(part.startswith(".") for part in Path(name).parts)
        if not hidden and path.is_file() and (not suffixes or path.suffix.lower() in suffixes):
            names.append(name)
    base = root.resolve()
    return sorted(name for name in names if (root / name).resolve().is_relative_to(base))


def save_slot(root: Path, prefix: str, *, width: int = 0, height: int = 0) -> SaveSlot:
    """Find the next free counter for a prefix such as "video/clip"; makes the folder.

    %width%, %height%, %year%, %month%, %day%, %hour%, %minute% and %second% are filled in.
    """
    prefix = _fill(prefix, width, height).replace("\\", "/")
    stem = prefix.rsplit("/", 1)[-1]
    target = confine(root, prefix if stem else f"{prefix}_")
    folder = target.parent
    folder.mkdir(parents=True, exist_ok=True)
    numbered = re.compile(rf"{re.escape(stem)}_(\d+)_?\..+", re.IGNORECASE)
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
