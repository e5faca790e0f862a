"""One execution of one node: lists are spread over calls, results gathered, whatever style the node has."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..schema import NodeSchema
from .cache import NodeResult

Values = Mapping[str, list[Any]]


def call(function: Callable[..., Any], inputs: Values, schema: NodeSchema, *, takes_lists: bool) -> NodeResult:
    """Call a node's function on lists of values: once with all of them, or once per item with short lists repeated."""
    answers = [_call(function, arguments) for arguments in _arguments(inputs, takes_lists)]
    results = [_outputs(answer, schema) for answer in answers]
    outputs: list[list[Any]] = [[] for _ in schema.outputs]
    for result in results:
        for slot, value in enumerate(result):
            outputs[slot].extend(value if schema.output_is_list[slot] else [value])
    return NodeResult(outputs=outputs, ui=_merged([_shown(answer) for answer in answers]))


def _arguments(inputs: Values, takes_lists: bool) -> Iterator[dict[str, Any]]:
    if takes_lists:
        yield dict(inputs)
        return
    lengths = [len(values) for values in inputs.values()]
    if lengths and not min(lengths):
        return  # an empty list: nothing to do
    for index in range(max(lengths, default=1)):
        yield {name: values[min(index, len(values) - 1)] for name, values in inputs.items()}


def _call(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    answer = function(**arguments)
    return asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer


async def _awaited(answer: Any) -> Any:
    return await answer


def _outputs(answer: Any, schema: NodeSchema) -> tuple[Any, ...]:
    """The values of an answer: a NodeOutput, {"ui", "result"}, a tuple or nothing."""
    if getattr(answer, "expand", None) is not None or (isinstance(answer, dict) and "expand" in answer):
        raise NotImplementedError("this runner does not have nodes that expand into others")
    if getattr(answer, "block_execution", None) is not None:
        raise NotImplementedError(f"this runner cannot block a branch: {answer.block_execution}")
    values = (answer.get("result") if isinstance(answer, dict) else getattr(answer, "args", answer)) or ()
    if len(values) != len(schema.outputs):
        raise RuntimeError(f"it returned {len(values)} values for {len(schema.outputs)} outputs")
    return tuple(values)


def _shown(answer: Any) -> dict[str, Any] | None:
    ui = answer.get("ui") if isinstance(answer, dict) else getattr(answer, "ui", None)
    return ui.as_dict() if ui is not None and hasattr(ui, "as_dict") else ui


def _merged(shown: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """What several calls show, as one."""
    merged: dict[str, list[Any]] = {}
    for ui in shown:
        for key, values in (ui or {}).items():
            merged.setdefault(key, []).extend(values)
    return merged or None
