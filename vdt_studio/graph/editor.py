"""What the editor saves, as records: nodes with slots, links between slots, values by position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import GraphError, NodeRef

MUTED, BYPASSED = 2, 4  # modes of a node
REROUTE, PRIMITIVE = "Reroute", "PrimitiveNode"
_GROUP_NODES = ("workflow>", "workflow/")  # what subgraphs were called before 2025
NOTES = ("Note", "MarkdownNote")


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A socket of a node, on either side."""

    name: str
    type: str
    link: int | None = None  # of an input


@dataclass(frozen=True, kw_only=True)
class UiLink:
    """A wire; slots are positions."""

    id: int
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
    values: Any  # a list by position, or an object by name
    origin: str | None

    @property
    def ref(self) -> NodeRef:
        return NodeRef(id=self.id, class_type=self.type, title=self.title)


@dataclass(frozen=True, kw_only=True)
class UiGraph:
    """The canvas."""

    nodes: Mapping[str, UiNode]
    links: Mapping[int, UiLink]


def parse(data: Mapping[str, Any]) -> UiGraph:
    """Read a saved workflow; GraphError for damaged ones and for subgraphs, which have to be unpacked first."""
    try:
        nodes = [_node(entry) for entry in data["nodes"]]
        links = [_link(entry) for entry in data.get("links") or [] if entry is not None]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise GraphError(f"the workflow is damaged: {type(error).__name__} {error}") from error
    _refuse_subgraphs(data, nodes)
    return UiGraph(nodes={node.id: node for node in nodes}, links={link.id: link for link in links})


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
    return Slot(
        name=str(entry.get("name", "")), type="COMBO" if isinstance(kind, list) else str(kind), link=entry.get("link")
    )


def _link(entry: Any) -> UiLink:
    """A list in files of version 0.4, an object in those of version 1."""
    if isinstance(entry, Mapping):
        keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
        entry = [entry[key] for key in keys]
    number, origin, origin_slot, target, target_slot = entry[:5]
    return UiLink(
        id=int(number),
        origin=str(origin),
        origin_slot=int(origin_slot),
        target=str(target),
        target_slot=int(target_slot),
    )


def _refuse_subgraphs(data: Mapping[str, Any], nodes: list[UiNode]) -> None:
    definitions = (data.get("definitions") or {}).get("subgraphs") or []
    names = {str(entry.get("id")): entry.get("name") for entry in definitions if isinstance(entry, Mapping)}
    for node in nodes:
        packed = node.type in names or node.type.startswith(_GROUP_NODES)
        if packed and node.mode not in (MUTED, BYPASSED):
            name = names.get(node.type) or node.title or node.type
            raise GraphError(
                f"node {node.id} is the subgraph {name!r}, which this runner does not take apart: "
                "unpack it in the editor, or export the workflow as API"
            )
