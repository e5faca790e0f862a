"""ComfyUI's wire format: JSON messages and binary frames, made of the engine's events; no network here."""

from __future__ import annotations

import io
import json
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..engine import Event, NodeCached, NodeExecuted, NodeFailed, NodeProgress, NodeStarted
from ..engine.order import readers
from ..errors import Problem
from ..graph.records import Graph
from ..runtime import Preview

PREVIEW, PREVIEW_WITH_METADATA = 1, 4  # kinds of binary frames
MAX_DEPENDENT = 32  # outputs that are named for a node that cannot run
_IMAGE_KINDS = {"JPEG": 1, "PNG": 2}


@dataclass(frozen=True)
class Message:
    """One JSON message."""

    type: str
    data: Mapping[str, Any]

    def encode(self) -> str:
        return json.dumps({"type": self.type, "data": self.data})


@dataclass(frozen=True, kw_only=True)
class PreviewFrame:
    """A picture of a node at work; clients that said so get it with what it belongs to."""

    picture: bytes
    format: str  # "JPEG" or "PNG"
    metadata: Mapping[str, Any]

    def encode(self, *, with_metadata: bool) -> bytes:
        if not with_metadata:
            return struct.pack(">II", PREVIEW, _IMAGE_KINDS[self.format]) + self.picture
        text = json.dumps({**self.metadata, "image_type": f"image/{self.format.lower()}"}).encode()
        return struct.pack(">II", PREVIEW_WITH_METADATA, len(text)) + text + self.picture


def status(remaining: int, sid: str | None = None) -> Message:
    """How many prompts wait or run."""
    data: dict[str, Any] = {"status": {"exec_info": {"queue_remaining": remaining}}}
    return Message("status", data if sid is None else {**data, "sid": sid})


def now() -> int:
    """Milliseconds since 1970, as timestamps go over the wire."""
    return int(time.time() * 1000)


class RunTranslator:
    """Turns the events of one run into messages, and remembers how far each node is."""

    def __init__(self, prompt_id: str) -> None:
        self._prompt_id = prompt_id
        self._states: dict[str, dict[str, Any]] = {}
        self._executed: list[str] = []
        self.current = ""  # the node that works, or did last

    @property
    def executed(self) -> list[str]:
        """Nodes that are done, in order."""
        return list(self._executed)

    def translate(self, event: Event) -> Iterator[Message | PreviewFrame]:
        """What clients are told of an event; that nodes are cached is told once for all, before."""
        if isinstance(event, NodeCached):
            if event.ui is not None:
                yield self._shown(event.node_id, event.ui)
        elif isinstance(event, NodeStarted):
            self.current = event.node_id
            yield self._state(event.node_id, 0, 1, "running")
            yield Message("executing", {"node": event.node_id, "display_node": event.node_id, **self._prompt})
        elif isinstance(event, NodeProgress):
            yield self._state(event.node_id, event.value, event.maximum, "running")
            if event.preview is not None:
                yield PreviewFrame(
                    picture=encode_picture(event.preview),
                    format=_format(event.preview),
                    metadata=self._place(event.node_id),
                )
            yield Message(
                "progress", {"value": event.value, "max": event.maximum, "node": event.node_id, **self._prompt}
            )
        elif isinstance(event, NodeExecuted):
            if event.ui is not None:
                yield self._shown(event.node_id, event.ui)
            self._executed.append(event.node_id)
            last = self._states.get(event.node_id, {"max": 1})["max"]
            yield self._state(event.node_id, last, last, "finished")
        else:
            assert isinstance(event, NodeFailed)
            yield self._state(event.node_id, 0, 1, "error")

    @property
    def _prompt(self) -> dict[str, str]:
        return {"prompt_id": self._prompt_id}

    def _shown(self, node_id: str, ui: Mapping[str, Any]) -> Message:
        return Message("executed", {"node": node_id, "display_node": node_id, "output": ui, **self._prompt})

    def _place(self, node_id: str) -> dict[str, Any]:
        return {
            "node_id": node_id,
            "display_node_id": node_id,
            "real_node_id": node_id,
            "parent_node_id": None,
            **self._prompt,
        }

    def _state(self, node_id: str, value: int, maximum: int, state: str) -> Message:
        self._states[node_id] = {"value": value, "max": maximum, "state": state, **self._place(node_id)}
        return Message("progress_state", {"nodes": dict(self._states), **self._prompt})


def encode_picture(preview: Preview) -> bytes:
    """A preview as a file of its format, made smaller where it is larger than it should be."""
    image = preview.image
    if preview.max_size is not None and max(image.size) > preview.max_size:
        image = image.copy()
        image.thumbnail((preview.max_size, preview.max_size))
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": 95} if _format(preview) == "JPEG" else {"compress_level": 1}
    image.save(buffer, format=_format(preview), **options)
    return buffer.getvalue()


def _format(preview: Preview) -> str:
    return preview.format if preview.format in _IMAGE_KINDS else "PNG"


def refusal(kind: str, message: str) -> dict[str, Any]:
    """The body of an answer to a prompt that cannot run at all."""
    error = {"type": kind, "message": message, "details": "", "extra_info": {}}
    return {"error": error, "node_errors": {}}


def _details(problem: Problem) -> str:
    """What editors say beside their own words for a kind: the input, or what a node's own check answered."""
    return problem.sentence if problem.kind == "custom_validation_failed" else problem.input_name or ""


def node_errors(graph: Graph, problems: tuple[Problem, ...], outputs: list[str]) -> dict[str, Any]:
    """Findings by node, with outputs that cannot run because of them."""
    found: dict[str, Any] = {}
    dependent = readers(graph, outputs, MAX_DEPENDENT) if problems else {}
    for problem in problems:
        if problem.node is None:
            continue
        entry = found.setdefault(
            problem.node.id,
            {
                "errors": [],
                "dependent_outputs": dependent.get(problem.node.id, []),
                "class_type": problem.node.class_type,
            },
        )
        extra = {} if problem.input_name is None else {"input_name": problem.input_name}
        entry["errors"].append(
            {
                "type": problem.kind,
                "message": problem.sentence,
                "details": _details(problem),
                "extra_info": extra,
            }
        )
    return found
