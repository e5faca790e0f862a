"""Attention over a fold of a video (patches of a frame, frames of a patch, or all of both), or across to a context.

Letters: B batch, T frames, N patches per frame, D width; S sequences of length L, H heads of width d.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from .conditioning.record import Context
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

JOINT = Fold(
    split="b t n (h d) -> b h (t n) d",
    split_all="b t n (three h d) -> three b h (t n) d",
    merge="b h (t n) d -> b t n (h d)",
    separate=False,
)


TILE = 64  # rows that the kernels for attention on a GPU work on at once


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax attention of (S, H, L, d) queries, keys and values; the one seam for other kernels.

    mask is bool, broadcast over (S, H, L, L'), True = attend.
    """
    if q.dtype == torch.bfloat16 and torch.is_grad_enabled() and (q.requires_grad or k.requires_grad):
        k = k - k.mean(-2, keepdim=True)  # the same answer: what all keys have in common is a constant to the softmax
        if q.device.type == "cpu":
            return _written_out(q, k, v, mask)
    together = TILE // q.shape[2]
    if q.is_cuda and mask is None and q.shape == k.shape and together > 1 and len(q) % together == 0:
        return _side_by_side(q, k, v, together)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def _side_by_side(q: Tensor, k: Tensor, v: Tensor, together: int) -> Tensor:
    """The same with so many sequences in one that attend to themselves alone: a GPU takes a tile for each, full or not.

    On an H200 sequences of 16 take 0.48 instead of 0.79 ms (LOG.md).
    """
    sequence = torch.arange(together * q.shape[2], device=q.device) // q.shape[2]
    q, k, v = (each.unflatten(0, (-1, together)).transpose(1, 2).flatten(2, 3) for each in (q, k, v))
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=sequence[:, None] == sequence)
    return y.unflatten(2, (together, -1)).transpose(1, 2).flatten(0, 1)


def _written_out(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """The same as two products and a softmax: on a CPU the fused backward pass takes ten times as long in bfloat16."""
    scores = ((q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)).float()
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1).to(v.dtype) @ v


class Attention(nn.Module):
    """Multi-head self-attention over any fold of the tokens.

    Biases of keys are not learned: the softmax does not see them, so their gradient is the rounding error of bfloat16,
    of which AdamW makes full steps. Grown a hundredfold, they spoil what is rounded with them: all other gradients of
    the layer (LOG.md, 2026-11-27).
    """

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
        if not is_plain(self.qkv):
            return list(rearrange(linear(self.qkv, x), fold.split_all, three=3, h=heads))
        weight: Tensor = self.qkv.weight
        bias: Tensor = self.qkv.bias
        if bias.requires_grad and torch.is_grad_enabled():
            q, k, v = bias.chunk(3)
            bias = torch.cat([q, k.detach(), v])
        if fold.separate:
            parts = zip(weight.chunk(3), bias.chunk(3), strict=True)
            return [rearrange(affine(x, *part), fold.split, h=heads) for part in parts]
        return list(rearrange(affine(x, weight, bias), fold.split_all, three=3, h=heads))


class CrossAttention(nn.Module):
    """Multi-head attention of all tokens of a clip to a context; where nothing of it counts the answer is 0."""

    def __init__(self, hidden_size: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(hidden_size, hidden_size)
        self.kv = nn.Linear(hidden_size, 2 * hidden_size)
        self.proj = nn.Linear(hidden_size, hidden_size, bias=False)  # 0 stays 0

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Tokens (B, T, N, D) to tokens."""
        heads, patches = self.num_heads, x.shape[2]
        q = rearrange(linear(self.q, x), "b t n (h d) -> b h (t n) d", h=heads)
        k, v = rearrange(linear(self.kv, context.tokens), "b l (two h d) -> two b h l d", two=2, h=heads)
        k, v = (F.pad(each, (0, 0, 1, 0)) for each in (k, v))  # a key of 0 with a value of 0, which always counts
        mask = F.pad(context.mask, (1, 0), value=True)[:, None, None]  # (B, 1, 1, 1 + L)
        return linear(self.proj, rearrange(attend(q, k, v, mask), "b h (t n) d -> b t n (h d)", n=patches))
