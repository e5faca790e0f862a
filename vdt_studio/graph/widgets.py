"""Values by position: `widgets_values` in the order of a node's schema, with the extra entries the editor adds."""

from __future__ import annotations

from typing import Any

from ..registry import NodeSchema

_CONTROL = ("fixed", "increment", "decrement", "randomize")


def widget_values(values: Any, schema: NodeSchema) -> dict[str, Any]:
    """Values of the widgets by name.

    Behind a seed stands what happens to it after a run; upload buttons and other extras stand at the end and are
    left out. Widgets that are younger than the file get their default.
    """
    if isinstance(values, dict):
        return {spec.id: values.get(spec.id, spec.default) for spec in schema.widgets}
    places = _places(values, schema)
    return {spec.id: values[places[spec.id]] if spec.id in places else spec.default for spec in schema.widgets}


def with_value(values: Any, schema: NodeSchema, name: str, value: Any) -> Any:
    """The values with another one for a widget; None where the file has no place for it."""
    if isinstance(values, dict):
        return {**values, name: value}
    place = _places(values, schema).get(name)
    return None if place is None else [*values[:place], value, *values[place + 1 :]]


def _places(values: list[Any], schema: NodeSchema) -> dict[str, int]:
    places: dict[str, int] = {}
    place = 0
    for spec in schema.widgets:
        if place >= len(values):
            break
        places[spec.id] = place
        place += 1
        if spec.is_controlled and place < len(values) and values[place] in _CONTROL:
            place += 1
    return places
