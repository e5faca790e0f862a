"""Everything a host needs in one object: folders, shim, nodes, engine. The command line and the server stand on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import shim
from .engine import Engine, ResultCache, RunResult
from .engine.events import Listener
from .graph import Workflow, load_workflow
from .graph.overrides import apply_override, parse_override
from .pack import default_pack, register_pack
from .paths import Folders
from .registry import Registry


@dataclass(frozen=True, kw_only=True)
class Studio:
    """Folders, the nodes that are there, and the engine that runs graphs of them."""

    folders: Folders
    registry: Registry
    engine: Engine

    @classmethod
    def open(
        cls, folders: Folders, *, pack: Path | None = None, device: str | None = None, cache: bool = False
    ) -> Studio:
        """Install the shim and load stock nodes and the pack.

        Args:
            folders: where graphs read and write.
            pack: folder of the node pack, None = the checkout of this package.
            device: where models compute, None = CUDA where there is one.
            cache: keep results for the next run; without it memory is freed after the last reader of each.

        Raises:
            PackError, ImportError, RuntimeError, ValueError: see `load_pack` and `shim.install`.
        """
        shim.install(folders, device=device)
        registry = stock_registry()
        register_pack(registry, default_pack() if pack is None else pack)
        return cls(folders=folders, registry=registry, engine=Engine(registry, cache=ResultCache() if cache else None))

    def load(self, path: Path, overrides: Sequence[str] = ()) -> Workflow:
        """Read a workflow file and put values such as "3.steps=20" in; GraphError for what cannot be read."""
        workflow = load_workflow(path, self.registry)
        for text in overrides:
            workflow = apply_override(workflow, parse_override(text), self.registry)
        return workflow

    def run(self, workflow: Workflow, listener: Listener = lambda event: None) -> RunResult:
        """Validate and execute; see `Engine.run`. Saved files carry the editor's form where there is one."""
        extra = {} if workflow.ui is None else {"workflow": workflow.ui}
        return self.engine.run(workflow.graph, extra_pnginfo=extra, listener=listener)

    def written(self, ui: Mapping[str, Any]) -> list[Path]:
        """The files in the output folder that a node has announced."""
        entries = [entry for values in ui.values() if isinstance(values, (list, tuple)) for entry in values]
        files = [entry for entry in entries if isinstance(entry, Mapping) and entry.get("type") == "output"]
        return [self.folders.output / entry.get("subfolder", "") / entry["filename"] for entry in files]


def stock_registry() -> Registry:
    """The stock nodes alone; `shim.install` comes first."""
    from .stock import STOCK

    registry = Registry()
    for name, (node, module, display_name) in STOCK.items():
        registry.add(node, module=module, name=name, display_name=display_name)
    return registry
