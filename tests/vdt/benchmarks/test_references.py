"""The references: the plain pass is the same function, operations are counted right, timing is fair."""

import dataclasses

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vdt.benchmarks.limits import attention_flops, forward_flops, matmul_call, matmul_flops
from vdt.benchmarks.peer import build_peer, peer_call, peer_flops
from vdt.benchmarks.plain import PlainModel, plain_forward
from vdt.benchmarks.timing import in_turns
from vdt.config import VDT_CONFIGS, MaskSpec
from vdt.models import attention
from vdt.models.conditioning import Conditioning
from vdt.models.transformer import VDT

TINY = VDT_CONFIGS["VDT-Tiny/2"]
KINDS = {
    "official": TINY,
    "shipped": dataclasses.replace(TINY, learn_sigma=False, conditioning=(MaskSpec(embed=True),), temporal_adaln=True),
}


def random_model(config):
    generator = torch.Generator().manual_seed(0)
    model = VDT(config, generator).eval()
    for parameter in model.parameters():
        parameter.data.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def inputs(batch=2, frames=5, side=8):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, frames, 4, side, side, generator=generator)
    mask = torch.rand(batch, frames, side, side, generator=generator) > 0.5
    return x, torch.arange(batch) * 300 + 5, Conditioning(mask=mask)


def test_the_plain_pass_is_the_same_function():
    for kind, config in KINDS.items():
        model = random_model(config)
        x, t, conditioning = inputs()
        plain, ours = plain_forward(model, x, t, conditioning), model(x, t, conditioning)
        torch.testing.assert_close(plain, ours, rtol=1e-4, atol=1e-5, msg=kind)
        assert torch.equal(PlainModel(model)(x, t, conditioning), plain), kind
        torch.testing.assert_close(PlainModel(model)(x, t), model(x, t), rtol=1e-4, atol=1e-5, msg=kind)
        assert PlainModel(model).config is model.config


def test_operations_are_those_that_torch_counts(monkeypatch):
    monkeypatch.setattr(attention, "attend", lambda q, k, v: (q @ k.mT) @ v)  # it does not count fused attention
    for kind, config in KINDS.items():
        model = random_model(config)
        for batch, frames, side in ((1, 6, 8), (2, 3, 16)):
            x, t, conditioning = inputs(batch, frames, side)
            with FlopCounterMode(display=False) as counter:
                model(x, t, conditioning)
            expected = counter.get_total_flops()
            counted = forward_flops(config, batch=batch, num_frames=frames, height=side, width=side)
            # the embedding of the timestep is left out
            assert counted == pytest.approx(expected, rel=0.01), (kind, batch, frames, side)


def test_attention_is_the_part_that_grows_with_the_clip():
    few, many = (forward_flops(TINY, batch=1, num_frames=6, height=side, width=side) for side in (8, 32))
    tokens, more = 6 * 16, 6 * 256
    extra = (
        TINY.depth
        * more
        * (attention_flops(TINY, num_frames=6, patches=256) - attention_flops(TINY, num_frames=6, patches=16))
    )
    assert many - extra == pytest.approx(few * more / tokens, rel=0.01)


def test_a_matrix_product_is_what_it_says():
    with FlopCounterMode(display=False) as counter:
        matmul_call(torch.float32, torch.device("cpu"))()
    assert counter.get_total_flops() == matmul_flops()


def test_time_is_taken_in_turns_and_the_best_kept():
    now, calls = [0.0], []
    costs = {"a": iter([9, 3, 2, 5]), "b": iter([9, 4, 6, 4])}

    def spend(name):
        calls.append(name)
        now[0] += next(costs[name])

    seconds = in_turns({name: lambda name=name: spend(name) for name in costs}, rounds=3, clock=lambda: now[0])
    assert seconds == {"a": 2, "b": 4}  # the first round, 9 each, only warms up
    assert calls == ["a", "b"] * 4


def test_the_peer_has_the_operations_that_torch_counts_and_our_width_and_depth():
    pytest.importorskip("diffusers", reason="the peer is a model of it")
    frames, side, batch = 4, 8, 2
    model = build_peer(TINY, num_frames=frames, size=side)
    x, t, _ = inputs(batch, frames, side)
    call = peer_call(model, x, t)
    with torch.no_grad(), FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        assert call().shape == x.transpose(1, 2).shape
    blocks = [*model.transformer_blocks, *model.temporal_transformer_blocks]
    assert len(blocks) == TINY.depth and blocks[0].attn1.to_q.weight.shape == (TINY.hidden_size,) * 2
    counted = peer_flops(TINY, batch=batch, num_frames=frames, patches=(side // TINY.patch_size) ** 2)
    ends = counter.get_total_flops() - counted  # patches in and out, time, caption
    assert 0 <= ends < 0.15 * counted


def test_a_device_has_its_own_size_of_a_large_product():
    assert matmul_flops() == matmul_flops("cpu") == matmul_flops(torch.device("cpu")) == 2 * 2048**3
    assert matmul_flops("cuda") == matmul_flops(torch.device("cuda", 1)) == 2 * 8192**3
    assert matmul_flops("meta") == matmul_flops("cpu")  # of a device that nobody has measured
    product = matmul_call(torch.float32, torch.device("meta"))()
    assert product.shape == (2048, 2048)
