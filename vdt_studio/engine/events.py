"""What happens while a graph runs, told to one callback in order, from the thread that executes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import NodeError
from ..runtime import Preview


@dataclass(frozen=True, kw_only=True)
class NodeCached:
    """The result of an earlier run is used; `ui` is what it showed then, None if nothing."""

    node_id: str
    ui: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class NodeStarted:
    """A node begins to work."""

    node_id: str


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeProgress:
    """A node has done `value` of `maximum` steps."""

    node_id: str
    value: int
    maximum: int
    preview: Preview | None


@dataclass(frozen=True, kw_only=True)
class NodeExecuted:
    """A node is done; `ui` is what it shows, None if nothing."""

    node_id: str
    ui: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeFailed:
    """A node raised; the run ends."""

    node_id: str
    error: NodeError


Event = NodeCached | NodeStarted | NodeProgress | NodeExecuted | NodeFailed
Listener = Callable[[Event], None]
