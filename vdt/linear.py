"""A linear layer, with its GELU where it has one, in a single pass over the output where the machine can."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def linear(layer: nn.Linear, x: Tensor, *, gelu: bool = False) -> Tensor:
    """layer(x), then the tanh-approximated GELU if asked for."""
    return affine(x, layer.weight, layer.bias, gelu=gelu)


def affine(x: Tensor, weight: Tensor, bias: Tensor, *, gelu: bool = False) -> Tensor:
    """The same of bare weights: x @ weight.T + bias for x (..., I), weight (O, I) and bias (O,)."""
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
