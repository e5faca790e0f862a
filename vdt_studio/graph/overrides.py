"""`--set NODE.INPUT=VALUE`: values from the command line in place of those in the graph."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from ..errors import GraphError
from ..registry import Registry
from ..schema import InputSpec, NodeSchema
from .records import ApiNode, Graph, Workflow
from .widgets import with_value


@dataclass(frozen=True, kw_only=True)
class Override:
    """One value for one input; the node is an id, a title or a class."""

    node: str
    input: str
    text: str


def parse_override(text: str) -> Override:
    """Read NODE.INPUT=VALUE; the last dot before the first = parts node and input."""
    target, equals, value = text.partition("=")
    node, dot, name = target.rpartition(".")
    if not (equals and dot and node and name):
        raise GraphError(f"cannot read --set {text!r}: expected NODE.INPUT=VALUE, such as 3.steps=20")
    return Override(node=node.strip(), input=name.strip(), text=value)


def apply_override(workflow: Workflow, override: Override, registry: Registry) -> Workflow:
    """The workflow with this value, in the drawn graph too; GraphError names what there is where nothing is meant.

    A value that the drawn graph has no place for, such as one in a subgraph, leaves the executed graph alone: the
    editor can open that too, and the drawn one would tell of another run.
    """
    node = _find(workflow.graph, override.node)
    known = registry.get(node.class_type)
    if known is None:
        inputs = {**node.inputs, override.input: _value(override.text, None)}
        graph = workflow.graph.replace(dataclasses.replace(node, inputs=inputs))
        return dataclasses.replace(workflow, graph=graph, ui=None)
    schema = known.schema()
    specs = schema.active(node.inputs).specs
    if override.input not in specs:
        raise GraphError(f"{node.ref}: --set got the input {override.input!r}, expected one of {', '.join(specs)}")
    value = _value(override.text, specs[override.input])
    inputs = {**node.inputs, override.input: value}
    if specs[override.input].branches is not None:  # another choice brings other inputs along
        inputs = {**{spec.id: spec.default for spec in schema.widgets(inputs)}, **inputs}
    graph = workflow.graph.replace(dataclasses.replace(node, inputs=inputs))
    drawn = workflow.ui and _drawn(workflow.ui, node, schema, override.input, value)
    return dataclasses.replace(workflow, graph=graph, ui=drawn or None)


def _drawn(ui: dict[str, Any], node: ApiNode, schema: NodeSchema, name: str, value: Any) -> dict[str, Any] | None:
    """The editor's form with this value on its widget; None if a wire brings it or the canvas lacks it."""
    entries = list(ui["nodes"])
    place = next((place for place, entry in enumerate(entries) if str(entry["id"]) == node.id), None)
    if place is None or any(
        slot.get("name") == name and slot.get("link") for slot in entries[place].get("inputs") or ()
    ):
        return None
    entry = entries[place]
    named = entry.get("widgets_values_named")
    changed = with_value(entry.get("widgets_values"), named if isinstance(named, dict) else None, schema, name, value)
    if changed is None:
        return None
    entries[place] = {**entry, **changed}
    return {**ui, "nodes": entries}


def _find(graph: Graph, name: str) -> ApiNode:
    if name in graph:
        return graph[name]
    found = [node for node in graph if node.title == name] or [node for node in graph if node.class_type == name]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(node.id for node in found)
        raise GraphError(f"--set got the node {name!r}, of which there are {len(found)}: use one of the ids {ids}")
    there = ", ".join(str(node.ref) for node in graph)
    raise GraphError(f"--set got the node {name!r}, expected an id, title or class of: {there}")


def _value(text: str, spec: InputSpec | None) -> Any:
    """Text for texts, the choice that is spelled so for combos, else JSON where it is a number, true or false."""
    if spec is not None and spec.type == "STRING":
        return text
    if spec is not None and spec.choices is not None:
        return next((choice for choice in spec.choices if str(choice) == text), text)
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (int, float, str)) else text
