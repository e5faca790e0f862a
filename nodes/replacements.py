"""What takes the place of a node that is no more, told to hosts that offer this when an old graph is opened.

Ids of nodes are permanent, so that the list is empty; a node that is ever merged into another one goes in here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .host import compat


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """The old node's widgets in their order, and which new inputs and outputs its old ones become.

    `values` are of inputs that the old node did not have: prompts of other programs are replaced with nothing else.
    """

    old: str
    new: str
    widgets: tuple[str, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()  # (new, old)
    outputs: tuple[tuple[int, int], ...] = ()  # (new, old)
    values: tuple[tuple[str, Any], ...] = ()  # (new, value)


REPLACEMENTS: tuple[Replacement, ...] = ()


async def register(latest: Any) -> None:
    """Tell the host through its module comfy_api.latest; one that knows no replacements is left alone."""
    found = compat.replacement_api(latest)
    if found is None:
        return
    record, registry = found
    for entry in REPLACEMENTS:
        taken = [{"new_id": new, "old_id": old} for new, old in entry.inputs]
        made = record(
            new_node_id=entry.new,
            old_node_id=entry.old,
            old_widget_ids=list(entry.widgets),
            input_mapping=[*taken, *({"new_id": new, "set_value": value} for new, value in entry.values)],
            output_mapping=[{"new_idx": new, "old_idx": old} for new, old in entry.outputs],
        )
        await registry.register(made)
