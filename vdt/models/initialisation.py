"""How the weights of a fresh transformer are drawn, as in DiT (arXiv 2212.09748), and those of convolutions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

_DRAWS = {nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_, torch.Tensor.normal_, torch.Tensor.uniform_}


@contextlib.contextmanager
def without_memory() -> Iterator[None]:
    """Modules that are made here have shapes alone; nothing is drawn, for which PyTorch would load its compiler."""
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Leaves tensors as they are where their values would be drawn."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _DRAWS:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def xavier(layer: nn.Module, generator: torch.Generator | None) -> None:
    """Xavier-uniform weights, a convolution's as a linear layer sees them; the bias is 0."""
    assert isinstance(layer, (nn.Linear, nn.Conv2d))
    nn.init.xavier_uniform_(layer.weight.data.flatten(1), generator=generator)
    zero_bias(layer)


def small(layer: nn.Module, generator: torch.Generator | None) -> None:
    """Normal weights of deviation 0.02."""
    assert isinstance(layer, (nn.Linear, nn.Embedding))
    nn.init.normal_(layer.weight, std=0.02, generator=generator)


def uniform_convolutions(module: nn.Module, generator: torch.Generator) -> None:
    """Every convolution's weights uniform within the root of one over their inputs, as PyTorch draws them; biases 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            bound = (layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]) ** -0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            zero_bias(layer)


def zero(layer: nn.Module) -> None:
    """Zero weights and bias: the layer's branch starts closed."""
    assert isinstance(layer, (nn.Linear, nn.Conv2d))
    nn.init.zeros_(layer.weight)
    zero_bias(layer)


def zero_bias(layer: nn.Module) -> None:
    """A bias of 0, if the layer has one."""
    assert isinstance(layer, (nn.Linear, nn.Conv2d))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
