"""Whether a saved file still comes out of the graph it carries: run again, compare frame by frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vdt.bounds import shown

from .engine.events import Listener
from .errors import GraphError
from .graph import Workflow, read_workflow
from .media import video as media
from .media.comparison import PNG, Difference, Encoding, compare
from .media.images import load_rgba, opened
from .studio import Studio

_SAVERS = ("SaveVideo", "SaveImage", "VDTSaveVideo")
_FILES = ("model", "vae")  # whose hashes the pack's nodes leave in saved files


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A video or picture as it was saved: its tags, frames uint8 (T, H, W, 3), and how they are encoded."""

    tags: dict[str, str]
    frames: np.ndarray
    encoding: Encoding


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a file compares with what its graph makes here."""

    file: Path
    frames: int
    difference: Difference
    notes: tuple[str, ...] = ()  # what is not as it was when the file was made
    encoders: tuple[str, str] | None = None  # that of the file and ours, where they differ and one of them is lossy

    @property
    def matches(self) -> bool:
        return self.difference.matches

    @property
    def largest(self) -> int:
        """The largest difference of one value, of 255."""
        return self.difference.largest

    @property
    def different(self) -> int:
        """Frames that do not match."""
        return self.difference.different

    def __str__(self) -> str:
        what = f"{self.frames} frame{'s' if self.frames != 1 else ''}"
        allowed = ""
        if self.encoders:
            allowed = _tolerated(*self.encoders, self.difference)
        if self.matches:
            close = " as closely as its encoding tells" if self.encoders else ""
            return f"{self.file}: all of {what} match{close}{allowed}"
        told = "".join(f"; {note}" for note in self.notes)
        return f"{self.file}: {self.different} of {what} differ, by up to {self.largest} of 255{allowed}{told}"


def _tolerated(theirs: str, ours: str, difference: Difference) -> str:
    """What a lossy file may differ by, and by what it does."""
    frame, coarse, block = (
        f"{got:.1f} of {allowed:.1f}" for got, allowed in zip(difference.measures, difference.allowed, strict=True)
    )
    return (
        f"; the file is lossy and by another encoder ({theirs}, here {ours}), so its frames may differ by as much as "
        f"that changes, as root mean squares in levels of 255: {frame} in a frame, {coarse} between means of 8x8 "
        f"blocks, {block} in one block"
    )


def verify(studio: Studio, path: Path, listener: Listener = lambda event: None) -> Verdict:
    """Run the graph inside an .mp4 or .png again, and compare; GraphError if the file carries none.

    Frames must be equal, except where the file is lossy and by another encoder, see `compare`. The studio's output
    folder should be a temporary one: what the graph saves lands there.
    """
    saved = read_saved(path)
    if "prompt" not in saved.tags:
        raise GraphError(f"'{path}' carries no graph: only files saved by ComfyUI or vdt-studio do")
    workflow = read_workflow(_json(path, saved.tags["prompt"]), studio.registry)
    then = _notes(path, saved.tags.get("vdt", "{}"))
    made = [read_saved(file) for file in _outputs(studio, workflow, path, listener)]
    same = [other for other in made if other.frames.shape == saved.frames.shape]
    if not same:
        shown = "nothing of that kind" if not made else f"{len(made[0].frames)} frames of another length or size"
        raise GraphError(f"the graph in '{path}' makes {shown}, the file has {saved.frames.shape[0]} frames")
    found = [(compare(saved.frames, other.frames, saved.encoding, other.encoding), other) for other in same]
    difference, nearest = min(found, key=lambda pair: (pair[0].different, pair[0].measures))
    is_close = any(difference.allowed)
    return Verdict(
        file=path,
        frames=len(saved.frames),
        difference=difference,
        notes=tuple(_changes(then, _notes(path, nearest.tags.get("vdt", "{}")))),
        encoders=(str(saved.encoding), str(nearest.encoding)) if is_close else None,
    )


def _outputs(studio: Studio, workflow: Workflow, path: Path, listener: Listener) -> list[Path]:
    """What the graph saves, of the file's kind."""
    savers = {node.id for node in workflow.graph if node.class_type in _SAVERS}
    result = studio.run(workflow, listener)
    files = [file for node_id, ui in result.ui.items() if node_id in savers for file in studio.written(ui)]
    return [file for file in files if file.suffix.lower() == path.suffix.lower()]


def read_saved(path: Path) -> Saved:
    """Read a video or picture; ValueError in one sentence for what is none."""
    if path.suffix.lower() == ".png":
        frames, _ = load_rgba(path)  # first: it says in one sentence what cannot be read
        with opened(path) as image:
            texts = {str(key): str(value) for key, value in getattr(image, "text", {}).items()}
        return Saved(tags=texts, frames=frames[..., :3], encoding=PNG)
    video = media.read(path)
    return Saved(tags=video.tags, frames=video.frames, encoding=media.encoding(path))


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GraphError(f"the tags of '{path}' are damaged: {error}") from error


def _notes(path: Path, text: str) -> dict[str, str]:
    """What the pack has left in a file; what is no text there is as good as nothing."""
    notes = _json(path, text)
    if not isinstance(notes, dict):
        raise GraphError(f"the tags of '{path}' are damaged: vdt is {shown(notes)}, expected an object")
    return {key: value for key, value in notes.items() if isinstance(value, str)}


def _changes(then: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    """What the file says of its making that is different here."""
    if not then:
        yield "the file does not say which model made it"
    elif then.get("pack") != now.get("pack"):
        yield f"it was made by version {then.get('pack')} of the pack, this is {now.get('pack')}"
    for kind in _FILES:
        if kind in then and kind in now and then[kind] != now[kind]:
            yield f"it was made by another {kind} file (sha256 {then[kind][:12]}…, here {now[kind][:12]}…)"
