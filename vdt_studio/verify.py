"""Whether a saved file still comes out of the graph it carries: run again, compare frame by frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import media
from .engine.events import Listener
from .errors import GraphError
from .graph import Workflow, read_workflow
from .images import load_rgba
from .studio import Studio

_SAVERS = ("SaveVideo", "SaveImage", "VDTSaveVideo")
_FILES = ("model", "vae")  # whose hashes the pack's nodes leave in saved files


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a file compares with what its graph makes here."""

    file: Path
    frames: int
    largest: int  # difference of one value, of 255
    different: int  # frames
    notes: tuple[str, ...]  # what is not as it was when the file was made

    @property
    def matches(self) -> bool:
        return self.largest == 0

    def __str__(self) -> str:
        what = f"{self.frames} frame{'s' if self.frames != 1 else ''}"
        if self.matches:
            return f"{self.file}: all of {what} match"
        told = "".join(f"; {note}" for note in self.notes)
        return f"{self.file}: {self.different} of {what} differ, by up to {self.largest} of 255{told}"


def verify(studio: Studio, path: Path, listener: Listener = lambda event: None) -> Verdict:
    """Run the graph inside an .mp4 or .png again, and compare; GraphError if the file carries none.

    The studio's output folder should be a temporary one: what the graph saves lands there.
    """
    tags, frames = read_saved(path)
    if "prompt" not in tags:
        raise GraphError(f"'{path}' carries no graph: only files saved by ComfyUI or vdt-studio do")
    workflow = read_workflow(_json(path, tags["prompt"]), studio.registry)
    made = [read_saved(file) for file in _outputs(studio, workflow, path, listener)]
    same = [(other, theirs) for theirs, other in made if other.shape == frames.shape]
    if not same:
        shown = "nothing of that kind" if not made else f"{len(made[0][1])} frames of another length or size"
        raise GraphError(f"the graph in '{path}' makes {shown}, the file has {frames.shape[0]} frames")
    differences = [(np.abs(frames.astype(np.int16) - other), theirs) for other, theirs in same]
    nearest, theirs = min(differences, key=lambda pair: int(pair[0].max()))
    by_frame = nearest.reshape(len(frames), -1).max(1)
    return Verdict(
        file=path,
        frames=len(frames),
        largest=int(by_frame.max()),
        different=int((by_frame > 0).sum()),
        notes=tuple(_changes(_json(path, tags.get("vdt", "{}")), _json(path, theirs.get("vdt", "{}")))),
    )


def _outputs(studio: Studio, workflow: Workflow, path: Path, listener: Listener) -> list[Path]:
    """What the graph saves, of the file's kind."""
    savers = {node.id for node in workflow.graph if node.class_type in _SAVERS}
    result = studio.run(workflow, listener)
    files = [file for node_id, ui in result.ui.items() if node_id in savers for file in studio.written(ui)]
    return [file for file in files if file.suffix.lower() == path.suffix.lower()]


def read_saved(path: Path) -> tuple[dict[str, str], np.ndarray]:
    """Tags and frames, uint8 (T, H, W, 3), of a video or picture."""
    if path.suffix.lower() == ".png":
        from PIL import Image

        frames, _ = load_rgba(path)  # first: it says in one sentence what cannot be read
        with Image.open(path) as image:
            texts = dict(getattr(image, "text", {}))
        return texts, frames[..., :3]
    video = media.read(path)
    return video.tags, video.frames


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise GraphError(f"the tags of '{path}' are damaged: {error}") from error


def _changes(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """What the file says of its making that is different here."""
    if not then:
        yield "the file does not say which model made it"
    elif then.get("pack") != now.get("pack"):
        yield f"it was made by version {then.get('pack')} of the pack, this is {now.get('pack')}"
    for kind in _FILES:
        if kind in then and kind in now and then[kind] != now[kind]:
            yield f"it was made by another {kind} file (sha256 {then[kind][:12]}…, here {now[kind][:12]}…)"
