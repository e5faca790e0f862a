"""From the editor's form to the executable one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..registry import Registry
from ..schema import NodeSchema
from .editor import BYPASSED, MUTED, NOTES, PRIMITIVE, REROUTE, SIDE, UiGraph, UiNode, parse
from .links import Constant, Nothing, resolve
from .records import ApiNode, Graph, check_depth
from .subgraphs import unpack
from .widgets import widget_values


def from_ui(data: Mapping[str, Any], registry: Registry) -> Graph:
    """Convert a saved workflow; nodes this runner lacks stay, for the validation to name them."""
    canvas = unpack(parse(data))
    nodes = [node for node in canvas.nodes.values() if _runs(node)]
    known = {name: registry.get(name) for name in {node.type for node in nodes}}
    schemas = {name: node_type.schema() for name, node_type in known.items() if node_type is not None}
    return Graph({node.id: _convert(node, canvas, schemas.get(node.type)) for node in nodes})


def _runs(node: UiNode) -> bool:
    return node.mode not in (MUTED, BYPASSED) and node.type not in (*NOTES, REROUTE, PRIMITIVE, SIDE)


def _convert(node: UiNode, canvas: UiGraph, schema: NodeSchema | None) -> ApiNode:
    inputs = {} if schema is None else widget_values(node.values, node.named, schema)
    inputs = {name: check_depth(value, node.id, name) for name, value in inputs.items()}
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
