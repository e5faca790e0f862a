"""Linear layers: a fused product for plain ones on a CPU, an ordinary module call for everything else.

Adapters (PEFT LoRA), hooks, quantised layers and patched `forward` methods work because they are called as modules.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules import module as torch_module

_INSTANCE_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_GLOBAL_HOOKS = (
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
    "_global_backward_hooks",
    "_global_backward_pre_hooks",
)


def linear(layer: nn.Module, x: Tensor, *, gelu: bool = False) -> Tensor:
    """layer(x), then the tanh-approximated GELU if asked for."""
    if is_plain(layer):
        assert isinstance(layer, nn.Linear)
        return affine(x, layer.weight, layer.bias, gelu=gelu)
    y = layer(x)
    return F.gelu(y, approximate="tanh") if gelu else y


def is_plain(layer: nn.Module) -> bool:
    """Whether the layer is exactly PyTorch's, so that its weights may be used without calling it."""
    return (
        type(layer) is nn.Linear
        and type(layer.weight) is nn.Parameter
        and type(layer.bias) is nn.Parameter
        and "forward" not in vars(layer)  # replaced on the instance, as accelerate does
        and not any(getattr(layer, name) for name in _INSTANCE_HOOKS)
        and not any(getattr(torch_module, name, None) for name in _GLOBAL_HOOKS)
    )


def affine(x: Tensor, weight: Tensor, bias: Tensor, *, gelu: bool = False) -> Tensor:
    """x @ weight.T + bias for x (..., I), weight (O, I) and bias (O,), then the GELU if asked for."""
    if _is_fused(x, weight):
        name, algorithm = ("gelu", "tanh") if gelu else ("none", "")
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, name, [], algorithm)
    x = F.linear(x, weight, bias)
    return F.gelu(x, approximate="tanh") if gelu else x


def _is_fused(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN may do it: PyTorch's own path on a CPU writes bias, product and GELU one after another.

    The operator is the one that torch.compile uses; it has no gradient.
    """
    return bool(
        x.device.type == "cpu"
        and x.dtype == weight.dtype
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and torch.backends.mkldnn.enabled
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and has_products(x.dtype)
    )


def has_products(dtype: torch.dtype) -> bool:
    """Whether oneDNN has such products on this CPU: bfloat16 needs AVX-512 or AMX; half precision is left out."""
    return dtype == torch.float32 or (dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported())
