"""Constants in a graph: brought into the type of their input, and held against its range and choices."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import Any

from vdt.bounds import shown

from ..limits import MAX_INT
from ..schema import WIDGET_TYPES, InputSpec

# Types of which no constant exists: a value there is a link that got lost.
_LINKED_ONLY = ("IMAGE", "MASK", "LATENT", "VAE", "MODEL", "CONDITIONING", "VIDEO", "AUDIO", "CLIP")
_NAMED_CHOICES = 12


class BadValue(ValueError):  # noqa: N818
    """An input that cannot be used; `kind` is the server's name for the reason."""

    def __init__(self, kind: str, sentence: str) -> None:
        self.kind = kind
        super().__init__(sentence)


def convert(value: Any, spec: InputSpec) -> Any:
    """The value as the input's type has it: "7" is 7 for an INT."""
    if spec.type in _LINKED_ONLY and value is not None:
        raise BadValue("bad_linked_input", f"the input {spec.id} takes a link ({spec.type}), got {shown(value)}")
    if value is None and spec.type in WIDGET_TYPES:
        raise BadValue("required_input_missing", f"the input {spec.id} ({spec.type}) has no value")
    if spec.type not in _CONVERT:
        return value
    try:
        converted = _CONVERT[spec.type](value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadValue("invalid_input_type", f"the input {spec.id} takes {spec.type}, got {shown(value)}") from error
    if isinstance(converted, float) and not math.isfinite(converted):
        raise BadValue("invalid_input_type", f"the input {spec.id} takes a finite number, got {shown(value)}")
    return converted


def check_value(value: Any, spec: InputSpec) -> None:
    """Hold a converted value against range and choices; whole numbers without a range against that of seeds."""
    if spec.type in ("INT", "FLOAT"):
        unstated = (-MAX_INT, MAX_INT) if spec.type == "INT" else (-math.inf, math.inf)
        least, most = (
            stated if isinstance(stated := spec.options.get(name), (int, float)) else otherwise
            for name, otherwise in zip(("min", "max"), unstated, strict=True)
        )
        if value < least:
            raise BadValue(
                "value_smaller_than_min", f"the input {spec.id} is {shown(value)}, expected at least {least}"
            )
        if value > most:
            raise BadValue("value_bigger_than_max", f"the input {spec.id} is {shown(value)}, expected at most {most}")
    elif spec.choices is not None:
        chosen = value if spec.options.get("multiselect") and isinstance(value, list) else [value]
        for item in chosen:
            if item not in spec.choices:
                raise BadValue(
                    "value_not_in_list", f"the input {spec.id} is {shown(item)}, expected {_expected(item, spec)}"
                )


def _expected(value: Any, spec: InputSpec) -> str:
    choices = [str(choice) for choice in spec.choices or ()]
    if not choices:
        return "one of a list that is empty here"
    if len(choices) <= _NAMED_CHOICES:
        return f"one of {', '.join(choices)}"
    near = difflib.get_close_matches(shown(value), choices, 3) or choices[:3]
    return f"one of {len(choices)} choices such as {', '.join(near)}"


def _switch(value: Any) -> bool:
    words = {"true": True, "false": False}
    return words[value.lower()] if isinstance(value, str) and value.lower() in words else bool(value)


_CONVERT: dict[str, Callable[[Any], Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": _switch}
