"""`comfy.model_management`: one device, chosen once; models are moved there when they are used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from ... import runtime
from ...runtime import InterruptProcessingException

__all__ = ["OOM_EXCEPTION", "InterruptProcessingException"]

OOM_EXCEPTION = torch.cuda.OutOfMemoryError
_UNKNOWN_MEMORY = 8 * 2**30  # of a CPU: the operating system decides


def get_torch_device() -> torch.device:
    return runtime.device()


def unet_offload_device() -> torch.device:
    return torch.device("cpu")


def unet_inital_load_device(parameters: int, dtype: torch.dtype) -> torch.device:
    return torch.device("cpu")


def vae_device() -> torch.device:
    return runtime.device()


def vae_offload_device() -> torch.device:
    return torch.device("cpu")


def intermediate_device() -> torch.device:
    return torch.device("cpu")


def intermediate_dtype() -> torch.dtype:
    return torch.float32


def is_device_cpu(device: Any) -> bool:
    return torch.device(device).type == "cpu"


def cpu_mode() -> bool:
    return runtime.device().type == "cpu"


def should_use_bf16(device: Any = None, *args: Any, **kwargs: Any) -> bool:
    """Whether bfloat16 is fast there; on a CPU it is not."""
    place = torch.device(device) if device is not None else runtime.device()
    return place.type == "cuda" and torch.cuda.is_bf16_supported()


def should_use_fp16(device: Any = None, *args: Any, **kwargs: Any) -> bool:
    place = torch.device(device) if device is not None else runtime.device()
    return place.type == "cuda"


def unet_dtype(
    device: Any = None,
    model_params: int = 0,
    supported_dtypes: Iterable[torch.dtype] = (torch.float16, torch.bfloat16, torch.float32),
    weight_dtype: torch.dtype | None = None,
) -> torch.dtype:
    """The precision to compute in: the first supported one that is fast on the device, else float32."""
    usable = {torch.float16: should_use_fp16, torch.bfloat16: should_use_bf16}
    fast = (dtype for dtype in supported_dtypes if dtype in usable and usable[dtype](device))
    return next(fast, torch.float32)


def vae_dtype(device: Any = None, allowed_dtypes: Iterable[torch.dtype] = ()) -> torch.dtype:
    return torch.float32


def get_free_memory(dev: Any = None, torch_free_too: bool = False) -> Any:
    """Free bytes on a device."""
    place = torch.device(dev) if dev is not None else runtime.device()
    free = torch.cuda.mem_get_info(place)[0] if place.type == "cuda" else _UNKNOWN_MEMORY
    return (free, free) if torch_free_too else free


def load_models_gpu(models: Iterable[Any], memory_required: float = 0, **kwargs: Any) -> None:
    """Move models to the device they compute on."""
    for patcher in models:
        patcher.load(patcher.load_device)


def load_model_gpu(model: Any) -> None:
    load_models_gpu([model])


def unload_all_models() -> None:
    soft_empty_cache()


def soft_empty_cache(force: bool = False) -> None:
    if runtime.device().type == "cuda":
        torch.cuda.empty_cache()


def throw_exception_if_processing_interrupted() -> None:
    runtime.check_interrupted()


def processing_interrupted() -> bool:
    try:
        runtime.check_interrupted()
    except InterruptProcessingException:
        return True
    return False


def interrupt_current_processing(value: bool = True) -> None:
    run = runtime.active_run()
    if value and run is not None:
        run.interrupt()
