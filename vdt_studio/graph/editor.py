"""What the editor saves, as records: nodes with slots, links between slots, values by position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import GraphError, NodeRef

MUTED, BYPASSED = 2, 4  # modes of a node
REROUTE, PRIMITIVE = "Reroute", "PrimitiveNode"
SIDE = "side of a subgraph"  # passes wires on by position, or holds values by slot
_GROUP_NODES = ("workflow>", "workflow/")  # what subgraphs were called before 2025
NOTES = ("Note", "MarkdownNote")


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A socket of a node, on either side."""

    name: str
    type: str
    link: str | None = None  # of an input
    is_widget: bool = False  # an input that has a value of its own where no link brings one


@dataclass(frozen=True, kw_only=True)
class UiLink:
    """A wire; slots are positions."""

    id: str
    origin: str
    origin_slot: int
    target: str
    target_slot: int


@dataclass(frozen=True, kw_only=True)
class UiNode:
    """A node as it stands on the canvas."""

    id: str
    type: str
    title: str | None
    mode: int
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    values: Any  # a list by position, or an object by name; of a side, by slot
    origin: str | None

    @property
    def ref(self) -> NodeRef:
        return NodeRef(id=self.id, class_type=self.type, title=self.title)


@dataclass(frozen=True, kw_only=True)
class Subgraph:
    """What nodes of the type `id` stand for; wires inside begin and end at its sides, slots of which are positions."""

    id: str
    name: str
    nodes: tuple[UiNode, ...]
    links: tuple[UiLink, ...]
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]


@dataclass(frozen=True, kw_only=True)
class UiGraph:
    """The canvas."""

    nodes: Mapping[str, UiNode]
    links: Mapping[str, UiLink]
    subgraphs: Mapping[str, Subgraph] = field(default_factory=dict)


def parse(data: Mapping[str, Any]) -> UiGraph:
    """Read a saved workflow; GraphError for damaged ones and for group nodes."""
    try:
        nodes, links = _parts(data)
        definitions = [_subgraph(entry) for entry in (data.get("definitions") or {}).get("subgraphs") or []]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise GraphError(f"the workflow is damaged: {type(error).__name__} {error}") from error
    _refuse_group_nodes(nodes)
    return UiGraph(
        nodes={node.id: node for node in nodes},
        links={link.id: link for link in links},
        subgraphs={entry.id: entry for entry in definitions},
    )


def _parts(data: Mapping[str, Any]) -> tuple[tuple[UiNode, ...], tuple[UiLink, ...]]:
    links = (_link(entry) for entry in data.get("links") or [] if entry is not None)
    return tuple(_node(entry) for entry in data["nodes"]), tuple(links)


def _subgraph(entry: Mapping[str, Any]) -> Subgraph:
    nodes, links = _parts(entry)
    return Subgraph(
        id=str(entry["id"]),
        name=str(entry.get("name", "")),
        nodes=nodes,
        links=links,
        inputs=tuple(_slot(slot) for slot in entry.get("inputs") or ()),
        outputs=tuple(_slot(slot) for slot in entry.get("outputs") or ()),
    )


def _node(entry: Mapping[str, Any]) -> UiNode:
    properties = entry.get("properties") or {}
    return UiNode(
        id=str(entry["id"]),
        type=str(entry["type"]),
        title=entry.get("title"),
        mode=int(entry.get("mode") or 0),
        inputs=tuple(_slot(slot) for slot in entry.get("inputs") or ()),
        outputs=tuple(_slot(slot) for slot in entry.get("outputs") or ()),
        values=entry.get("widgets_values") or [],
        origin=properties.get("cnr_id") or properties.get("aux_id"),
    )


def _slot(entry: Mapping[str, Any]) -> Slot:
    kind = entry.get("type")
    link = entry.get("link")
    return Slot(
        name=str(entry.get("name", "")),
        type="COMBO" if isinstance(kind, list) else str(kind),
        link=None if link is None else str(link),
        is_widget=bool(entry.get("widget")),
    )


def _link(entry: Any) -> UiLink:
    """A list in files of version 0.4, an object in those of version 1."""
    if isinstance(entry, Mapping):
        keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
        entry = [entry[key] for key in keys]
    number, origin, origin_slot, target, target_slot = entry[:5]
    return UiLink(
        id=str(number),
        origin=str(origin),
        origin_slot=int(origin_slot),
        target=str(target),
        target_slot=int(target_slot),
    )


def _refuse_group_nodes(nodes: Iterable[UiNode]) -> None:
    for node in nodes:
        if node.type.startswith(_GROUP_NODES) and node.mode not in (MUTED, BYPASSED):
            raise GraphError(
                f"node {node.id} is the group node {node.title or node.type!r}, which this runner does not take apart: "
                "unpack it in the editor, or export the workflow as API"
            )
