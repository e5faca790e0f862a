"""Tensors that say they are on a GPU and lie on the CPU: what mixes devices fails as it would there.

PyTorch lets a backend be written in Python (PrivateUse1). Registering one holds for the whole process and cannot be
taken back, so this is imported by processes of their own only: see `test_devices.py`. It knows the rules of places: one
device for all tensors of an operation, but for CPU tensors without axes and CPU indices; random numbers from a
generator of that device; no NumPy array of a GPU's memory. It has no streams and no pinned memory, autocast does
nothing on it, and what the library does where `device.type == "cuda"` alone is not run.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode

NAME = "fakegpu"
INDEXING = ("aten.index.Tensor", "aten.index_put_.default", "aten.index_put.default", "aten._index_put_impl_.default")
FREE = ("aten.copy_.default", "aten._to_copy.default", "aten._has_compatible_shallow_copy_type.default")
JOINING = ("aten.cat.default", "aten.stack.default")  # take no CPU tensors without axes among a GPU's
PLAIN_TENSOR, PLAIN_AUTOCAST = torch.tensor, torch.autocast


class _Backend(backend_registration._DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=_Backend())
GPU = torch.device(NAME, 0)


class OnGpu(Tensor):
    """A tensor on the pretend GPU; `inner` is its memory."""

    @staticmethod
    def __new__(cls, inner: Tensor) -> OnGpu:
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        made = Tensor._make_wrapper_subclass(cls, inner.shape, device=GPU, requires_grad=False, **layout)
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None) -> Any:
        return _run(func, args, kwargs or {})

    def __getitem__(self, index: Any) -> Tensor:
        return super().__getitem__(_listed(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(_listed(index), value)

    def new_tensor(self, values: Any) -> Tensor:
        return OnGpu(PLAIN_TENSOR(values, dtype=self.dtype))

    def numpy(self, *, force: bool = False) -> Any:
        if force:
            return self.inner.detach().numpy()
        raise TypeError(f"can't convert {NAME}:0 device type tensor to numpy: use Tensor.cpu() first")

    def __array__(self, *arguments: Any, **settings: Any) -> Any:
        return self.numpy()

    def tolist(self) -> Any:
        return self.inner.tolist()

    def __repr__(self, **_: Any) -> str:
        return f"OnGpu({tuple(self.shape)}, {self.dtype})"


class Dispatch(TorchDispatchMode):
    """Makes tensors on the pretend GPU where a device is named, in the thread that enters it."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None) -> Any:
        return _run(func, args, kwargs or {})


@contextlib.contextmanager
def pretending() -> Iterator[torch.device]:
    """The pretend GPU, in this thread and in those that are started meanwhile."""
    run = threading.Thread.run

    def dispatched(thread: threading.Thread) -> None:
        with Dispatch():
            run(thread)

    threading.Thread.run, torch.tensor, torch.autocast = dispatched, _tensor, _autocast
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # data of a tensor cannot be replaced
    try:
        with Dispatch():
            yield GPU
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(False)
        threading.Thread.run, torch.tensor, torch.autocast = run, PLAIN_TENSOR, PLAIN_AUTOCAST


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """An operation on the memory behind its tensors, refused where a GPU would refuse it."""
    name = str(func)
    device = next((value for value in (*args, kwargs.get("device")) if isinstance(value, torch.device)), None)
    tensors = [value for value in _leaves([*args, *kwargs.values()]) if isinstance(value, Tensor)]
    _check_places(name, args, tensors)
    there = any(isinstance(value, OnGpu) for value in tensors)
    if name == "aten.copy_.default":
        there = isinstance(args[0], OnGpu)
    elif device is not None:
        there = _is_gpu(device)
        args = [torch.device("cpu") if isinstance(value, torch.device) else value for value in args]
        kwargs = {**kwargs, "device": torch.device("cpu")} if "device" in kwargs else kwargs
        if there and kwargs.get("generator") is not None:
            raise RuntimeError(f"{name}: Expected a '{NAME}' device type for generator but found 'cpu'")
    if kwargs.get("pin_memory"):
        kwargs = {**kwargs, "pin_memory": False}
    made = func(*_map(_inner, args), **{key: _map(_inner, value) for key, value in kwargs.items()})
    if not func._schema.returns:
        return None
    operator = name.split(".")[1]
    if operator.endswith("_") and not operator.endswith("__"):
        return args[0]
    if "out" in kwargs:
        return kwargs["out"]
    return _map(_outer, made) if there else made


def _check_places(name: str, args: Any, tensors: list[Tensor]) -> None:
    """RuntimeError for tensors of two devices in one operation."""
    there = [value for value in tensors if isinstance(value, OnGpu)]
    here = [value for value in tensors if not isinstance(value, OnGpu) and (value.ndim or name in JOINING)]
    if not there or not here or name in FREE:
        return
    if name in INDEXING and isinstance(args[0], OnGpu) and all(isinstance(value, OnGpu) for value in args[2:3]):
        return
    what = ", ".join(f"{tuple(value.shape)} {value.device.type}" for value in tensors)
    raise RuntimeError(f"{name}: Expected all tensors to be on the same device, but found two devices: {what}")


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _leaves(value)
        else:
            yield value


def _map(of: Callable[[Any], Any], value: Any) -> Any:
    """PyTorch's own `tree_map` knows more kinds of trees and takes ten times as long."""
    return type(value)(_map(of, each) for each in value) if type(value) in (list, tuple) else of(value)


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, OnGpu) else value


def _outer(value: Any) -> Any:
    return OnGpu(value) if isinstance(value, Tensor) and not isinstance(value, OnGpu) else value


def _is_gpu(device: Any) -> bool:
    return device is not None and torch.device(device).type == NAME


def _listed(index: Any) -> Any:
    """An index whose lists are tensors, as PyTorch would make them."""
    if isinstance(index, tuple):
        return tuple(_listed(each) for each in index)
    return PLAIN_TENSOR(index) if isinstance(index, list) else index


def _tensor(data: Any, *arguments: Any, device: Any = None, **settings: Any) -> Tensor:
    """torch.tensor, which makes its memory without asking anyone."""
    made = PLAIN_TENSOR(data, *arguments, **settings)
    return made.to(device) if _is_gpu(device) else made


def _autocast(device: str, *arguments: Any, **settings: Any) -> contextlib.AbstractContextManager[Any]:
    """torch.autocast, which this backend has no rules for."""
    return contextlib.nullcontext() if device == NAME else PLAIN_AUTOCAST(device, *arguments, **settings)
