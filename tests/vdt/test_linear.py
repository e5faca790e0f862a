"""One pass or several, a linear layer is the same."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vdt.linear import linear


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2), (torch.float64, 1e-12)]
)
@pytest.mark.parametrize("training", [True, False])
def test_every_way_gives_the_layer_and_its_gelu(gelu, dtype, tolerance, training):
    torch.manual_seed(0)
    layer, x = nn.Linear(24, 40).to(dtype), torch.randn(2, 3, 5, 24, dtype=dtype)
    expected = layer(x)
    expected = F.gelu(expected, approximate="tanh") if gelu else expected
    with torch.set_grad_enabled(training):
        torch.testing.assert_close(linear(layer, x, gelu=gelu), expected, rtol=tolerance, atol=tolerance)


def test_a_cpu_without_products_of_bfloat16_takes_the_other_way(monkeypatch):
    monkeypatch.setattr("vdt.linear.has_products", lambda dtype: False)
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", None)  # would be called, and fail, if it were asked
    layer, x = nn.Linear(24, 40).bfloat16(), torch.randn(7, 24).bfloat16()
    with torch.no_grad():
        assert torch.equal(linear(layer, x), layer(x))


def test_a_view_across_the_tokens_is_taken_as_it_lies():
    torch.manual_seed(0)
    layer, x = nn.Linear(24, 40), torch.randn(3, 5, 24).transpose(0, 1)
    with torch.no_grad():
        torch.testing.assert_close(linear(layer, x), layer(x))


def test_gradients_reach_weight_bias_and_input():
    torch.manual_seed(0)
    layer, x = nn.Linear(24, 40), torch.randn(7, 24, requires_grad=True)
    linear(layer, x, gelu=True).square().sum().backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in (layer.weight, layer.bias, x))
