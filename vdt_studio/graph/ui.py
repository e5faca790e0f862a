"""From the editor's form to the executable one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..registry import Registry
from .editor import BYPASSED, MUTED, NOTES, PRIMITIVE, REROUTE, SIDE, UiGraph, UiNode, parse
from .links import Constant, Nothing, resolve
from .records import ApiNode, Graph
from .subgraphs import unpack
from .widgets import widget_values


def from_ui(data: Mapping[str, Any], registry: Registry) -> Graph:
    """Convert a saved workflow; nodes this runner lacks stay, for the validation to name them."""
    canvas = unpack(parse(data))
    nodes = [_convert(node, canvas, registry) for node in canvas.nodes.values() if _runs(node)]
    return Graph({node.id: node for node in nodes})


def _runs(node: UiNode) -> bool:
    return node.mode not in (MUTED, BYPASSED) and node.type not in (*NOTES, REROUTE, PRIMITIVE, SIDE)


def _convert(node: UiNode, canvas: UiGraph, registry: Registry) -> ApiNode:
    known = registry.get(node.type)
    inputs = widget_values(node.values, known.schema()) if known else {}
    lost = {}
    for slot in node.inputs:
        if slot.link is None:
            continue
        source = resolve(canvas, slot.link)
        if isinstance(source, Nothing):
            lost[slot.name] = source.reason  # a widget keeps its own value
        else:
            inputs[slot.name] = source.value if isinstance(source, Constant) else source
    title = node.title if node.title else None
    return ApiNode(id=node.id, class_type=node.type, inputs=inputs, title=title, origin=node.origin, lost=lost)
