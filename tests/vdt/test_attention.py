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


def test_heads_are_consecutive_slices_of_the_width(attention, tokens):
    x = tokens[0]
    q, k, v = (attention.qkv(x)[..., i * D : (i + 1) * D] for i in range(3))
    width = D // HEADS
    heads = [naive(*(z[..., h * width : (h + 1) * width] for z in (q, k, v))) for h in range(HEADS)]
    torch.testing.assert_close(attention(x), attention.proj(torch.cat(heads, dim=-1)))


def test_spatial_attention_sees_one_frame_at_a_time(attention, tokens):
    expected = torch.stack([torch.stack([attention(tokens[b, t][None])[0] for t in range(T)]) for b in range(B)])
    torch.testing.assert_close(spatial_attention(attention, tokens), expected)


def test_temporal_attention_sees_one_patch_at_a_time(attention, tokens):
    expected = torch.empty_like(tokens)
    for b in range(B):
        for n in range(N):
            expected[b, :, n] = attention(tokens[b, :, n][None])[0]
    torch.testing.assert_close(temporal_attention(attention, tokens), expected)
