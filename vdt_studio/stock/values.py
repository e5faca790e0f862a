"""Single values: typed in, and shown."""

from __future__ import annotations

import json
import sys
from typing import Any

from ..shim.comfy_api.latest import io


class PrimitiveInt(io.ComfyNode):
    """A whole number for several inputs."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        value = io.Int.Input("value", min=-sys.maxsize, max=sys.maxsize, control_after_generate="fixed")
        return io.Schema(
            node_id="PrimitiveInt",
            display_name="Int",
            category="utilities/primitive",
            inputs=[value],
            outputs=[io.Int.Output()],
        )

    @classmethod
    def execute(cls, value: int) -> io.NodeOutput:
        return io.NodeOutput(value)


class PrimitiveFloat(io.ComfyNode):
    """A number for several inputs."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="PrimitiveFloat",
            display_name="Float",
            category="utilities/primitive",
            inputs=[io.Float.Input("value", min=-sys.maxsize, max=sys.maxsize, step=0.1)],
            outputs=[io.Float.Output()],
        )

    @classmethod
    def execute(cls, value: float) -> io.NodeOutput:
        return io.NodeOutput(value)


class PreviewAny:
    """Anything, as text."""

    CATEGORY = "utilities"
    SEARCH_ALIASES = ("show output", "inspect", "debug", "print value", "show text")
    RETURN_TYPES = ("STRING",)
    OUTPUT_NODE = True
    FUNCTION = "show"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"source": ("*", {})}}

    def show(self, source: Any = None) -> dict[str, Any]:
        text = _text(source)
        return {"ui": {"text": (text,)}, "result": (text,)}


def _text(value: Any) -> str:
    if isinstance(value, (str, int, float, bool)) or value is None:
        return str(value)
    try:
        return json.dumps(value, indent=4)
    except (TypeError, ValueError):
        return str(value)
