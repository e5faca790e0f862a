"""Follows wires back through what only exists on the canvas: reroutes, bypassed and muted nodes, primitives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import one_line
from ..schema import fits
from .editor import BYPASSED, MUTED, PRIMITIVE, REROUTE, SIDE, UiGraph, UiNode
from .records import Link


@dataclass(frozen=True)
class Constant:
    """A wire that begins at a primitive node: a value."""

    value: Any


@dataclass(frozen=True)
class Nothing:
    """A wire that leads nowhere, and why."""

    reason: str


Source = Link | Constant | Nothing


def resolve(graph: UiGraph, link_id: str) -> Source:
    """Where the value of a wire comes from when the graph runs."""
    seen: set[str] = set()
    while link_id not in seen:
        seen.add(link_id)
        link = graph.links.get(link_id)
        node = graph.nodes.get(link.origin) if link else None
        if link is None or node is None:
            return Nothing(f"link {one_line(link_id)} leads to nothing")
        if node.mode == MUTED:
            return Nothing(f"{node.ref} is muted")
        step = _through(node)
        if step is None:
            return _source(node, link.origin_slot)
        following = step(node, link.origin_slot)
        is_side = node.type == SIDE and isinstance(node.values, dict)
        if following is None and is_side and link.origin_slot in node.values:
            return Constant(node.values[link.origin_slot])
        if following is None:
            what = "is bypassed and has no input to pass on" if node.mode == BYPASSED else "is not connected"
            return Nothing(f"{node.ref} {what}")
        link_id = following
    return Nothing("its wires run in a circle")


def _source(node: UiNode, slot: int) -> Source:
    if node.type != PRIMITIVE:
        return Link(node.id, slot)
    values = list(node.values.values()) if isinstance(node.values, dict) else node.values
    return Constant(values[0]) if values else Nothing(f"{node.ref} holds no value")


def _through(node: UiNode) -> Callable[[UiNode, int], str | None] | None:
    """How a wire goes on behind this node; None where it ends."""
    if node.type == REROUTE:
        return lambda node, slot: node.inputs[0].link if node.inputs else None
    if node.type == SIDE:
        return lambda node, slot: node.inputs[slot].link if 0 <= slot < len(node.inputs) else None
    return _bypass if node.mode == BYPASSED else None


def _bypass(node: UiNode, slot: int) -> str | None:
    """The input that a bypassed node passes on: of the output's type, first at the same position, then in order."""
    wanted = node.outputs[slot].type if 0 <= slot < len(node.outputs) else "*"
    candidates = [*node.inputs[max(0, slot) : max(0, slot) + 1], *node.inputs]
    exact = [item.link for item in candidates if item.type == wanted and item.link is not None]
    fitting = [item.link for item in candidates if fits(item.type, wanted) and item.link is not None]
    return next(iter([*exact, *fitting]), None)
