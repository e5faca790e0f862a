"""Graphs: reads both forms that ComfyUI writes into one, the form its server executes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import GraphError
from ..registry import Registry
from .editor import parse
from .files import read_json
from .records import ApiNode, Graph, Link, Workflow, from_api
from .ui import from_ui

__all__ = ["ApiNode", "Graph", "Link", "Workflow", "load_workflow", "read_workflow"]


def load_workflow(path: Path, registry: Registry) -> Workflow:
    """Read a workflow file; GraphError says why it is none."""
    return read_workflow(read_json(path), registry)


def read_workflow(data: Any, registry: Registry) -> Workflow:
    """Read what the editor saves, what it exports as API, or the body of a request to the server."""
    if isinstance(data, dict) and isinstance(data.get("nodes"), list):
        return Workflow(graph=from_ui(data, registry), ui=data)
    if isinstance(data, dict) and isinstance(data.get("prompt"), dict):
        return Workflow(graph=from_api(data["prompt"]), ui=_drawn(data.get("extra_data")))
    return Workflow(graph=from_api(data))


def _drawn(extra: Any) -> dict[str, Any] | None:
    """The editor's form beside a prompt; None where there is none, or a damaged one."""
    for key in ("extra_pnginfo", "workflow"):
        extra = extra.get(key) if isinstance(extra, dict) else None
    if not isinstance(extra, dict):
        return None
    try:
        parse(extra)
    except GraphError:
        return None
    return extra
