"""How the weights of a fresh transformer are drawn, as in DiT (arXiv 2212.09748), and those of convolutions."""

from __future__ import annotations

import torch
from torch import nn


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
