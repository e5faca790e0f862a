"""What the server checks before it runs a graph: node types, required inputs, types of links, values."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Problem, one_line, sentence_of
from ..graph.records import ApiNode, Graph, Link
from ..registry import Registry, Verdict
from ..schema import InputSpec, NodeSchema, fits
from ..stock import ABSENT
from .order import Cycle, execution_order, sources
from .values import BadValue, check_value, convert

_SHOWN_NODES = 12  # of a circle


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The verdict: the graph with its values in the types of their inputs, and the outputs that can run."""

    graph: Graph
    outputs: tuple[str, ...]
    problems: tuple[Problem, ...]


def validate(graph: Graph, registry: Registry) -> Validation:
    """Check a graph; an output runs if nothing it needs has a problem. Unknown nodes stop everything."""
    unknown = tuple(_unknown(node) for node in graph if registry.get(node.class_type) is None)
    if unknown:
        return Validation(graph=graph, outputs=(), problems=unknown)
    by_class = {name: registry.types[name].schema() for name in {node.class_type for node in graph}}
    schemas = {node.id: by_class[node.class_type] for node in graph}
    wanted = [node.id for node in graph if schemas[node.id].is_output]
    if not wanted:
        sentence = "the graph has no output: add a node that saves or shows something, such as SaveVideo"
        return Validation(graph=graph, outputs=(), problems=(Problem(kind="prompt_no_outputs", sentence=sentence),))
    try:
        needed = execution_order(graph, wanted)
    except Cycle as cycle:
        return Validation(graph=graph, outputs=(), problems=(_cycle(graph, cycle),))
    checker = _Checker(graph, registry, schemas)
    nodes = {node_id: checker.check(node_id) for node_id in needed}
    problems = {node_id: found for node_id, (_, found) in nodes.items() if found}
    broken: set[str] = set()
    for node_id in needed:  # sources come first
        if node_id in problems or not broken.isdisjoint(sources(graph, node_id)):
            broken.add(node_id)
    good = [output for output in wanted if output not in broken]
    return Validation(
        graph=graph.replace(*(node for node, _ in nodes.values())),
        outputs=tuple(good),
        problems=tuple(problem for found in problems.values() for problem in found),
    )


def _unknown(node: ApiNode) -> Problem:
    name = one_line(node.class_type)
    if node.class_type in ABSENT or node.origin == "comfy-core":
        sentence = f"this runner does not have the stock node {name}: run this graph in ComfyUI"
    elif node.origin:
        sentence = f"this runner does not have the node {name}: it comes from the pack {one_line(node.origin)!r}"
    else:
        sentence = f"this runner does not have a node {name}: it has VDT's nodes and some stock nodes"
    return Problem(kind="missing_node_type", sentence=sentence, node=node.ref)


def _cycle(graph: Graph, cycle: Cycle) -> Problem:
    ids = cycle.node_ids
    way = " -> ".join(ids if len(ids) <= _SHOWN_NODES else [*ids[: _SHOWN_NODES - 1], "...", ids[-1]])
    node = graph[cycle.node_ids[0]].ref
    return Problem(kind="dependency_cycle", sentence=f"its links run in a circle: {way}", node=node)


class _Checker:
    """Checks single nodes of one graph."""

    def __init__(self, graph: Graph, registry: Registry, schemas: Mapping[str, NodeSchema]) -> None:
        self._graph = graph
        self._registry = registry
        self._schemas = schemas

    def check(self, node_id: str) -> tuple[ApiNode, list[Problem]]:
        """The node with converted values, and what is wrong with it."""
        node, schema = self._graph[node_id], self._schemas[node_id]
        inputs = dict(node.inputs)
        specs = schema.active(inputs).specs
        problems = []
        for spec in specs.values():
            try:
                self._check_input(node, spec, inputs)
            except BadValue as error:
                problems.append(Problem(kind=error.kind, sentence=str(error), node=node.ref, input_name=spec.id))
        node = dataclasses.replace(node, inputs=inputs)
        if problems:
            return node, problems
        return node, list(self._check_values(node, specs))

    def _check_input(self, node: ApiNode, spec: InputSpec, inputs: dict[str, Any]) -> None:
        """Convert a constant in `inputs`, or check the link; a dynamic combo without a value has its default."""
        if spec.branches is not None and inputs.get(spec.id) is None:
            inputs[spec.id] = spec.default
        if spec.id not in inputs:
            if spec.required:
                reason = f": {node.lost[spec.id]}" if spec.id in node.lost else ""
                raise BadValue("required_input_missing", f"the input {spec.id} ({spec.type}) is missing{reason}")
            return
        value = inputs[spec.id]
        if isinstance(value, Link):
            self._check_link(value, spec)
        else:
            inputs[spec.id] = convert(value, spec)

    def _check_link(self, link: Link, spec: InputSpec) -> None:
        if link.node_id not in self._graph:
            raise BadValue("bad_linked_input", f"the input {spec.id} is linked to node {link.node_id}: there is none")
        outputs = self._schemas[link.node_id].outputs
        if not 0 <= link.slot < len(outputs):
            source = self._graph[link.node_id].ref
            raise BadValue("bad_linked_input", f"the input {spec.id} is linked to output {link.slot} of {source}")
        got = outputs[link.slot]
        if not fits(got, spec.type):
            source = self._graph[link.node_id].ref
            raise BadValue("return_type_mismatch", f"the input {spec.id} takes {spec.type}, {source} gives {got}")

    def _check_values(self, node: ApiNode, specs: Mapping[str, InputSpec]) -> Iterator[Problem]:
        """The node's own check, then ranges and choices of what it did not name."""
        try:
            verdict = self._registry.types[node.class_type].validate(node.constants, self._link_types(node, specs))
        except Exception as error:
            verdict = Verdict(complaint=f"its check of the inputs failed: {sentence_of(error)}")
        if verdict.complaint:
            yield Problem(
                kind="custom_validation_failed",
                sentence=verdict.complaint,
                node=node.ref,
                input_name=_named_first(verdict.complaint, [name for name in specs if verdict.covers(name)]),
            )
        for spec in specs.values():
            value = node.inputs.get(spec.id)
            if value is None or isinstance(value, Link) or verdict.covers(spec.id):
                continue
            try:
                check_value(value, spec)
            except BadValue as error:
                yield Problem(kind=error.kind, sentence=str(error), node=node.ref, input_name=spec.id)

    def _link_types(self, node: ApiNode, specs: Mapping[str, InputSpec]) -> dict[str, str]:
        known = {name: link for name, link in node.links.items() if name in specs}
        return {name: self._schemas[link.node_id].outputs[link.slot] for name, link in known.items()}


def _named_first(sentence: str, names: list[str]) -> str | None:
    """Of the inputs that a check takes the one that its sentence names first, otherwise the first of them."""
    words = re.findall(r"[A-Za-z_]\w*", sentence)
    return next((word for word in words if word in names), names[0] if names else None)
