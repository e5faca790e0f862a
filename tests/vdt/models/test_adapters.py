"""Other people's layers work inside the transformer: LoRA of PEFT, hooks, quantised and replaced linear layers."""

import copy
import dataclasses
import warnings

import pytest
import torch
from torch import nn

from vdt.config import VDT_CONFIGS, MaskSpec
from vdt.diffusion import SamplingConfig
from vdt.inference.rollout import generate_latents
from vdt.models import VDT, Conditioning

TARGETS = ["qkv", "proj", "fc1", "fc2", "temporal_fc"]
LAYERS_PER_BLOCK = 7  # qkv and proj of two attentions, fc1, fc2, temporal_fc
PATCH_PROJECTIONS = 2  # convolutions of latents and mask that are named proj too


@pytest.fixture
def model():
    config = dataclasses.replace(
        VDT_CONFIGS["VDT-Tiny/2"], conditioning=(MaskSpec(embed=True),), temporal_adaln=True, learn_sigma=False
    )
    made, generator = VDT(config), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(std=0.1, generator=generator)
    return made.eval()


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 6, 4, 8, 8, generator=generator)
    mask = torch.rand(2, 6, 8, 8, generator=generator) > 0.5
    return x, torch.tensor([30, 700]), Conditioning(mask=mask)


def linear_names(model):
    return [name for name, layer in model.blocks.named_modules() if name.split(".")[-1] in TARGETS]


def replaced(model, make):
    """The model with `make(layer)` in place of each of the targets."""
    for name in linear_names(model):
        parent = model.blocks.get_submodule(name.rpartition(".")[0])
        leaf = name.rpartition(".")[2]
        setattr(parent, leaf, make(getattr(parent, leaf)))
    return model


def test_lora_of_peft_learns_and_merges(model, inputs):
    peft = pytest.importorskip("peft")
    with torch.no_grad():
        before = model(*inputs)
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS)
    adapted = peft.get_peft_model(copy.deepcopy(model), config)
    adapters = {name: value for name, value in adapted.named_parameters() if "lora_" in name}
    assert len(adapters) == 2 * (LAYERS_PER_BLOCK * model.config.depth + PATCH_PROJECTIONS)
    assert {name for name, value in adapted.named_parameters() if value.requires_grad} == set(adapters)
    with torch.no_grad():
        torch.testing.assert_close(adapted(*inputs), before, rtol=1e-4, atol=1e-5)  # B starts at zero
    optimizer = torch.optim.AdamW(adapters.values(), lr=1e-2)
    for _ in range(2):  # A gets a gradient as soon as B is not zero
        optimizer.zero_grad()
        adapted(*inputs).square().mean().backward()
        optimizer.step()
    assert [name for name, value in adapters.items() if value.grad is None or not value.grad.any()] == []
    with torch.no_grad():
        learned = adapted(*inputs)
        assert (learned - before).abs().max() > 1e-3
        merged = adapted.merge_and_unload()
        assert isinstance(merged, VDT) and merged.state_dict().keys() == model.state_dict().keys()
        torch.testing.assert_close(merged(*inputs), learned, rtol=1e-5, atol=1e-5)


def test_an_adapted_model_is_sampled_as_any_other(model):
    peft = pytest.importorskip("peft")
    mask = torch.ones(6, 8, 8, dtype=torch.bool)
    mask[:2] = False
    raw = torch.randn(1, 6, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    adapted = peft.get_peft_model(
        copy.deepcopy(model), peft.LoraConfig(r=4, target_modules=TARGETS, init_lora_weights=False)
    )
    for sampling in (SamplingConfig(), SamplingConfig(steps=8, step_cache=0.1)):
        plain, made = (generate_latents(each, raw, mask, seeds=[0], sampling=sampling) for each in (model, adapted))
        assert torch.equal(made[:, :2], raw[:, :2]) and torch.isfinite(made).all()
        assert not torch.allclose(made, plain, atol=1e-3)


def test_hooks_of_every_linear_layer_fire(model, inputs):
    before, after = [], []
    for name in linear_names(model):
        layer = model.blocks.get_submodule(name)
        layer.register_forward_pre_hook(lambda module, arguments, name=name: before.append(name))
        layer.register_forward_hook(lambda module, arguments, output, name=name: after.append(name))
    with torch.no_grad():
        model(*inputs)
    assert sorted(before) == sorted(after) == sorted(linear_names(model))
    assert len(after) == LAYERS_PER_BLOCK * model.config.depth


class Counted(nn.Linear):
    """A layer of somebody else's, as quantising libraries put in place of a plain one."""

    calls = 0

    def forward(self, x):
        Counted.calls += 1
        return super().forward(x)


def test_a_replaced_linear_layer_is_called(model, inputs, monkeypatch):
    monkeypatch.setattr(Counted, "calls", 0)

    def make(layer):
        made = Counted(layer.in_features, layer.out_features)
        made.load_state_dict(layer.state_dict())
        return made

    with torch.no_grad():
        expected = model(*inputs)
        made = replaced(model, make)(*inputs)
    assert Counted.calls == LAYERS_PER_BLOCK * model.config.depth
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5)


def test_a_dynamically_quantised_model_stays_near(model, inputs):
    """torch.ao replaces every nn.Linear, those of adaLN, of the timestep and of the head among them."""
    if not hasattr(torch.ao.quantization, "quantize_dynamic"):
        pytest.skip("this PyTorch leaves quantising to torchao")
    with torch.no_grad():
        expected = model(*inputs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that torchao will do this
            quantised = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
        assert not any(type(module) is nn.Linear for module in quantised.modules())
        error = (quantised(*inputs) - expected).std() / expected.std()
    assert 0 < error < 0.1


def test_plain_layers_are_fused_and_adapted_ones_called(model, inputs, monkeypatch):
    fused, product = [], torch.ops.mkldnn._linear_pointwise

    def counted(*args):
        fused.append(1)
        return product(*args)

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", counted)
    qkv_parts = 2  # temporal attention projects queries, keys and values one by one: two products more
    everything = (LAYERS_PER_BLOCK + qkv_parts) * model.config.depth
    with torch.no_grad():
        model(*inputs)
        assert len(fused) == everything
        fused.clear()
        model.blocks[0].mlp.fc1.register_forward_hook(lambda *_: None)
        model.blocks[1].temporal_attn.qkv.register_forward_hook(lambda *_: None)
        model(*inputs)
    assert len(fused) == everything - 1 - (1 + qkv_parts)
