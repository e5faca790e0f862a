"""The node classes a runner has, each described by its entry of object_info, whichever style it is written in."""

from __future__ import annotations

import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .schema import NodeSchema

_log = logging.getLogger(__name__)
__all__ = ["NodeSchema", "NodeType", "Registry", "V1Node", "V3Node", "Verdict"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A node's own check of its constants, and which inputs it takes out of the general checks by naming them."""

    names: frozenset[str] = frozenset()
    complaint: str | None = None
    takes_all: bool = False

    def covers(self, name: str) -> bool:
        return self.takes_all or name in self.names


class NodeType(ABC):
    """A node class under its name in graphs."""

    def __init__(self, name: str, cls: type, module: str, display_name: str | None = None) -> None:
        self.name = name
        self.cls = cls
        self.module = module
        self.display_name = display_name

    @abstractmethod
    def info(self) -> dict[str, Any]:
        """The entry of object_info, made anew: lists of files change."""

    @abstractmethod
    def bind(self, hidden: Mapping[str, str], values: Mapping[str, Any]) -> Callable[..., Any]:
        """The function that does the work, for one execution; `values` are by what is asked for (UNIQUE_ID, ...)."""

    @property
    @abstractmethod
    def takes_lists(self) -> bool:
        """Whether the function gets whole lists instead of one call per item."""

    @property
    @abstractmethod
    def is_idempotent(self) -> bool:
        """Whether two nodes with the same inputs may share a result."""

    @abstractmethod
    def _check(self, name: str) -> Callable[..., Any] | None:
        """One of the optional methods, "validate" or "fingerprint"."""

    def schema(self) -> NodeSchema:
        return NodeSchema.from_info(self.info())

    def fingerprint(self, constants: Mapping[str, Any]) -> Any:
        """What the node says of the world outside the graph; linked inputs are None. None if it says nothing."""
        function = self._check("fingerprint")
        return None if function is None else function(**_accepted(function, constants))

    def validate(self, constants: Mapping[str, Any], types: Mapping[str, str]) -> Verdict:
        """Ask the node itself about its constants (linked inputs are None); `types` are those of the links."""
        function = self._check("validate")
        if function is None:
            return Verdict()
        parameters = inspect.signature(function).parameters.values()
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        names = frozenset(parameter.name for parameter in parameters)
        arguments = _accepted(function, constants)
        if "input_types" in names:
            arguments["input_types"] = dict(types)
        answer = function(**arguments)
        complaint = None if answer is True else answer if isinstance(answer, str) else "its inputs do not fit together"
        return Verdict(names=names, complaint=complaint, takes_all=takes_all)


class V1Node(NodeType):
    """A class with INPUT_TYPES and RETURN_TYPES."""

    def info(self) -> dict[str, Any]:
        cls: Any = self.cls
        inputs = {kind: {name: _as_list(entry) for name, entry in of.items()} for kind, of in cls.INPUT_TYPES().items()}
        if "hidden" in inputs:
            inputs["hidden"] = dict(cls.INPUT_TYPES()["hidden"])
        outputs = list(cls.RETURN_TYPES)
        info = {
            "input": inputs,
            "input_order": {kind: list(entries) for kind, entries in inputs.items()},
            "output": outputs,
            "output_is_list": list(getattr(cls, "OUTPUT_IS_LIST", [False] * len(outputs))),
            "output_name": list(getattr(cls, "RETURN_NAMES", outputs)),
            "name": self.name,
            "display_name": self.display_name or self.name,
            "description": getattr(cls, "DESCRIPTION", ""),
            "python_module": self.module,
            "category": getattr(cls, "CATEGORY", "sd"),
            "output_node": bool(getattr(cls, "OUTPUT_NODE", False)),
        }
        flags = {"deprecated": "DEPRECATED", "experimental": "EXPERIMENTAL", "dev_only": "DEV_ONLY"}
        flags["api_node"] = "API_NODE"
        info |= {key: True for key, name in flags.items() if getattr(cls, name, False)}
        info["search_aliases"] = list(getattr(cls, "SEARCH_ALIASES", ()))
        info["is_input_list"] = self.takes_lists
        info["has_intermediate_output"] = bool(getattr(cls, "HAS_INTERMEDIATE_OUTPUT", False))
        if hasattr(cls, "ESSENTIALS_CATEGORY"):
            info["essentials_category"] = cls.ESSENTIALS_CATEGORY
        if hasattr(cls, "OUTPUT_TOOLTIPS"):
            info["output_tooltips"] = list(cls.OUTPUT_TOOLTIPS)
        return info

    def bind(self, hidden: Mapping[str, str], values: Mapping[str, Any]) -> Callable[..., Any]:
        cls: Any = self.cls
        function = getattr(cls(), cls.FUNCTION)
        extra = {name: values.get(asked) for name, asked in hidden.items()}
        return lambda **inputs: function(**inputs, **extra)

    @property
    def takes_lists(self) -> bool:
        return bool(getattr(self.cls, "INPUT_IS_LIST", False))

    @property
    def is_idempotent(self) -> bool:
        return not getattr(self.cls, "NOT_IDEMPOTENT", False)

    def _check(self, name: str) -> Callable[..., Any] | None:
        return getattr(self.cls, {"validate": "VALIDATE_INPUTS", "fingerprint": "IS_CHANGED"}[name], None)


class V3Node(NodeType):
    """A class with define_schema and execute."""

    def info(self) -> dict[str, Any]:
        cls: Any = self.cls
        return {**cls.GET_NODE_INFO_V1(), "python_module": self.module}

    def bind(self, hidden: Mapping[str, str], values: Mapping[str, Any]) -> Callable[..., Any]:
        cls: Any = self.cls
        return cls.for_run({name: values.get(asked) for name, asked in hidden.items()}).execute

    @property
    def takes_lists(self) -> bool:
        cls: Any = self.cls
        return cls.GET_SCHEMA().is_input_list

    @property
    def is_idempotent(self) -> bool:
        cls: Any = self.cls
        return not cls.GET_SCHEMA().not_idempotent

    def _check(self, name: str) -> Callable[..., Any] | None:
        return getattr(self.cls, {"validate": "validate_inputs", "fingerprint": "fingerprint_inputs"}[name], None)


@dataclass(frozen=True)
class Registry:
    """All node types by name."""

    types: dict[str, NodeType] = field(default_factory=dict)

    def add(self, cls: type, *, module: str, name: str | None = None, display_name: str | None = None) -> None:
        """Register a class; V3 classes know their name, V1 classes need one."""
        if hasattr(cls, "define_schema"):
            name = name or cls.GET_SCHEMA().node_id  # type: ignore[attr-defined]
            self.types[name] = V3Node(name, cls, module, display_name)
        else:
            assert name is not None
            self.types[name] = V1Node(name, cls, module, display_name)

    def get(self, name: str) -> NodeType | None:
        return self.types.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.types)

    def object_info(self) -> dict[str, Any]:
        """What editors ask for; a node that cannot describe itself is left out, and said in the log."""
        found = {}
        for name, node in self.types.items():
            try:
                found[name] = node.info()
            except Exception as error:
                _log.warning("the node %s cannot describe itself: %s: %s", name, type(error).__name__, error)
        return found


def _as_list(entry: Any) -> list[Any]:
    return list(entry) if isinstance(entry, (list, tuple)) else entry


def _accepted(function: Callable[..., Any], constants: Mapping[str, Any]) -> dict[str, Any]:
    """The constants that a function has parameters for."""
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(constants)
    return {name: value for name, value in constants.items() if name in parameters}
