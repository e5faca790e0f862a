"""Graphs: reads both forms that ComfyUI writes into one, the form its server executes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import GraphError
from ..limits import MAX_TEXT
from ..registry import Registry
from .editor import parse
from .records import ApiNode, Graph, Link, Workflow, from_api
from .ui import from_ui

__all__ = ["ApiNode", "Graph", "Link", "Workflow", "load_workflow", "read_workflow"]


def load_workflow(path: Path, registry: Registry) -> Workflow:
    """Read a workflow file; GraphError says why it is none."""
    try:
        if path.stat().st_size > MAX_TEXT:
            raise GraphError(
                f"{path} has {path.stat().st_size >> 20} MiB, expected a graph of at most {MAX_TEXT >> 20}"
            )
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise GraphError(f"no such file: {path}") from error
    except OSError as error:
        raise GraphError(f"cannot read {path}: {error.strerror}") from error
    except GraphError:
        raise
    except ValueError as error:
        raise GraphError(f"{path} is not a JSON file: {error}") from error
    except RecursionError as error:
        raise GraphError(f"{path} is not a workflow: its lists and objects stand too deep within each other") from error
    return read_workflow(data, registry)


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
