"""Self-attention over one axis of a video: all patches of a frame, or all frames of a patch.

Letters: B batch, T frames, N patches per frame, D width; S sequences of length L, H heads of width d.
"""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention of (S, H, L, d) queries, keys and values; the one seam for other kernels."""
    return F.scaled_dot_product_attention(q, k, v)


class Attention(nn.Module):
    """Multi-head self-attention within each of S independent sequences."""

    def __init__(self, hidden_size: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(hidden_size, 3 * hidden_size)
        self.proj = nn.Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = rearrange(self.qkv(x), "s l (three h d) -> three s h l d", three=3, h=self.num_heads)  # (S, H, L, d)
        x = rearrange(attend(q, k, v), "s h l d -> s l (h d)")  # (S, L, D)
        return self.proj(x)


def spatial_attention(attention: Attention, x: Tensor) -> Tensor:
    """Attend over the N patches of every frame of the tokens (B, T, N, D)."""
    frames = rearrange(x, "b t n d -> (b t) n d")
    return rearrange(attention(frames), "(b t) n d -> b t n d", b=x.shape[0])


def temporal_attention(attention: Attention, x: Tensor) -> Tensor:
    """Attend over the T frames of every patch of the tokens (B, T, N, D)."""
    tracks = rearrange(x, "b t n d -> (b n) t d")
    return rearrange(attention(tracks), "(b n) t d -> b t n d", b=x.shape[0])
