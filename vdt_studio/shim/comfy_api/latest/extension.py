"""What a pack hands to its host."""

from __future__ import annotations

from abc import ABC, abstractmethod

from .node import ComfyNode


class ComfyExtension(ABC):
    """A pack's list of nodes; its `on_load` is not called, as in ComfyUI 0.3.64."""

    @abstractmethod
    async def get_node_list(self) -> list[type[ComfyNode]]: ...
