"""Self-attention over a fold of a video: the patches of each frame, or the frames of each patch.

Letters: B batch, T frames, N patches per frame, D width; S sequences of length L, H heads of width d.
"""

from __future__ import annotations

from dataclasses import dataclass

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from .linear import affine, is_plain, linear


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Which tokens (B, T, N, D) attend to each other, as einops patterns to (S, H, L, d) and back."""

    split: str  # of queries, keys or values
    split_all: str  # of the three of them in one tensor
    merge: str
    separate: bool  # project queries, keys and values one by one: nothing is copied to bring a sequence together


SPATIAL = Fold(
    split="b t n (h d) -> (b t) h n d",
    split_all="b t n (three h d) -> three (b t) h n d",
    merge="(b t) h n d -> b t n (h d)",
    separate=False,
)
TEMPORAL = Fold(  # each patch stands for more heads, so that the linear layers act on tokens where they lie
    split="b t n (h d) -> b (n h) t d",
    split_all="b t n (three h d) -> three b (n h) t d",
    merge="b (n h) t d -> b t n (h d)",
    separate=True,
)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention of (S, H, L, d) queries, keys and values; the one seam for other kernels."""
    return F.scaled_dot_product_attention(q, k, v)


class Attention(nn.Module):
    """Multi-head self-attention over any fold of the tokens."""

    def __init__(self, hidden_size: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(hidden_size, 3 * hidden_size)
        self.proj = nn.Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor, fold: Fold) -> Tensor:
        """Tokens (B, T, N, D) to tokens."""
        batch, frames, patches, _ = x.shape
        y = attend(*self._queries_keys_values(x, fold))
        y = rearrange(y, fold.merge, b=batch, t=frames, n=patches, h=self.num_heads)
        return linear(self.proj, y)

    def _queries_keys_values(self, x: Tensor, fold: Fold) -> list[Tensor]:
        heads = self.num_heads
        if fold.separate and is_plain(self.qkv):
            parts = zip(self.qkv.weight.chunk(3), self.qkv.bias.chunk(3), strict=True)
            return [rearrange(affine(x, weight, bias), fold.split, h=heads) for weight, bias in parts]
        return list(rearrange(linear(self.qkv, x), fold.split_all, three=3, h=heads))
