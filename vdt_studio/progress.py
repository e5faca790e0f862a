"""Progress on a terminal: one bar for the node that works, and the texts that nodes show."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm

from .engine import Event, NodeExecuted, NodeProgress
from .graph import Graph


class ProgressView:
    """A listener for the engine; bars appear on terminals only."""

    def __init__(self, graph: Graph) -> None:
        self.texts: list[str] = []
        self._graph = graph
        self._bar: Any = None
        self._node_id: str | None = None

    def __enter__(self) -> ProgressView:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, event: Event) -> None:
        if isinstance(event, NodeProgress):
            self._show(event)
        elif isinstance(event, NodeExecuted):
            self._close()
            texts = (event.ui or {}).get("text", ())
            self.texts += [f"{self._name(event.node_id)}: {text}" for text in texts]

    def _show(self, event: NodeProgress) -> None:
        if self._node_id != event.node_id:
            self._close()
            self._node_id = event.node_id
            self._bar = tqdm(desc=self._name(event.node_id), total=event.maximum, leave=False, disable=None)
        self._bar.total = event.maximum
        self._bar.update(event.value - self._bar.n)

    def _name(self, node_id: str) -> str:
        node = self._graph[node_id]
        return node.title or node.class_type

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = self._node_id = None
