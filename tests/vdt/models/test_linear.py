"""A linear layer is the same whichever way it is computed, and only a plain one is computed without being called."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.module import register_module_forward_hook

from vdt.models.linear import affine, is_plain, linear


@pytest.fixture
def fused(monkeypatch):
    """Calls of the fused product, counted."""
    calls, product = [], torch.ops.mkldnn._linear_pointwise

    def counted(*args):
        calls.append(args[3])
        return product(*args)

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", counted)
    return calls


def test_every_way_gives_the_layer_and_its_gelu():
    tolerances = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float64: 1e-12}
    for gelu, (dtype, tolerance), training in itertools.product((False, True), tolerances.items(), (True, False)):
        torch.manual_seed(0)
        layer, x = nn.Linear(24, 40).to(dtype), torch.randn(2, 3, 5, 24, dtype=dtype)
        expected = layer(x)
        expected = F.gelu(expected, approximate="tanh") if gelu else expected
        with torch.set_grad_enabled(training):
            torch.testing.assert_close(linear(layer, x, gelu=gelu), expected, rtol=tolerance, atol=tolerance)


def test_a_plain_layer_takes_the_fused_product_where_no_gradient_is_needed(fused):
    layer, x = nn.Linear(24, 40), torch.randn(7, 24)
    linear(layer, x)
    assert fused == []
    with torch.no_grad():
        linear(layer, x)
        linear(layer, x, gelu=True)
    assert fused == ["none", "gelu"]


def test_the_fused_product_is_left_out_where_it_does_not_exist(fused, monkeypatch):
    layer, x = nn.Linear(24, 40), torch.randn(7, 24)
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            assert linear(layer, x).dtype == torch.bfloat16
        assert affine(x.double(), layer.weight.double(), layer.bias.double()).dtype == torch.float64
        monkeypatch.setattr(torch.backends.mkldnn, "enabled", False, raising=False)
        linear(layer, x)
    assert fused == []


def test_a_cpu_without_products_of_bfloat16_takes_the_other_way(monkeypatch):
    monkeypatch.setattr("vdt.models.linear.has_products", lambda dtype: False)
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


class Derived(nn.Linear):
    pass


def changed(change):
    layer = nn.Linear(24, 40)
    change(layer)
    return layer


def replace_forward(layer):
    forward = layer.forward
    layer.forward = lambda x: forward(x)


def test_only_a_plain_layer_is_computed_without_being_called():
    assert is_plain(nn.Linear(24, 40))
    others = {
        "a subclass": Derived(24, 40),
        "no bias": nn.Linear(24, 40, bias=False),
        "a parametrised weight": changed(lambda layer: nn.utils.parametrizations.weight_norm(layer)),
        "a forward hook": changed(lambda layer: layer.register_forward_hook(lambda *_: None)),
        "a hook before it": changed(lambda layer: layer.register_forward_pre_hook(lambda *_: None)),
        "a backward hook": changed(lambda layer: layer.register_full_backward_hook(lambda *_: None)),
        "a hook before backward": changed(lambda layer: layer.register_full_backward_pre_hook(lambda *_: None)),
        "a replaced forward": changed(replace_forward),
        "another module": nn.Sequential(nn.Linear(24, 40)),
    }
    assert [name for name, layer in others.items() if is_plain(layer)] == []
    x = torch.randn(7, 24)
    with torch.no_grad():
        wrong = [name for name, layer in others.items() if not torch.equal(linear(layer, x), layer(x))]
    assert wrong == []


def test_a_hook_on_all_modules_sees_plain_layers_too():
    seen = []
    handle = register_module_forward_hook(lambda module, *_: seen.append(type(module)))
    try:
        with torch.no_grad():
            linear(nn.Linear(24, 40), torch.randn(7, 24))
    finally:
        handle.remove()
    assert seen == [nn.Linear]
