"""Self-attention over one axis of a video: all patches of a frame, or all frames of a patch.

Letters: B batch, T frames, N patches per frame, D width; S sequences of length L, H heads of width d.
"""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from .linear import affine, linear


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention of (S, H, L, d) queries, keys and values; the one seam for other kernels."""
    return F.scaled_dot_product_attention(q, k, v)


class Attention(nn.Module):
    """The weights of multi-head self-attention; which tokens attend to each other is for the functions below."""

    def __init__(self, hidden_size: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(hidden_size, 3 * hidden_size)
        self.proj = nn.Linear(hidden_size, hidden_size)


def spatial_attention(attention: Attention, x: Tensor) -> Tensor:
    """Attend over the N patches of every frame of the tokens (B, T, N, D)."""
    q, k, v = rearrange(
        linear(attention.qkv, x), "b t n (three h d) -> three (b t) h n d", three=3, h=attention.num_heads
    )  # views (B T, H, N, d)
    return linear(attention.proj, rearrange(attend(q, k, v), "(b t) h n d -> b t n (h d)", b=x.shape[0]))


def temporal_attention(attention: Attention, x: Tensor) -> Tensor:
    """Attend over the T frames of every patch of the tokens (B, T, N, D).

    The linear layers act on tokens where they lie, and every patch counts as more heads: nothing is copied to bring
    its frames together. That needs queries, keys and values one by one.
    """
    weights = zip(attention.qkv.weight.chunk(3), attention.qkv.bias.chunk(3), strict=True)
    q, k, v = (
        rearrange(affine(x, weight, bias), "b t n (h d) -> b (n h) t d", h=attention.num_heads)
        for weight, bias in weights
    )  # views (B, N H, T, d)
    return linear(attention.proj, rearrange(attend(q, k, v), "b (n h) t d -> b t n (h d)", n=x.shape[2]))
