"""Attention against its definition: fused against naive, each fold against explicit loops over its sequences."""

import pytest
import torch
from einops import rearrange

from vdt.models.attention import SPATIAL, TEMPORAL, Attention, _side_by_side, attend

B, T, N, D, HEADS = 2, 3, 5, 8, 2


def naive(q, k, v):
    weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(dim=-1)
    return weights @ v


@pytest.fixture
def attention():
    torch.manual_seed(0)
    return Attention(D, HEADS)


@pytest.fixture
def tokens():
    return torch.randn(B, T, N, D, generator=torch.Generator().manual_seed(1))


def test_attend_is_softmax_attention_forward_and_backward():
    generator = torch.Generator().manual_seed(2)
    inputs = [torch.randn(4, HEADS, 7, D, generator=generator, dtype=torch.float64, requires_grad=True) for _ in "qkv"]
    upstream = torch.randn(4, HEADS, 7, D, generator=generator, dtype=torch.float64)
    answers = [function(*inputs) for function in (attend, naive)]
    gradients = [torch.autograd.grad(answer, inputs, upstream) for answer in answers]
    torch.testing.assert_close(*answers)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("fold", (SPATIAL, TEMPORAL), ids=("spatial", "temporal"))
def test_short_sequences_side_by_side_attend_to_themselves_alone(fold):
    generator = torch.Generator().manual_seed(3)
    tokens = torch.randn(4, 4, 6, HEADS * D, generator=generator, dtype=torch.float64)
    inputs = [rearrange(tokens * factor, fold.split, h=HEADS).requires_grad_() for factor in (1.0, 2.0, 3.0)]
    upstream = torch.randn(inputs[0].shape, generator=generator, dtype=torch.float64)
    answers = [function(*inputs) for function in (lambda *each: _side_by_side(*each, 2), naive)]
    gradients = [torch.autograd.grad(answer, inputs, upstream) for answer in answers]
    torch.testing.assert_close(*answers)
    torch.testing.assert_close(*gradients)


def test_what_all_keys_share_does_not_spoil_gradients_in_bfloat16():
    """Rounded with a large common part, keys lose what sets them apart: the softmax sees that alone."""
    generator = torch.Generator().manual_seed(4)
    q, k, v, upstream = (torch.randn(8, HEADS, 16, D, generator=generator, dtype=torch.float64) for _ in range(4))
    common = 8 * torch.randn(1, HEADS, 1, D, generator=generator, dtype=torch.float64)
    k = (k + common).bfloat16().double()  # keys that bfloat16 holds exactly

    def gradients(dtype, attention):
        inputs = [each.to(dtype).requires_grad_() for each in (q, k, v)]
        return [each.double() for each in torch.autograd.grad(attention(*inputs), inputs, upstream.to(dtype))]

    exact = gradients(torch.float64, naive)
    for found, expected in zip(gradients(torch.bfloat16, attend), exact, strict=True):
        assert (found - expected).norm() < 0.008 * expected.norm()


@pytest.mark.parametrize("fold", (SPATIAL, TEMPORAL), ids=("spatial", "temporal"))
def test_biases_of_keys_are_not_learned(attention, tokens, fold):
    """Their gradient is rounding alone, of which AdamW would make full steps."""
    attention(tokens, fold).square().mean().backward()
    queries, keys, values = attention.qkv.bias.grad.chunk(3)
    assert torch.equal(keys, torch.zeros_like(keys))
    assert all(part.abs().min() > 0 for part in (queries, values))
    assert all(part.abs().sum() > 0 for part in attention.qkv.weight.grad.chunk(3))


def of_sequence(attention, x):
    """Attention within one sequence (L, D), its heads consecutive slices of the width."""
    q, k, v = (attention.qkv(x)[..., i * D : (i + 1) * D] for i in range(3))
    width = D // HEADS
    heads = [naive(*(z[..., h * width : (h + 1) * width] for z in (q, k, v))) for h in range(HEADS)]
    return attention.proj(torch.cat(heads, dim=-1))


def by_loops(attention, tokens, fold):
    """The same over all sequences of a fold, one at a time."""
    expected = torch.empty_like(tokens)
    for b in range(B):
        if fold is SPATIAL:
            for t in range(T):
                expected[b, t] = of_sequence(attention, tokens[b, t])
        else:
            for n in range(N):
                expected[b, :, n] = of_sequence(attention, tokens[b, :, n])
    return expected


@pytest.mark.parametrize("fold", [SPATIAL, TEMPORAL], ids=["spatial", "temporal"])
def test_a_fold_attends_within_its_own_sequences(attention, tokens, fold):
    """With gradients as in training, without them as in sampling, and with a layer that has to be called."""
    expected = by_loops(attention, tokens, fold)
    for training in (True, False):
        with torch.set_grad_enabled(training):
            torch.testing.assert_close(attention(tokens, fold), expected)
    calls = []
    attention.qkv.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        torch.testing.assert_close(attention(tokens, fold), expected)
    assert calls == [1]
