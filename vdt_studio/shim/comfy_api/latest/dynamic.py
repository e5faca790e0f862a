"""Inputs that bring others along, grow, or take several types; their form on the wire is that of ComfyUI 0.33."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

from .sockets import Input as SocketInput
from .sockets import Output as SocketOutput
from .sockets import WidgetInput

MOST_NAMES = 100  # inputs of one group


class DynamicInput(SocketInput):
    """An input whose value decides about others."""


class DynamicCombo:
    """A choice that brings inputs along; `execute` gets {id: choice, input: value, ...}."""

    io_type = "COMFY_DYNAMICCOMBO_V3"
    Type = dict

    class Option:
        """A choice, and the inputs that it brings."""

        def __init__(self, key: str, inputs: Sequence[SocketInput]) -> None:
            self.key = key
            self.inputs = list(inputs)

        def as_dict(self) -> dict[str, Any]:
            return {"key": self.key, "inputs": input_dict(self.inputs)}

    class Input(DynamicInput):
        """The choice itself."""

        io_type = "COMFY_DYNAMICCOMBO_V3"

        def __init__(self, id: str, options: Sequence[DynamicCombo.Option], *args: Any, **kw: Any) -> None:
            super().__init__(id, *args, **kw)
            self.choices = list(options)

        def as_dict(self) -> dict[str, Any]:
            return {**super().as_dict(), "options": [option.as_dict() for option in self.choices]}


class Autogrow:
    """As many sockets of one kind as are connected; `execute` gets {name: value}."""

    io_type = "COMFY_AUTOGROW_V3"
    Type = dict

    class _Template:
        def __init__(self, input: SocketInput, **own: Any) -> None:
            assert not isinstance(input, DynamicInput), "a group grows of plain inputs"
            self.input = copy.copy(input)
            if isinstance(self.input, WidgetInput):
                self.input.options = {**self.input.options, "forceInput": True}
            self.own = own

        def as_dict(self) -> dict[str, Any]:
            kinds = {kind: entries for kind, entries in input_dict([self.input]).items() if entries}
            return {"input": kinds, **self.own}

    class TemplatePrefix(_Template):
        """Inputs called prefix0, prefix1, ..."""

        def __init__(self, input: SocketInput, prefix: str, min: int = 1, max: int = 10) -> None:
            assert min >= 0 and 1 <= max <= MOST_NAMES, (min, max)
            super().__init__(input, prefix=prefix, min=min, max=max)

    class TemplateNames(_Template):
        """Inputs of these names."""

        def __init__(self, input: SocketInput, names: Sequence[str], min: int = 1) -> None:
            super().__init__(input, names=list(names)[:MOST_NAMES], min=min)

    class Input(DynamicInput):
        """The group."""

        io_type = "COMFY_AUTOGROW_V3"

        def __init__(self, id: str, template: Autogrow._Template, *args: Any, **kw: Any) -> None:
            super().__init__(id, *args, **kw)
            self.template = template

        def as_dict(self) -> dict[str, Any]:
            return {**super().as_dict(), "template": self.template.as_dict()}


class MatchType:
    """Sockets that all have the same type, whichever is connected first; only the editor checks that."""

    io_type = "COMFY_MATCHTYPE_V3"
    Type = Any

    class Template:
        """What belongs together, and which types it may have (classes such as io.Image)."""

        def __init__(self, template_id: str, allowed_types: Any = None) -> None:
            self.template_id = template_id
            kinds = allowed_types if isinstance(allowed_types, Iterable) else [allowed_types]
            self.allowed_types = [kind for kind in kinds if kind is not None]

        def as_dict(self) -> dict[str, Any]:
            names = ",".join(kind.io_type for kind in self.allowed_types) or "*"
            return {"template_id": self.template_id, "allowed_types": names}

    class Input(SocketInput):
        """A socket of the template's type."""

        io_type = "COMFY_MATCHTYPE_V3"

        def __init__(self, id: str, template: MatchType.Template, *args: Any, **kw: Any) -> None:
            super().__init__(id, *args, **kw)
            self.template = template

        def as_dict(self) -> dict[str, Any]:
            return {**super().as_dict(), "template": self.template.as_dict()}

    class Output(SocketOutput):
        """An output of the template's type."""

        io_type = "COMFY_MATCHTYPE_V3"

        def __init__(self, template: MatchType.Template, id: str | None = None, *args: Any, **kw: Any) -> None:
            super().__init__(id, *args, **kw)
            self.display_name = self.display_name or (None if id else "MATCHTYPE")
            self.template = template


class MultiType:
    """An input that takes several types; given an input with a widget, it has that widget."""

    io_type = "COMFY_MULTITYPED_V3"
    Type = Any

    class Input(SocketInput):
        """The input; `types` are classes such as io.Image."""

        def __init__(self, id: str | SocketInput, types: Sequence[Any], *args: Any, **kw: Any) -> None:
            self.edited = id if isinstance(id, SocketInput) else None
            super().__init__(id.id if isinstance(id, SocketInput) else id, *args, **kw)
            names = [kind.io_type for kind in types]
            if self.edited is not None:
                self.optional = self.edited.optional or self.optional
                names.insert(0, self.edited.get_io_type())
                said = {name: value for name, value in self.options.items() if value is not None}
                widget = self.edited.get_io_type() if isinstance(self.edited, WidgetInput) else None
                self.options = {**self.edited.options, **said, "widgetType": widget}
            self.names = list(dict.fromkeys(names))

        def get_io_type(self) -> str:
            return ",".join(self.names)


def input_dict(inputs: Sequence[SocketInput]) -> dict[str, dict[str, Any]]:
    """Inputs as object_info has them."""
    made: dict[str, dict[str, Any]] = {"required": {}}
    for item in inputs:
        kind = "optional" if item.optional else "required"
        made.setdefault(kind, {})[item.id] = [item.get_io_type(), item.as_dict()]
    return made
