"""The part of ComfyUI's Python interface that node files use, written anew from its documented behaviour.

Nothing here is found by `import comfy` until `install` is called: a real ComfyUI is never hidden.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

from ..paths import Folders

# The name that node files import -> the module here. Parents before children.
MODULES = {
    "folder_paths": "folder_paths",
    "server": "server",
    "comfy": "comfy",
    "comfy.cli_args": "comfy.cli_args",
    "comfy.utils": "comfy.progress",
    "comfy.model_management": "comfy.model_management",
    "comfy.model_patcher": "comfy.model_patcher",
    "comfy.model_base": "comfy.model_base",
    "comfy.supported_models_base": "comfy.supported_models_base",
    "comfy.latent_formats": "comfy.latent_formats",
    "comfy.conds": "comfy.conds",
    "comfy.sd": "comfy.sd",
    "comfy_api": "comfy_api",
    "comfy_api.latest": "comfy_api.latest",
    "comfy_api.latest.io": "comfy_api.latest.io",
    "comfy_api.latest.ui": "comfy_api.latest.ui",
}


def install(folders: Folders, *, device: str | None = None) -> None:
    """Let `import comfy_api`, `comfy` and `folder_paths` find the modules of this package; may be called again.

    Args:
        folders: what folder_paths answers from now on.
        device: where models compute, None = CUDA where there is one.

    Raises:
        RuntimeError: a real ComfyUI can be imported here; its graphs run there.
        ValueError: the device is not available.
    """
    from .. import runtime

    if not installed():
        _refuse_real_comfyui()
        for name, own in MODULES.items():
            module = importlib.import_module(f"{__name__}.{own}")
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, module)
            sys.modules[name] = module
    runtime.choose_device(device)
    sys.modules["folder_paths"].configure(folders)


def installed() -> bool:
    """Whether `import comfy` finds this package's modules."""
    return getattr(sys.modules.get("comfy"), "__name__", "").startswith(__name__)


def _refuse_real_comfyui() -> None:
    for name in ("comfy", "comfy_api", "folder_paths"):
        spec = importlib.util.find_spec(name) if name not in sys.modules else sys.modules[name].__spec__
        if spec is not None:
            place = Path(spec.origin or name).parent
            raise RuntimeError(f"a ComfyUI can be imported here ({place}): run the graph there, or leave that folder")
