"""What a V3 node is: a schema that describes it, class methods that do the work, and a record of what it returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .dynamic import MatchType, input_dict
from .sockets import Input, Output


class Hidden(str, Enum):
    """What a node may ask of its host."""

    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"
    dynprompt = "DYNPROMPT"


@dataclass(frozen=True, kw_only=True)
class HiddenHolder:
    """The answers; None for what was not asked."""

    unique_id: str | None = None
    prompt: Any = None
    extra_pnginfo: Any = None
    dynprompt: Any = None


@dataclass
class Schema:
    """The description of a node; the fields are those of ComfyUI 0.33."""

    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    description: str = ""
    search_aliases: list[str] = field(default_factory=list)
    is_input_list: bool = False
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    is_dev_only: bool = False
    is_api_node: bool = False
    price_badge: Any = None  # no node here has a price
    not_idempotent: bool = False
    enable_expand: bool = False
    accept_all_inputs: bool = False
    essentials_category: str | None = None
    has_intermediate_output: bool = False

    def finalize(self) -> None:
        """Output nodes always know the graph they belong to: saved files carry it."""
        if self.is_output_node:
            self.hidden = list(dict.fromkeys([*self.hidden, Hidden.prompt, Hidden.extra_pnginfo]))
        for index, output in enumerate(self.outputs):
            output.id = output.id or f"_{index}_{output.io_type}_"

    def validate(self) -> None:
        for what, ids in (("input", [i.id for i in self.inputs]), ("output", [o.id for o in self.outputs])):
            twice = [name for name, count in Counter(ids).items() if count > 1]
            if twice:
                raise ValueError(f"the schema of {self.node_id} has the {what} {twice[0]!r} twice")

    def get_v1_info(self, cls: type) -> dict[str, Any]:
        """The entry of object_info."""
        inputs = input_dict(self.inputs)
        if self.hidden:
            inputs["hidden"] = {item.name: [item.value] for item in self.hidden}
        matched = [item.template.template_id if isinstance(item, MatchType.Output) else None for item in self.outputs]
        return {
            "input": inputs,
            "input_order": {kind: list(entries) for kind, entries in inputs.items()},
            "is_input_list": self.is_input_list,
            "output": [output.io_type for output in self.outputs],
            "output_is_list": [output.is_output_list for output in self.outputs],
            "output_name": [output.display_name or output.io_type for output in self.outputs],
            "output_tooltips": [output.tooltip for output in self.outputs],
            "output_matchtypes": matched if any(matched) else None,
            "name": self.node_id,
            "display_name": self.display_name,
            "category": self.category,
            "description": self.description,
            "output_node": self.is_output_node,
            "has_intermediate_output": self.has_intermediate_output,
            "deprecated": self.is_deprecated,
            "experimental": self.is_experimental,
            "dev_only": self.is_dev_only,
            "python_module": getattr(cls, "RELATIVE_PYTHON_MODULE", None) or "nodes",
            "api_node": self.is_api_node,
            "price_badge": None,
            "search_aliases": self.search_aliases or None,
            "essentials_category": self.essentials_category,
        }


class NodeOutput:
    """What `execute` returns: one value per output, and what the editor shows."""

    def __init__(
        self, *args: Any, ui: Any = None, expand: dict[str, Any] | None = None, block_execution: str | None = None
    ) -> None:
        self.args = args
        self.ui = ui
        self.expand = expand
        self.block_execution = block_execution

    @property
    def result(self) -> tuple[Any, ...] | None:
        return self.args or None


class _NodeMeta(type):
    """Node classes are shared by all runs: the one that a run gets refuses to be written to."""

    def __setattr__(cls, name: str, value: Any) -> None:
        if cls.__dict__.get("_locked"):
            raise AttributeError(f"{cls.__name__}.{name} cannot be set while the node runs: nodes keep no state")
        super().__setattr__(name, value)


class ComfyNode(metaclass=_NodeMeta):
    """Base of all nodes. Also looked for: validate_inputs and fingerprint_inputs, where a node defines them."""

    RELATIVE_PYTHON_MODULE: str | None = None
    hidden = HiddenHolder()

    @classmethod
    def define_schema(cls) -> Schema:
        raise NotImplementedError(f"{cls.__name__} has no define_schema")

    @classmethod
    def execute(cls, **kwargs: Any) -> NodeOutput:
        raise NotImplementedError(f"{cls.__name__} has no execute")

    @classmethod
    def GET_SCHEMA(cls) -> Schema:  # noqa: N802 - the name hosts use
        """The schema, made anew: lists of files change."""
        schema = cls.define_schema()
        schema.finalize()
        schema.validate()
        return schema

    @classmethod
    def GET_NODE_INFO_V1(cls) -> dict[str, Any]:  # noqa: N802
        return cls.GET_SCHEMA().get_v1_info(cls)

    @classmethod
    def for_run(cls, hidden: Mapping[str, Any]) -> type[ComfyNode]:
        """A locked subclass that knows its hidden values, for one execution."""
        own: Any = _NodeMeta(cls.__name__, (cls,), {"hidden": HiddenHolder(**hidden), "_locked": True})
        return own
