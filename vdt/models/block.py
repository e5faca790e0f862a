"""One block of the transformer: a tuple of residual branches, in the order of the configuration's layout.

Attribute names are those of the official files whatever the layout, so that their weights load strictly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..config import VDTConfig
from .attention import JOINT, SPATIAL, TEMPORAL, Attention, CrossAttention, Fold
from .conditioning import Context, reads_context
from .initialisation import xavier, zero
from .layers import Mlp, Modulation, adaln, modulate
from .linear import linear

LAYOUTS: dict[str, tuple[str, ...]] = {
    "factorized": ("temporal", "spatial", "mlp"),
    "spatial_first": ("spatial", "temporal", "mlp"),
    "joint": ("joint", "mlp"),
}
FOLDS: dict[str, Fold] = {"spatial": SPATIAL, "joint": JOINT}


def block_layout(config: VDTConfig) -> tuple[str, ...]:
    """The branches of a block in order; cross-attention, where a conditioner needs it, comes before the MLP."""
    layout = LAYOUTS[config.attention]
    return (*layout[:-1], "cross", layout[-1]) if reads_context(config) else layout


class VDTBlock(nn.Module):
    """Residual branches under adaLN-zero (arXiv 2212.09748); tokens (B, T, N, D)."""

    def __init__(self, config: VDTConfig) -> None:
        super().__init__()
        width, heads = config.hidden_size, config.num_heads
        self.layout = block_layout(config)
        if "temporal" in self.layout:
            self.temporal_norm1 = nn.LayerNorm(width)
            self.temporal_attn = Attention(width, heads)
            self.temporal_fc = nn.Linear(width, width)
            self.temporal_adaLN = adaln(width, 3) if config.temporal_adaln else None
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.attn = Attention(width, heads)
        if "cross" in self.layout:
            self.cross_norm = nn.LayerNorm(width)
            self.cross_attn = CrossAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.mlp = Mlp(width, config.mlp_ratio)
        self.adaLN_modulation = adaln(width, 6)

    def forward(self, x: Tensor, c: Tensor, context: Context | None = None, times: Tensor | None = None) -> Tensor:
        """Tokens (B, T, N, D), time condition (B, 1 or T, 1, D) and context, if any, to tokens.

        times is a table (1, T, D) of the places of frames, where the temporal branch alone is told them.
        """
        vectors = self.adaLN_modulation(c).chunk(6, dim=-1)
        attn_mod, mlp_mod = Modulation(*vectors[:3]), Modulation(*vectors[3:])
        for branch in self.layout:
            if branch == "temporal":
                x = x + self._temporal(x if times is None else x + times[:, :, None], c)
            elif branch == "cross":
                x = x if context is None else x + self.cross_attn(self.cross_norm(x), context)
            elif branch == "mlp":
                x = mlp_mod.gated(x, self.mlp(mlp_mod.shifted(self.norm2(x))))
            else:
                x = self._attention(x, attn_mod, FOLDS[branch])
        return x

    def signal(self, x: Tensor, c: Tensor) -> Tensor:
        """The modulated input of the attention branch: what the step cache compares between steps."""
        shift, scale = self.adaLN_modulation(c).chunk(6, dim=-1)[:2]
        return modulate(self.norm1(x), shift, scale)

    def _attention(self, x: Tensor, attn_mod: Modulation, fold: Fold) -> Tensor:
        return attn_mod.gated(x, self.attn(attn_mod.shifted(self.norm1(x)), fold))

    def _temporal(self, x: Tensor, c: Tensor) -> Tensor:
        x = self.temporal_norm1(x)
        if self.temporal_adaLN is None:
            return linear(self.temporal_fc, self.temporal_attn(x, TEMPORAL))
        time_mod = Modulation(*self.temporal_adaLN(c).chunk(3, dim=-1))
        x = linear(self.temporal_fc, self.temporal_attn(time_mod.shifted(x), TEMPORAL))
        return (1 + time_mod.gate) * x  # zero weights leave the block as it was

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw fresh weights, in forward order."""
        for attention in (self.temporal_attn, self.attn) if "temporal" in self.layout else (self.attn,):
            xavier(attention.qkv, generator)
            xavier(attention.proj, generator)
        if "temporal" in self.layout:
            if self.temporal_adaLN is None:
                xavier(self.temporal_fc, generator)  # as in the official model
            else:
                zero(self.temporal_fc)  # our new models start as image models (Open-Sora 1.1)
                zero(self.temporal_adaLN[1])
        if "cross" in self.layout:
            xavier(self.cross_attn.q, generator)
            xavier(self.cross_attn.kv, generator)
            zero(self.cross_attn.proj)  # a new model does not read its context
        xavier(self.mlp.fc1, generator)
        xavier(self.mlp.fc2, generator)
        zero(self.adaLN_modulation[1])  # adaLN-zero: attention and MLP start closed
