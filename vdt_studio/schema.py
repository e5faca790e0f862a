"""What a node class takes and gives, read from its entry of object_info, with inputs that others bring along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

WIDGET_TYPES = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
DYNAMIC_COMBO, AUTOGROW = "COMFY_DYNAMICCOMBO_V3", "COMFY_AUTOGROW_V3"
ANY_TYPES = ("*", "COMFY_MATCHTYPE_V3")  # what fits a match type, only the editor knows
# Types that the editor has a widget for which stores one value; what it shows around that is in _MORE_PLACES.
_EDITED = (
    *(*WIDGET_TYPES, DYNAMIC_COMBO, "COLOR", "COLORS", "BOUNDING_BOX", "BOUNDING_BOXES", "CURVE", "RANGE", "MARKDOWN"),
    *("AUDIO_RECORD", "WEBCAM", "COMPOSITOR", "LOAD_3D", "LOAD_3D_ANIMATION", "IMAGECOMPARE"),
)
_UNSTORED = {"IMAGECOMPARE": ["", ""]}  # is queued, but not saved
_MORE_PLACES = {"BOUNDING_BOX": 4, "AUDIO_RECORD": 1}  # x, y, width and height; a button
_CONTROLLED = ("seed", "noise_seed")  # the editor adds "control after generate" to these by their name
_MAX_GROWN = 100  # inputs of one growing group, as ComfyUI has it
_MAX_DEPTH = 16  # of dynamic combos within each other

Branches = Mapping[str, tuple["InputSpec", ...]]


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """One input of a node class; `path` is where its value stands in what the function gets."""

    id: str
    required: bool
    type: str  # "COMBO" for V1's lists too
    options: Mapping[str, Any]
    choices: tuple[Any, ...] | None = None  # of a combo
    path: tuple[str, ...] = ()
    branches: Branches | None = None  # of a dynamic combo: the inputs that each choice brings
    grown: tuple[InputSpec, ...] | None = None  # of a group that grows: all that it may have

    @property
    def is_widget(self) -> bool:
        """Whether it is edited on the node."""
        edited = self.type in _EDITED or bool(self.options.get("widgetType"))
        return edited and not self.options.get("forceInput") and self.grown is None

    @property
    def is_stored(self) -> bool:
        """Whether the editor saves its value, by position."""
        return self.is_widget and self.type not in _UNSTORED

    @property
    def is_controlled(self) -> bool:
        """Whether the editor stores what happens to the value after a run right behind it."""
        by_name = self.type == "INT" and self.id in _CONTROLLED
        return bool(self.options.get("control_after_generate", by_name))

    @property
    def has_upload(self) -> bool:
        """Whether the editor puts an upload button below the widgets of required inputs."""
        return any(self.options.get(f"{kind}_upload") for kind in ("image", "video", "audio", "file"))

    @property
    def more_places(self) -> int:
        """Values that the editor stores behind this one for parts of its widget."""
        return _MORE_PLACES.get(self.type, 0)

    @property
    def default(self) -> Any:
        """What the editor puts there at first."""
        if "default" in self.options:
            return self.options["default"]
        if self.choices is not None:
            return self.choices[0] if self.choices else None
        if self.type in _UNSTORED:
            return list(_UNSTORED[self.type])
        return {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False}.get(self.options.get("widgetType", self.type))

    def branch(self, value: Any) -> tuple[InputSpec, ...]:
        """The inputs that a choice of this dynamic combo brings; none for what is no choice."""
        return (self.branches or {}).get(value, ()) if isinstance(value, str) else ()


@dataclass(frozen=True, kw_only=True)
class Active:
    """The inputs that a node has for its values: by name, and the groups that its function gets even if empty."""

    specs: Mapping[str, InputSpec]
    groups: tuple[tuple[str, ...], ...] = ()

    def nested(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values by name as a function takes them: inputs that others brought along in dictionaries."""
        made: dict[str, Any] = {}
        for path in self.groups:
            _at(made, path)
        for name, value in values.items():
            *way, last = self.specs[name].path if name in self.specs else (name,)
            _at(made, way)[last] = value
        return made


