"""Run by the interpreter of a ComfyUI, in its folder: what a model patcher that streams weights asks of our loader.

The patcher of newer versions for NVIDIA cards cannot run on a CPU; what it and its nodes call can.
"""

import asyncio
import importlib.util
import inspect
import json
import sys
from pathlib import Path


def main(pack: Path) -> None:
    sys.argv = ["main.py", "--cpu"]
    import comfy.options

    comfy.options.enable_args_parsing()
    import comfy.model_patcher
    import torch

    spec = importlib.util.spec_from_file_location("pack", pack / "__init__.py", submodule_search_locations=[str(pack)])
    sys.modules["pack"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["pack"])
    asyncio.run(asyncio.run(sys.modules["pack"].comfy_entrypoint()).get_node_list())
    loaders = importlib.import_module("pack.nodes.loaders")
    model = loaders.VDTLoadModel.execute("bundled", "float32").args[0]
    vae = loaders.VDTLoadVAE.execute("bundled").args[0]
    result = {"deepcopy": "force_deepcopy" in inspect.signature(comfy.model_patcher.ModelPatcher.clone).parameters}
    if result["deepcopy"]:
        for name, patcher in (("model", model), ("vae", vae.patcher)):
            result[name] = compared(torch, patcher, patcher.clone(force_deepcopy=True))
        linear = next(part for part in model.model.diffusion_model.modules() if isinstance(part, torch.nn.Linear))
        result["dtypes"] = str(linear.weight_comfy_model_dtype)
        result["plain"] = type(delegate(comfy.model_patcher, model)).__name__
        device = torch.device("cpu")
        result["multigpu"] = compared(torch, model, model.deepclone_multigpu(new_load_device=device))
    sys.stdout.write(json.dumps(result) + "\n")


def compared(torch, patcher, other):
    """Whether the weights of a copy are equal, and its own."""
    pairs = list(zip(patcher.model.parameters(), other.model.parameters(), strict=True))
    equal = all(torch.equal(a, b) for a, b in pairs)
    return {"equal": equal, "own": not any(a.data_ptr() == b.data_ptr() for a, b in pairs)}


def delegate(module, patcher):
    """What TorchCompileModel and hooks get of a patcher that streams weights."""

    class Streaming(module.ModelPatcher):
        def is_dynamic(self):
            return True

    streaming = Streaming(patcher.model, patcher.load_device, patcher.offload_device)
    streaming.cached_patcher_init = patcher.cached_patcher_init
    return streaming.clone(disable_dynamic=True)


main(Path(sys.argv[1]))
