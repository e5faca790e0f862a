"""Attention against its definition: fused against naive, factorised against explicit loops."""

import pytest
import torch

from vdt.attention import Attention, attend, spatial_attention, temporal_attention

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


def of_sequence(attention, x):
    """Attention within one sequence (L, D), its heads consecutive slices of the width."""
    q, k, v = (attention.qkv(x)[..., i * D : (i + 1) * D] for i in range(3))
    width = D // HEADS
    heads = [naive(*(z[..., h * width : (h + 1) * width] for z in (q, k, v))) for h in range(HEADS)]
    return attention.proj(torch.cat(heads, dim=-1))


# With gradients as in training, without them as in sampling: two ways through the linear layers.
@pytest.mark.parametrize("training", [True, False])
def test_spatial_attention_sees_one_frame_at_a_time(attention, tokens, training):
    expected = torch.stack([torch.stack([of_sequence(attention, tokens[b, t]) for t in range(T)]) for b in range(B)])
    with torch.set_grad_enabled(training):
        torch.testing.assert_close(spatial_attention(attention, tokens), expected)


@pytest.mark.parametrize("training", [True, False])
def test_temporal_attention_sees_one_patch_at_a_time(attention, tokens, training):
    expected = torch.empty_like(tokens)
    for b in range(B):
        for n in range(N):
            expected[b, :, n] = of_sequence(attention, tokens[b, :, n])
    with torch.set_grad_enabled(training):
        torch.testing.assert_close(temporal_attention(attention, tokens), expected)
