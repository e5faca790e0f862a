"""The executable form of a graph: nodes with inputs by name, each a constant or a link."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import GraphError, NodeRef


@dataclass(frozen=True)
class Link:
    """An output of another node."""

    node_id: str
    slot: int


@dataclass(frozen=True, kw_only=True)
class ApiNode:
    """One node; `lost` says of inputs that have no value why they have none."""

    id: str
    class_type: str
    inputs: Mapping[str, Any]
    title: str | None = None
    origin: str | None = None  # the pack it comes from, where the editor noted it
    lost: Mapping[str, str] = field(default_factory=dict)

    @property
    def ref(self) -> NodeRef:
        return NodeRef(id=self.id, class_type=self.class_type, title=self.title)

    @property
    def links(self) -> dict[str, Link]:
        return {name: value for name, value in self.inputs.items() if isinstance(value, Link)}

    @property
    def constants(self) -> dict[str, Any]:
        """All inputs, with None for the linked ones: what nodes may check before anything runs."""
        return {name: None if isinstance(value, Link) else value for name, value in self.inputs.items()}


@dataclass(frozen=True)
class Graph:
    """Nodes by their ids, in the order of the file."""

    nodes: Mapping[str, ApiNode]

    def __iter__(self) -> Iterator[ApiNode]:
        return iter(self.nodes.values())

    def __getitem__(self, node_id: str) -> ApiNode:
        return self.nodes[node_id]

    def __contains__(self, node_id: str) -> bool:
        return node_id in self.nodes

    def replace(self, *nodes: ApiNode) -> Graph:
        """The graph with some nodes in place of those with their ids."""
        return Graph({**self.nodes, **{node.id: node for node in nodes}})

    def to_api(self) -> dict[str, Any]:
        """The JSON form, as the server takes it and as files carry it."""
        return {node.id: _node_to_api(node) for node in self}


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A graph, and the editor's form of it where that is what was read."""

    graph: Graph
    ui: dict[str, Any] | None = None


def from_api(data: Any) -> Graph:
    """Read the API form; GraphError for anything else."""
    if not isinstance(data, dict) or not data:
        raise GraphError("this is not a workflow: expected what ComfyUI's editor saves or exports as API")
    nodes = {}
    for node_id, entry in data.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("class_type"), str):
            raise GraphError(f"this is not a workflow: the entry {node_id!r} has no class_type")
        inputs = entry.get("inputs", {})
        if not isinstance(inputs, dict):
            raise GraphError(f"node {node_id} ({entry['class_type']}): its inputs are no JSON object")
        nodes[str(node_id)] = ApiNode(
            id=str(node_id),
            class_type=entry["class_type"],
            inputs={name: _input(value) for name, value in inputs.items()},
            title=(entry.get("_meta") or {}).get("title"),
        )
    return Graph(nodes)


def _input(value: Any) -> Any:
    """A list of node and slot is a link; a constant that is a list comes wrapped."""
    if isinstance(value, dict) and "__value__" in value:
        return value["__value__"]
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], (str, int)) and isinstance(value[1], int):
        return Link(str(value[0]), value[1])
    return value


def _node_to_api(node: ApiNode) -> dict[str, Any]:
    inputs = {name: _input_to_api(value) for name, value in node.inputs.items()}
    meta = {"_meta": {"title": node.title}} if node.title else {}
    return {"class_type": node.class_type, "inputs": inputs, **meta}


def _input_to_api(value: Any) -> Any:
    if isinstance(value, Link):
        return [value.node_id, value.slot]
    return {"__value__": value} if isinstance(value, list) else value
