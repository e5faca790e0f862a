"""What the editor saves, as records: nodes with slots, links between slots, values of widgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vdt.bounds import shown

from ..errors import GraphError, NodeRef

MUTED, BYPASSED = 2, 4  # modes of a node
REROUTE, PRIMITIVE = "Reroute", "PrimitiveNode"
SIDE = "side of a subgraph"  # passes wires on by position, or holds values by slot
_GROUP_NODES = ("workflow>", "workflow/")  # what subgraphs were called before 2025
NOTES = ("Note", "MarkdownNote")
_MANY_SLOTS = 1_000_000  # a position beyond is no position


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
    named: Mapping[str, Any] | None = None  # the same values by name, in files of newer editors

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
    nodes, links = _parts(data, "the workflow")
    definitions = _table(data.get("definitions"), "definitions", "the workflow")
    subgraphs = [_subgraph(entry) for entry in _list(definitions.get("subgraphs"), "subgraphs", "its definitions")]
    _refuse_group_nodes(nodes)
    return UiGraph(
        nodes={node.id: node for node in nodes},
        links={link.id: link for link in links},
        subgraphs={entry.id: entry for entry in subgraphs},
    )


def _parts(data: Mapping[str, Any], whose: str) -> tuple[tuple[UiNode, ...], tuple[UiLink, ...]]:
    nodes = tuple(_node(entry) for entry in _list(data.get("nodes"), "nodes", whose))
    links = tuple(_link(entry) for entry in _list(data.get("links"), "links", whose) if entry is not None)
    return nodes, links


def _subgraph(entry: Any) -> Subgraph:
    entry = _table(entry, "subgraph", "one of its definitions")
    name = f"the subgraph {shown(entry.get('name', entry.get('id')))}"
    nodes, links = _parts(entry, name)
    return Subgraph(
        id=_id(entry.get("id"), "id", name),
        name=_words(entry.get("name")) or "",
        nodes=nodes,
        links=links,
        inputs=_slots(entry.get("inputs"), "inputs", name),
        outputs=_slots(entry.get("outputs"), "outputs", name),
    )


def _node(entry: Any) -> UiNode:
    entry = _table(entry, "node", "one of its nodes")
    number = _id(entry.get("id"), "id", "one of its nodes")
    name = f"node {shown_id(number)}"
    if not isinstance(entry.get("type"), str):
        raise _damaged(name, "type", entry.get("type"), "a text")
    properties = entry.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    return UiNode(
        id=number,
        type=entry["type"],
        title=_words(entry.get("title")),
        mode=_whole(entry.get("mode") or 0, "mode", name),
        inputs=_slots(entry.get("inputs"), "inputs", name),
        outputs=_slots(entry.get("outputs"), "outputs", name),
        values=_values(entry.get("widgets_values"), name),
        named=_named(entry.get("widgets_values_named")),
        origin=_words(properties.get("cnr_id")) or _words(properties.get("aux_id")),
    )


def _slots(entries: Any, field: str, whose: str) -> tuple[Slot, ...]:
    return tuple(_slot(entry, field, whose) for entry in _list(entries, field, whose))


def _slot(entry: Any, field: str, whose: str) -> Slot:
    entry = _table(entry, f"slot of its {field}", whose)
    kind, link = entry.get("type"), entry.get("link")
    return Slot(
        name=_words(entry.get("name")) or "",
        type="COMBO" if isinstance(kind, list) else str(kind),
        link=None if link is None else _id(link, "link", f"{whose}, a slot of its {field}"),
        is_widget=bool(entry.get("widget")),
    )


def _link(entry: Any) -> UiLink:
    """A list in files of version 0.4, an object in those of version 1."""
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    if isinstance(entry, Mapping):
        entry = [entry.get(key) for key in keys]
    if not isinstance(entry, list) or len(entry) < len(keys):
        raise _damaged("the workflow", "link", entry, "a list of id, node, slot, node, slot and type")
    number = _id(entry[0], "id", "a link")
    name = f"link {shown_id(number)}"
    return UiLink(
        id=number,
        origin=_id(entry[1], keys[1], name),
        origin_slot=_whole(entry[2], keys[2], name),
        target=_id(entry[3], keys[3], name),
        target_slot=_whole(entry[4], keys[4], name),
    )


def _refuse_group_nodes(nodes: Iterable[UiNode]) -> None:
    for node in nodes:
        if node.type.startswith(_GROUP_NODES) and node.mode not in (MUTED, BYPASSED):
            raise GraphError(
                f"node {node.id} is the group node {node.title or node.type!r}, which this runner does not take apart: "
                "unpack it in the editor, or export the workflow as API"
            )


# ---- Single values ---------------------------------------------------------------------------------------------------


def _damaged(whose: str, field: str, value: Any, expected: str) -> GraphError:
    return GraphError(f"the workflow is damaged: {whose} has the {field} {shown(value)}, expected {expected}")


def shown_id(text: str) -> str:
    """An id for a message, short whatever it is."""
    return text if len(text) <= 40 else f"{text[:37]}..."


def _list(value: Any, field: str, whose: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _damaged(whose, field, value, "a list")
    return value


def _table(value: Any, field: str, whose: str) -> Mapping[str, Any]:
    if value is None and field == "definitions":
        return {}
    if not isinstance(value, Mapping):
        raise _damaged(whose, field, value, "an object")
    return value


def _id(value: Any, field: str, whose: str) -> str:
    """Ids are numbers or texts; in subgraphs links are numbers too."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise _damaged(whose, field, value, "a number or a text")
    return shown(value) if isinstance(value, int) else value


def _whole(value: Any, field: str, whose: str) -> int:
    if isinstance(value, str) and value.lstrip("-").isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MANY_SLOTS:
        raise _damaged(whose, field, value, "a small whole number")
    return value


def _words(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _values(value: Any, whose: str) -> Any:
    if value is None or isinstance(value, (list, Mapping)):
        return value or []
    raise _damaged(whose, "widgets_values", value, "a list or an object")


def _named(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) else None