@dataclass(frozen=True, kw_only=True)
class NodeSchema:
    """What graphs and the executor need to know of a node class."""

    inputs: Mapping[str, InputSpec]
    outputs: tuple[str, ...]
    output_is_list: tuple[bool, ...]
    hidden: Mapping[str, str] = field(default_factory=dict)  # name -> what is asked for, such as UNIQUE_ID
    is_output: bool = False

    def active(self, values: Mapping[str, Any]) -> Active:
        """The inputs that there are when these have these values; dynamic combos without one have their default."""
        specs: dict[str, InputSpec] = {}
        groups: list[tuple[str, ...]] = []
        for spec in _active(self.inputs.values(), values, groups):
            specs[spec.id] = spec
        return Active(specs=specs, groups=tuple(groups))

    def widgets(self, values: Mapping[str, Any]) -> list[InputSpec]:
        """The inputs that are edited on the node when these have these values."""
        return [spec for spec in self.active(values).specs.values() if spec.is_widget]

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> NodeSchema:
        """Read an entry of object_info."""
        order = info.get("input_order") or {}
        kinds = {kind: _ordered(entries or {}, order.get(kind)) for kind, entries in info["input"].items()}
        hidden = {
            name: value[0] if isinstance(value, (list, tuple)) else value
            for name, value in (kinds.get("hidden") or {}).items()
        }
        return cls(
            inputs={spec.id: spec for spec in _specs(kinds, ())},
            outputs=tuple("COMBO" if isinstance(kind, list) else str(kind) for kind in info["output"]),
            output_is_list=tuple(info["output_is_list"]),
            hidden={name: str(value) for name, value in hidden.items()},
            is_output=bool(info["output_node"]),
        )


def fits(got: str, expected: str) -> bool:
    """Whether a link may join these types; both may name several, and * takes all."""
    if got in ANY_TYPES or expected in ANY_TYPES or got == expected:
        return True
    return not {part.strip() for part in got.split(",")}.isdisjoint(part.strip() for part in expected.split(","))


def _ordered(entries: Mapping[str, Any], order: Any) -> dict[str, Any]:
    """Entries in the order that object_info states beside them, as the editor has them."""
    first = [name for name in order or () if name in entries]
    return {name: entries[name] for name in [*first, *entries]}


def _active(
    specs: Iterable[InputSpec], values: Mapping[str, Any], groups: list[tuple[str, ...]]
) -> Iterator[InputSpec]:
    for spec in specs:
        if spec.grown is not None:
            groups.append(spec.path)
            yield from (item for item in spec.grown if item.required or item.id in values)
            continue
        yield spec
        if spec.branches is not None:
            value = values.get(spec.id)
            yield from _active(spec.branch(spec.default if value is None else value), values, groups)


def _specs(kinds: Mapping[str, Any], prefix: tuple[str, ...]) -> list[InputSpec]:
    """The inputs of a node, or those that a choice of a dynamic combo brings."""
    listed = [
        (name, entry, kind) for kind in ("required", "optional") for name, entry in (kinds.get(kind) or {}).items()
    ]
    return [_spec(name, entry, prefix, required=kind == "required") for name, entry, kind in listed]


def _spec(name: str, entry: Any, prefix: tuple[str, ...], *, required: bool) -> InputSpec:
    declared = entry[0]
    options = dict(entry[1]) if len(entry) > 1 and entry[1] else {}
    is_list = isinstance(declared, (list, tuple))  # V1 lists the choices in place of the type
    choices = declared if is_list else options.get("options") if declared == "COMBO" else None
    way = (*prefix, name)
    branches = grown = None
    if declared == DYNAMIC_COMBO and len(prefix) < _MAX_DEPTH:
        branches = {option["key"]: tuple(_specs(option.get("inputs") or {}, way)) for option in options["options"]}
        choices = tuple(branches)
    elif declared == AUTOGROW:
        grown = tuple(_grown(options["template"], way))
    return InputSpec(
        id=".".join(way),
        required=required,
        type="COMBO" if is_list else str(declared),
        options=options,
        choices=None if choices is None else tuple(choices),
        path=(*way, name) if branches is not None else way,
        branches=branches,
        grown=grown,
    )


def _grown(template: Mapping[str, Any], way: tuple[str, ...]) -> Iterator[InputSpec]:
    """All inputs that a growing group may have; the first `min` of them it must have."""
    kind, entries = next(((kind, entries) for kind, entries in template["input"].items() if entries))
    entry = next(iter(entries.values()))
    names = template.get("names") or [f"{template.get('prefix', '')}{i}" for i in range(int(template.get("max", 1)))]
    for number, name in enumerate(names[:_MAX_GROWN]):
        yield _spec(name, entry, way, required=kind == "required" and number < template.get("min", 0))


def _at(made: dict[str, Any], path: Iterable[str]) -> dict[str, Any]:
    for part in path:
        made = made.setdefault(part, {})
    return made
