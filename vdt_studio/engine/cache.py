"""Results of the last run, found again by what they were made from."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..graph.records import Graph, Link
from ..registry import Registry


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeResult:
    """What a node made: a list of values for every output, and what it shows."""

    outputs: list[list[Any]]
    ui: Mapping[str, Any] | None = None


@dataclass
class ResultCache:
    """Keeps the results of one run; those the next run has no use for are dropped."""

    results: dict[str, NodeResult] = field(default_factory=dict)

    def keep_only(self, signatures: Iterable[str]) -> None:
        kept = set(signatures)
        for signature in [signature for signature in self.results if signature not in kept]:
            del self.results[signature]


def signatures(graph: Graph, order: Iterable[str], registry: Registry) -> dict[str, str]:
    """For each node a text that is equal whenever its result would be: class, constants, sources, fingerprint."""
    found: dict[str, str] = {}
    for node_id in order:
        node, known = graph[node_id], registry.types[graph[node_id].class_type]
        inputs = [
            (name, ["link", found[value.node_id], value.slot] if isinstance(value, Link) else ["value", _plain(value)])
            for name, value in sorted(node.inputs.items())
        ]
        asks_for_id = "UNIQUE_ID" in known.schema().hidden.values()
        own_id = node_id if asks_for_id or not known.is_idempotent else None
        parts = [node.class_type, own_id, _fingerprint(known, node.constants), inputs]
        found[node_id] = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return found


def _fingerprint(known: Any, constants: Mapping[str, Any]) -> Any:
    """Compared by value; a node that cannot say is run again, and tells its trouble then."""
    try:
        return _plain(known.fingerprint(constants))
    except Exception:
        return _never()


def _plain(value: Any) -> Any:
    """JSON that is equal for equal values; NaN and what JSON does not know are equal to nothing."""
    if isinstance(value, float) and value != value:
        return _never()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return [[str(key), _plain(item)] for key, item in sorted(value.items(), key=lambda pair: str(pair[0]))]
    return value.hex() if isinstance(value, bytes) else _never()


def _never() -> str:
    return f"never {secrets.token_hex(16)}"
