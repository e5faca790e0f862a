"""Loads a pack of nodes as ComfyUI does: its folder as a package under a path-like name, then its entry point."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from .registry import Registry
from .shim import installed


class PackError(ValueError):
    """A folder that is not a pack of nodes, or one whose entry point fails."""


def default_pack() -> Path:
    """The checkout this package lies in: the pack's own root."""
    return Path(__file__).resolve().parent.parent


def load_pack(root: Path) -> ModuleType:
    """Import a pack once per process; `vdt_studio.shim.install` comes first.

    Raises PackError if there is no pack there, ImportError if it asks for what this runner does not supply.
    """
    assert installed(), "call vdt_studio.shim.install first"
    root = root.resolve()
    entry = root / "__init__.py"
    if not entry.is_file():
        raise PackError(f"there is no node pack in {root}: run vdt-studio from a checkout, or name one with --pack")
    name = str(root).replace(".", "_x_")  # a dot would be a package of its own
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, entry, submodule_search_locations=[str(root)])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def register_pack(registry: Registry, root: Path) -> list[str]:
    """Add the nodes of a pack, in the order it lists them, and return their names."""
    module = load_pack(root)
    if not hasattr(module, "comfy_entrypoint"):
        raise PackError(f"the pack in {root} has no comfy_entrypoint")
    before = set(registry)
    for cls in asyncio.run(_node_list(module)):
        registry.add(cls, module=f"custom_nodes.{root.resolve().name}")
    return [name for name in registry if name not in before]


async def _node_list(module: ModuleType) -> list[type]:
    extension = module.comfy_entrypoint()
    if hasattr(extension, "__await__"):
        extension = await extension
    return await extension.get_node_list()


def web_directory(root: Path) -> Path | None:
    """The folder whose files a pack gives to the editor, None if it has none; `register_pack` comes first."""
    named = getattr(load_pack(root), "WEB_DIRECTORY", None)
    return None if named is None else (root / named).resolve()
