"""The Video Diffusion Transformer (arXiv 2305.13311): temporal attention, spatial attention, MLP.

Letters: B batch, T frames, h x w latent size, p patch side, N = (h/p)(w/p) patches of a frame, C channels, D width.
Layout: latents (B, T, C, h, w), tokens (B, T, N, D), masks bool (B, T, h, w) with True = generate.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .attention import Attention, spatial_attention, temporal_attention
from .config import VDTConfig
from .layers import (
    FinalLayer,
    LabelEmbedder,
    Mlp,
    Modulation,
    PatchEmbed,
    TimestepEmbedder,
    adaln,
    modulate,
    spatial_table,
    temporal_table,
)
from .linear import linear


class VDTBlock(nn.Module):
    """Temporal attention, then spatial attention and MLP under adaLN-zero (arXiv 2212.09748)."""

    def __init__(self, config: VDTConfig) -> None:
        super().__init__()
        width, heads = config.hidden_size, config.num_heads
        self.temporal_norm1 = nn.LayerNorm(width)
        self.temporal_attn = Attention(width, heads)
        self.temporal_fc = nn.Linear(width, width)
        self.temporal_adaLN = adaln(width, 3) if config.temporal_adaln else None
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.mlp = Mlp(width, config.mlp_ratio)
        self.adaLN_modulation = adaln(width, 6)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """Tokens (B, T, N, D) and time condition (B, 1 or T, 1, D) to tokens."""
        vectors = self.adaLN_modulation(c).chunk(6, dim=-1)
        spatial, mlp = Modulation(*vectors[:3]), Modulation(*vectors[3:])
        x = x + self._temporal(x, c)
        y = spatial_attention(self.attn, modulate(self.norm1(x), spatial.shift, spatial.scale))
        x = torch.addcmul(x, spatial.gate, y)
        y = self.mlp(modulate(self.norm2(x), mlp.shift, mlp.scale))
        return torch.addcmul(x, mlp.gate, y)

    def _temporal(self, x: Tensor, c: Tensor) -> Tensor:
        x = self.temporal_norm1(x)
        if self.temporal_adaLN is None:
            return linear(self.temporal_fc, temporal_attention(self.temporal_attn, x))
        time = Modulation(*self.temporal_adaLN(c).chunk(3, dim=-1))
        x = linear(self.temporal_fc, temporal_attention(self.temporal_attn, modulate(x, time.shift, time.scale)))
        return (1 + time.gate) * x  # zero weights leave the block as it was


class VDT(nn.Module):
    """Predicts noise (and its variance) for a clip of any length and size from noisy and given latents."""

    pos_embed: Tensor
    time_embed: Tensor

    def __init__(self, config: VDTConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        width, side = config.hidden_size, config.input_size // config.patch_size
        if width % 4:
            raise ValueError(f"hidden_size must be a multiple of 4 for the position tables, got {width}")
        self.x_embedder = PatchEmbed(config.in_channels, width, config.patch_size)
        self.mask_embedder = PatchEmbed(1, width, config.patch_size) if config.mask_embed else None
        self.t_embedder = TimestepEmbedder(width)
        self.y_embedder = LabelEmbedder(config.num_labels, width)
        self.register_buffer("pos_embed", spatial_table(side, side, width))
        self.register_buffer("time_embed", temporal_table(config.num_frames, width))
        self.blocks = nn.ModuleList(VDTBlock(config) for _ in range(config.depth))
        self.final_layer = FinalLayer(width, config.patch_size, config.out_channels)
        self._tables: dict[tuple[object, ...], Tensor] = {}  # tables of other sizes, never saved
        self.initialise(generator)

    # ---- Forward -----------------------------------------------------------------------------------------------------

    def forward(self, x: Tensor, t: Tensor, mask: Tensor | None = None) -> Tensor:
        """Predict epsilon or v, then the variance channels if the model learns them.

        x is (B, T, C, h, w), t (B,) or one timestep per frame (B, T), in original 0..num_timesteps-1 indices, int or
        float. mask (B, T, h, w), True = generate, is read only by models with `mask_embed`; None means all generate.
        Returns (B, T, C or 2C, h, w). A size that the patch does not divide is filled up with its last row and column.
        """
        self._check(x, t, mask)
        size = (x.shape[-2], x.shape[-1])
        c = self.time_condition(t)  # (B, 1 or T, 1, D)
        x = self.embed(x, mask)  # (B, T, N, D)
        return self.head(self.transform(x, c), c, size)  # (B, T, C or 2C, h, w)

    def time_condition(self, t: Tensor) -> Tensor:
        """What every adaLN reads, (B, 1, 1, D) for t (B,) or (B, T, 1, D) for t (B, T); depends on t alone."""
        c = self.t_embedder(t) + self.y_embedder()
        return c[:, None, None] if t.ndim == 1 else c[:, :, None]

    def embed(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Latents (B, T, C, h, w) to tokens (B, T, N, D) with their place and time, and mask if the model reads it."""
        rows, columns = self._patches((x.shape[-2], x.shape[-1]))
        tokens = self.x_embedder(self._filled_up(x))  # (B, T, N, D)
        if self.mask_embedder is not None:
            generate = x.new_ones(x[:, :, :1].shape) if mask is None else mask[:, :, None].to(x)
            tokens = tokens + self.mask_embedder(self._filled_up(generate))
        return tokens + self._spatial(rows, columns)[:, None] + self._temporal(x.shape[1])[:, :, None]

    def transform(self, x: Tensor, c: Tensor) -> Tensor:
        """All blocks, tokens (B, T, N, D) to tokens."""
        for block in self.blocks:
            x = block(x, c)
        return x

    def head(self, x: Tensor, c: Tensor, size: tuple[int, int]) -> Tensor:
        """Tokens (B, T, N, D) of a clip of that (h, w) to (B, T, C or 2C, h, w)."""
        x = self.final_layer(x, c)  # (B, T, N, p p C)
        patch, (rows, _) = self.config.patch_size, self._patches(size)
        x = rearrange(x, "b t (h w) (p q c) -> b t c (h p) (w q)", h=rows, p=patch, q=patch)
        return x[..., : size[0], : size[1]]  # (B, T, C or 2C, h, w)

    def _patches(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of patches that cover (h, w) cells."""
        rows, columns = (-(-side // self.config.patch_size) for side in size)
        return rows, columns

    def _filled_up(self, x: Tensor) -> Tensor:
        """x (B, T, C, h, w) with its last row and column repeated until whole patches are full."""
        below, right = (-side % self.config.patch_size for side in x.shape[-2:])
        return F.pad(x, (0, right, 0, below, 0, 0), mode="replicate") if below or right else x

    def _spatial(self, rows: int, columns: int) -> Tensor:
        side = self.config.input_size // self.config.patch_size
        if (rows, columns) == (side, side):
            return self.pos_embed
        return self._table(spatial_table, rows, columns)

    def _temporal(self, num_frames: int) -> Tensor:
        if num_frames == self.config.num_frames:
            return self.time_embed
        return self._table(temporal_table, num_frames)

    def _table(self, function: Callable[..., Tensor], *size: int) -> Tensor:
        like = self.pos_embed
        key = (function, *size, like.device, like.dtype)
        if key not in self._tables:
            with torch.inference_mode(False):  # a table first needed while sampling must serve training too
                self._tables[key] = function(*size, self.config.hidden_size).to(like)
        return self._tables[key]

    def _check(self, x: Tensor, t: Tensor, mask: Tensor | None) -> None:
        channels = self.config.in_channels
        if x.ndim != 5 or x.shape[2] != channels:
            raise ValueError(f"expected latents (B, T, {channels}, h, w), got {tuple(x.shape)}")
        if tuple(t.shape) not in (tuple(x.shape[:1]), tuple(x.shape[:2])):
            raise ValueError(f"expected timesteps (B,) or (B, T) for latents {tuple(x.shape)}, got {tuple(t.shape)}")
        if self.config.mask_embed and mask is not None and mask.shape != x[:, :, 0].shape:
            raise ValueError(f"expected a mask (B, T, h, w) = {tuple(x[:, :, 0].shape)}, got {tuple(mask.shape)}")

    # ---- Initialisation ----------------------------------------------------------------------------------------------

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw fresh weights, in forward order; the untrained model answers zero."""
        _xavier(self.x_embedder.proj, generator)  # patches as a Linear layer sees them
        if self.mask_embedder is not None:
            _zero(self.mask_embedder.proj)  # a new model does not read the mask
        for layer in (self.t_embedder.mlp[0], self.t_embedder.mlp[2]):
            _small(layer, generator)
            _zero_bias(layer)
        _small(self.y_embedder.embedding_table, generator)  # adaLN reads small numbers
        for block in self.blocks:
            self._initialise_block(block, generator)
        _zero(self.final_layer.adaLN_modulation[1])
        _zero(self.final_layer.linear)  # the first prediction is zero

    def _initialise_block(self, block: nn.Module, generator: torch.Generator | None) -> None:
        assert isinstance(block, VDTBlock)
        for attention in (block.temporal_attn, block.attn):
            _xavier(attention.qkv, generator)
            _xavier(attention.proj, generator)
        if block.temporal_adaLN is None:
            _xavier(block.temporal_fc, generator)  # as in the official model
        else:
            _zero(block.temporal_fc)  # our new models start as image models (Open-Sora 1.1)
            _zero(block.temporal_adaLN[1])
        _xavier(block.mlp.fc1, generator)
        _xavier(block.mlp.fc2, generator)
        _zero(block.adaLN_modulation[1])  # adaLN-zero: spatial attention and MLP start closed


def _xavier(layer: nn.Module, generator: torch.Generator | None) -> None:
    assert isinstance(layer, (nn.Linear, nn.Conv2d))
    nn.init.xavier_uniform_(layer.weight.data.flatten(1), generator=generator)
    _zero_bias(layer)


def _small(layer: nn.Module, generator: torch.Generator | None) -> None:
    assert isinstance(layer, (nn.Linear, nn.Embedding))
    nn.init.normal_(layer.weight, std=0.02, generator=generator)


def _zero_bias(layer: nn.Module) -> None:
    assert isinstance(layer, (nn.Linear, nn.Conv2d)) and layer.bias is not None
    nn.init.zeros_(layer.bias)


def _zero(layer: nn.Module) -> None:
    assert isinstance(layer, (nn.Linear, nn.Conv2d))
    nn.init.zeros_(layer.weight)
    _zero_bias(layer)


def build_model(config: VDTConfig, generator: torch.Generator | None = None) -> VDT:
    """Make the model a configuration asks for; the one place where its variants are told apart."""
    if (config.attention, config.conditioning) == ("factorized", "mask"):
        return VDT(config, generator)
    raise ValueError(f"no model for attention {config.attention!r} with conditioning {config.conditioning!r}")
