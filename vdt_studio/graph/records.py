"""The executable form of a graph: nodes with inputs by name, each a constant or a link."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vdt.bounds import shown

from ..errors import GraphError, NodeRef, one_line
from ..limits import MAX_LEVELS, MAX_NODES, depth_of


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
    check_count(len(data))
    nodes = {}
    for node_id, entry in data.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("class_type"), str):
            raise GraphError(f"this is not a workflow: the entry {shown(node_id)} has no class_type")
        inputs = entry.get("inputs", {})
        if not isinstance(inputs, dict):
            raise GraphError(
                f"node {one_line(node_id)} ({one_line(entry['class_type'])}): its inputs are no JSON object"
            )
        meta = entry.get("_meta")
        title = meta.get("title") if isinstance(meta, dict) else None
        nodes[str(node_id)] = ApiNode(
            id=str(node_id),
            class_type=entry["class_type"],
            inputs={name: check_depth(_input(value), node_id, name) for name, value in inputs.items()},
            title=title if isinstance(title, str) else None,
            origin=_origin(meta),
        )
    return Graph(nodes)


def check_count(nodes: int) -> None:
    """GraphError for a graph of more nodes than this runner takes."""
    if nodes > MAX_NODES:
        raise GraphError(f"the graph has {nodes} nodes, expected at most {MAX_NODES}: run it in parts")


def check_depth(value: Any, node_id: str, name: str) -> Any:
    """The value, unless lists and objects stand too deep within each other."""
    if isinstance(value, (dict, list)) and depth_of(value) > MAX_LEVELS:
        raise GraphError(
            f"node {one_line(node_id)}: the input {one_line(name)} is nested more than {MAX_LEVELS} levels deep"
        )
    return value


def _origin(meta: Any) -> str | None:
    """The pack that newer editors note beside the title."""
    packs = [meta.get(key) for key in ("cnr_id", "aux_id")] if isinstance(meta, dict) else []
    return next((pack for pack in packs if isinstance(pack, str)), None)


def _input(value: Any) -> Any:
    """A list of node and slot is a link; a constant that is a list comes wrapped."""
    if isinstance(value, dict) and "__value__" in value:
        return value["__value__"]
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], (str, int)) and type(value[1]) is int:
        return Link(str(value[0]) if isinstance(value[0], str) else shown(value[0]), value[1])
    return value


def _node_to_api(node: ApiNode) -> dict[str, Any]:
    inputs = {name: _input_to_api(value) for name, value in node.inputs.items()}
    meta = {"_meta": {"title": node.title}} if node.title else {}
    return {"class_type": node.class_type, "inputs": inputs, **meta}


def _input_to_api(value: Any) -> Any:
    if isinstance(value, Link):
        return [value.node_id, value.slot]
    return {"__value__": value} if isinstance(value, list) else value
