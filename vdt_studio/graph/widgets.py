"""Values of widgets: by position in the order of a node's schema, with the entries the editor adds, or by name."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from ..schema import InputSpec, NodeSchema

_CONTROL = ("fixed", "increment", "decrement", "randomize")


def widget_values(values: Any, named: Mapping[str, Any] | None, schema: NodeSchema) -> dict[str, Any]:
    """Values of the widgets by name, of `widgets_values` and `widgets_values_named`; old files have the first alone.

    A list counts as the editor reads it, by position; where a file names as many values as the list has, those names
    tell positions, so that a file of another version of the node is read right. Widgets that are younger than the file
    get their default.
    """
    found = _by_name(values, named, schema)
    return {spec.id: found.get(spec.id, spec.default) for spec in schema.widgets(found)}


def with_value(
    values: Any, named: Mapping[str, Any] | None, schema: NodeSchema, name: str, value: Any
) -> dict[str, Any] | None:
    """Both entries of a node with another value for a widget; None where the file has no place for it.

    The choice of a dynamic combo has no place: it brings other widgets along.
    """
    found = _by_name(values, named, schema)
    specs = {spec.id: spec for spec in schema.widgets(found)}
    if name not in specs or (specs[name].branches is not None and found.get(name) != value):
        return None
    renamed = {} if named is None else {"widgets_values_named": {**named, name: value}}
    if isinstance(values, Mapping):
        return {"widgets_values": {**values, name: value}, **renamed}
    place = _places(values or [], named, schema).get(name)
    if place is None:
        return renamed or None
    return {"widgets_values": [*values[:place], value, *values[place + 1 :]], **renamed}


def _by_name(values: Any, named: Mapping[str, Any] | None, schema: NodeSchema) -> dict[str, Any]:
    if isinstance(values, Mapping):
        return dict(values)
    values = values or []
    if named and len(named) != len(values) and len(values) < _count(values, schema):
        return dict(named)
    return {name: values[place] for name, place in _places(values, named, schema).items()}


def _places(values: Sequence[Any], named: Mapping[str, Any] | None, schema: NodeSchema) -> dict[str, int]:
    """Where in the list each widget has its value."""
    if named and len(named) == len(values):
        return {name: place for place, name in enumerate(named)}
    places: dict[str, int] = {}
    _walk(schema.inputs.values(), values, places)
    return {name: place for name, place in places.items() if place < len(values)}


def _count(values: Sequence[Any], schema: NodeSchema) -> int:
    """How many values a list must have to hold one for each widget."""
    places: dict[str, int] = {}
    _walk(schema.inputs.values(), values, places)
    return max(places.values(), default=-1) + 1


def _walk(specs: Iterable[InputSpec], values: Sequence[Any], places: dict[str, int]) -> None:
    walk = _lay_out(specs, values)
    for spec, place in walk:
        places[spec.id] = place


def _lay_out(
    specs: Iterable[InputSpec], values: Sequence[Any], place: int = 0
) -> Generator[tuple[InputSpec, int], None, int]:
    """Each widget with its place; returns the place behind them."""
    waiting_uploads = 0
    for spec in specs:
        if not spec.required and waiting_uploads:  # the button stands below what is required
            place, waiting_uploads = place + waiting_uploads, 0
        if not spec.is_stored:
            continue
        yield spec, place
        value = values[place] if place < len(values) else spec.default
        place += 1 + spec.more_places
        if spec.is_controlled and place < len(values) and values[place] in _CONTROL:
            place += 1
            if spec.choices is not None and place < len(values) and values[place] == "":
                place += 1  # the filter of a list whose choice changes after a run
        if spec.branches is not None:
            place = yield from _lay_out(spec.branch(value), values, place)
        waiting_uploads += spec.has_upload
    return place
