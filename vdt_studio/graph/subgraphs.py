"""Takes subgraphs apart: their nodes beside the others, each side of one as a node that passes wires on by position.

The ids are those that the editor queues: node 5 in the subgraph that node 13 stands for is "13:5".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..errors import GraphError
from ..limits import MAX_LEVELS
from .editor import BYPASSED, MUTED, SIDE, Slot, Subgraph, UiGraph, UiLink, UiNode
from .records import check_count

_INPUTS, _OUTPUTS = "-10", "-20"  # where the wires of a definition begin and end


def unpack(graph: UiGraph) -> UiGraph:
    """The same without subgraphs; GraphError for one that contains itself."""
    links = dict(graph.links)
    nodes: dict[str, UiNode] = {}
    for node in _unpacked(graph.nodes.values(), graph.subgraphs, links, ()):
        nodes[node.id] = node
        check_count(len(nodes))
    return UiGraph(nodes=nodes, links=links)


def _unpacked(
    nodes: Iterable[UiNode], subgraphs: Mapping[str, Subgraph], links: dict[str, UiLink], within: tuple[str, ...]
) -> Iterator[UiNode]:
    """Nodes and what they stand for, at any depth; the wires inside are added to `links`."""
    for node in nodes:
        subgraph = subgraphs.get(node.type)
        if subgraph is None or node.mode in (MUTED, BYPASSED):
            yield node
            continue
        if node.type in within:
            raise GraphError(f"{node.ref}: the subgraph {subgraph.name!r} contains itself")
        if len(within) >= MAX_LEVELS:
            raise GraphError(f"{node.ref}: subgraphs stand more than {MAX_LEVELS} levels deep within each other")
        links |= {link.id: link for link in _wires(node, subgraph)}
        inside = [_renamed(inner, node.id) for inner in subgraph.nodes]
        yield from _unpacked(inside, subgraphs, links, (*within, node.type))
        yield _input_side(node, subgraph)
        yield _output_side(node, subgraph)


def _wires(instance: UiNode, subgraph: Subgraph) -> list[UiLink]:
    return [
        replace(link, id=f"{instance.id}:{link.id}", origin=f"{instance.id}:{link.origin}") for link in subgraph.links
    ]


def _renamed(node: UiNode, prefix: str) -> UiNode:
    inputs = (slot if slot.link is None else replace(slot, link=f"{prefix}:{slot.link}") for slot in node.inputs)
    return replace(node, id=f"{prefix}:{node.id}", inputs=tuple(inputs))


def _input_side(instance: UiNode, subgraph: Subgraph) -> UiNode:
    """Where wires inside begin: they go on at the instance's inputs, or end at its own values."""
    by_name = {slot.name: slot for slot in instance.inputs}
    values = _values(instance)
    return replace(
        instance,
        id=f"{instance.id}:{_INPUTS}",
        type=SIDE,
        inputs=tuple(by_name.get(slot.name, slot) for slot in subgraph.inputs),
        values={index: values[slot.name] for index, slot in enumerate(subgraph.inputs) if slot.name in values},
    )


def _output_side(instance: UiNode, subgraph: Subgraph) -> UiNode:
    """The instance as seen from outside: its outputs go on at wires inside."""
    ends = {link.target_slot: f"{instance.id}:{link.id}" for link in subgraph.links if link.target == _OUTPUTS}
    inputs = tuple(Slot(name=slot.name, type=slot.type, link=ends.get(i)) for i, slot in enumerate(subgraph.outputs))
    return replace(instance, type=SIDE, inputs=inputs, values={})


def _values(instance: UiNode) -> dict[str, Any]:
    """Values of the inputs that are widgets, by name."""
    if isinstance(instance.values, Mapping):
        return dict(instance.values)
    if instance.named and len(instance.named) >= len(instance.values):
        return dict(instance.named)
    widgets = [slot.name for slot in instance.inputs if slot.is_widget]
    return dict(zip(widgets, instance.values, strict=False))
