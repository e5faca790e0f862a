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
    widgets = schema.widgets
    if isinstance(values, dict):
        return {spec.id: values.get(spec.id, spec.default) for spec in widgets}
    rest = list(values)
    result = {}
    for spec in widgets:
        result[spec.id] = rest.pop(0) if rest else spec.default
        if spec.is_controlled and rest and rest[0] in _CONTROL:
            rest.pop(0)
    return result
