"""Graphs: reads both forms that ComfyUI writes into one, the form its server executes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import GraphError
from ..registry import Registry
from .records import ApiNode, Graph, Link, Workflow, from_api
from .ui import from_ui

__all__ = ["ApiNode", "Graph", "Link", "Workflow", "load_workflow", "read_workflow"]


def load_workflow(path: Path, registry: Registry) -> Workflow:
    """Read a workflow file; GraphError says why it is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise GraphError(f"no such file: {path}") from error
    except OSError as error:
        raise GraphError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise GraphError(f"{path} is not a JSON file: {error}") from error
    return read_workflow(data, registry)


def read_workflow(data: Any, registry: Registry) -> Workflow:
    """Read what the editor saves, what it exports as API, or the body of a request to the server."""
    if isinstance(data, dict) and isinstance(data.get("nodes"), list):
        return Workflow(graph=from_ui(data, registry), ui=data)
    if isinstance(data, dict) and isinstance(data.get("prompt"), dict):
        ui = data.get("extra_data", {}).get("extra_pnginfo", {}).get("workflow")
        return Workflow(graph=from_api(data["prompt"]), ui=ui)
    return Workflow(graph=from_api(data))
