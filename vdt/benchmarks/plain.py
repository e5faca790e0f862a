"""The forward pass as the released code writes it: every fold copied, attention by hand, conditions per frame."""

from __future__ import annotations

from typing import cast

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.attention import Attention
from ..models.block import VDTBlock
from ..models.conditioning import Conditioning
from ..models.conditioning.record import NOTHING
from ..models.layers import Mlp
from ..models.transformer import VDT


class PlainModel(nn.Module):
    """A VDT with the plain forward pass."""

    def __init__(self, model: VDT) -> None:
        super().__init__()
        self.model, self.config = model, model.config

    def forward(self, x: Tensor, t: Tensor, conditioning: Conditioning = NOTHING) -> Tensor:
        """As `VDT.forward`."""
        return plain_forward(self.model, x, t, conditioning)


def plain_forward(model: VDT, x: Tensor, t: Tensor, conditioning: Conditioning = NOTHING) -> Tensor:
    """The result of model(x, t, conditioning) for x (B,T,C,h,w) and t (B,), without any of our optimisations."""
    batch, frames = x.shape[:2]
    condition = model.time_condition(t, conditioning)  # (B, 1, 1, D)
    c = repeat(condition[:, 0, 0], "b d -> (b t) d", t=frames).contiguous()
    tokens = rearrange(model.embed(x, conditioning), "b t n d -> (b t) n d").contiguous()
    for block in model.blocks:
        tokens = _block(cast(VDTBlock, block), tokens, c, frames)
    return model.head(rearrange(tokens, "(b t) n d -> b t n d", b=batch), condition, (x.shape[-2], x.shape[-1]))


def _block(block: VDTBlock, x: Tensor, c: Tensor, frames: int) -> Tensor:
    shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = block.adaLN_modulation(c)[:, None].chunk(6, dim=-1)
    x = x + _temporal(block, x, c, frames)
    x = x + gate * _attention(block.attn, block.norm1(x) * (1 + scale) + shift)
    return x + mlp_gate * _mlp(block.mlp, block.norm2(x) * (1 + mlp_scale) + mlp_shift)


def _temporal(block: VDTBlock, x: Tensor, c: Tensor, frames: int) -> Tensor:
    patches = x.shape[1]
    tracks = rearrange(x, "(b t) n d -> (b n) t d", t=frames).contiguous()
    tracks = block.temporal_norm1(tracks)
    gate: Tensor | float = 0.0
    if block.temporal_adaLN is not None:
        vectors = rearrange(block.temporal_adaLN(c), "(b t) d -> b t d", t=frames)
        vectors = vectors.repeat_interleave(patches, dim=0)  # (B N, T, 3 D)
        shift, scale, gate = vectors.chunk(3, dim=-1)
        tracks = tracks * (1 + scale) + shift
    tracks = (1 + gate) * block.temporal_fc(_attention(block.temporal_attn, tracks))
    return rearrange(tracks, "(b n) t d -> (b t) n d", n=patches).contiguous()


def _mlp(mlp: Mlp, x: Tensor) -> Tensor:
    return mlp.fc2(F.gelu(mlp.fc1(x), approximate="tanh"))


def _attention(attention: Attention, x: Tensor) -> Tensor:
    """Softmax attention with its weights materialised."""
    q, k, v = rearrange(attention.qkv(x), "s l (three h d) -> three s h l d", three=3, h=attention.num_heads)
    weights = torch.softmax(q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1), dim=-1)
    return attention.proj(rearrange(weights @ v, "s h l d -> s l (h d)"))
