"""The Video Diffusion Transformer (arXiv 2305.13311): temporal attention, spatial attention, MLP.

Letters: B batch, T frames, h x w latent size, p patch side, N = (h/p)(w/p) patches of a frame, C channels, D width.
Layout: latents (B, T, C, h, w), tokens (B, T, N, D).
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from ..config import VDTConfig
from .block import VDTBlock
from .conditioning import Conditioner, Conditioning, Context, build_conditioners
from .conditioning.record import NOTHING
from .initialisation import small, xavier, zero, zero_bias
from .layers import FinalLayer, LabelEmbedder, PatchEmbed, Tables, TimestepEmbedder, spatial_table, temporal_table
from .patches import pad_to_patches


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
        self.tells_blocks_time = config.time_positions == "temporal"
        self.x_embedder = PatchEmbed(config.in_channels, width, config.patch_size)
        self._conditioner_names = []
        for conditioner in build_conditioners(config):
            self.add_module(conditioner.module_name, conditioner)
            self._conditioner_names.append(conditioner.module_name)
        self.t_embedder = TimestepEmbedder(width)
        self.y_embedder = LabelEmbedder(config.num_labels, width)
        self.register_buffer("pos_embed", spatial_table(side, side, width))
        self.register_buffer("time_embed", temporal_table(config.num_frames, width))
        self.blocks = nn.ModuleList(VDTBlock(config) for _ in range(config.depth))
        self.final_layer = FinalLayer(width, config.patch_size, config.out_channels)
        self._tables = Tables(width)  # of other sizes
        self.initialise(generator)

    @property
    def conditioners(self) -> list[Conditioner]:
        """What brings the conditioning in, in the order of the configuration."""
        return [getattr(self, name) for name in self._conditioner_names]

    # ---- Forward -----------------------------------------------------------------------------------------------------

    def forward(self, x: Tensor, t: Tensor, conditioning: Conditioning = NOTHING) -> Tensor:
        """Predict epsilon or v, then the variance channels if the model learns them.

        x is (B, T, C, h, w), t (B,) or one timestep per frame (B, T), in original 0..num_timesteps-1 indices, int or
        float. Returns (B, T, C or 2C, h, w). A size that the patch does not divide is padded with its last row and
        column.
        """
        self._check(x, t, conditioning)
        c = self.time_condition(t, conditioning)  # (B, 1 or T, 1, D)
        tokens = self.embed(x, conditioning)  # (B, T, N, D)
        tokens = self.transform(tokens, c, self.context(conditioning))
        return self.head(tokens, c, (x.shape[-2], x.shape[-1]))  # (B, T, C or 2C, h, w)

    def time_condition(self, t: Tensor, conditioning: Conditioning = NOTHING) -> Tensor:
        """What every adaLN reads: (B, 1, 1, D) for t (B,), (B, T, 1, D) for t (B, T)."""
        c = self.t_embedder(t) + self.y_embedder()
        c = c[:, None, None] if t.ndim == 1 else c[:, :, None]
        for conditioner in self.conditioners:
            vector = conditioner.vector(conditioning)
            c = c if vector is None else c + vector
        return c

    def embed(self, x: Tensor, conditioning: Conditioning = NOTHING) -> Tensor:
        """Latents (B, T, C, h, w) to tokens (B, T, N, D) with their positions and what conditioners add."""
        tokens = self.x_embedder(pad_to_patches(x, self.config.patch_size))  # (B, T, N, D)
        for conditioner in self.conditioners:
            tokens = conditioner.tokens(tokens, conditioning)
        rows, columns = self._patches((x.shape[-2], x.shape[-1]))
        tokens = tokens + self._spatial(rows, columns)[:, None]
        return tokens if self.tells_blocks_time else tokens + self._temporal(tokens.shape[1])[:, :, None]

    def context(self, conditioning: Conditioning) -> Context | None:
        """What cross-attention reads, of all conditioners together; None if there is nothing to read."""
        found = [context for each in self.conditioners if (context := each.context(conditioning)) is not None]
        return Context.cat(found) if found else None

    def transform(self, x: Tensor, c: Tensor, context: Context | None = None) -> Tensor:
        """All blocks, tokens (B, T, N, D) to tokens."""
        times = self._tables(temporal_table, x.shape[1], like=x) if self.tells_blocks_time else None
        for block in self.blocks:
            x = block(x, c, context, times)
        return x

    def head(self, x: Tensor, c: Tensor, size: tuple[int, int]) -> Tensor:
        """Tokens (B, T, N, D) of a clip of that (h, w) to (B, T, C or 2C, h, w)."""
        for conditioner in reversed(self.conditioners):
            x = conditioner.strip(x)
        x = self.final_layer(x, c)  # (B, T, N, p p C)
        patch, (rows, _) = self.config.patch_size, self._patches(size)
        x = rearrange(x, "b t (h w) (p q c) -> b t c (h p) (w q)", h=rows, p=patch, q=patch)
        return x[..., : size[0], : size[1]]  # (B, T, C or 2C, h, w)

    def _patches(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of patches that cover (h, w) cells."""
        rows, columns = (-(-side // self.config.patch_size) for side in size)
        return rows, columns

    def _spatial(self, rows: int, columns: int) -> Tensor:
        side = self.config.input_size // self.config.patch_size
        if (rows, columns) == (side, side):
            return self.pos_embed
        return self._tables(spatial_table, rows, columns, like=self.pos_embed)

    def _temporal(self, num_frames: int) -> Tensor:
        if num_frames == self.config.num_frames:
            return self.time_embed
        return self._tables(temporal_table, num_frames, like=self.pos_embed)

    def _check(self, x: Tensor, t: Tensor, conditioning: Conditioning) -> None:
        channels = self.config.in_channels
        if x.ndim != 5 or x.shape[2] != channels:
            raise ValueError(f"expected latents (B, T, {channels}, h, w), got {tuple(x.shape)}")
        if tuple(t.shape) not in (tuple(x.shape[:1]), tuple(x.shape[:2])):
            raise ValueError(f"expected timesteps (B,) or (B, T) for latents {tuple(x.shape)}, got {tuple(t.shape)}")
        for conditioner in self.conditioners:
            conditioner.check(x, conditioning)

    # ---- Initialisation ----------------------------------------------------------------------------------------------

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw fresh weights, in forward order; the untrained model predicts zero."""
        xavier(self.x_embedder.proj, generator)
        for conditioner in self.conditioners:
            conditioner.initialise(generator)
        for layer in (self.t_embedder.mlp[0], self.t_embedder.mlp[2]):
            small(layer, generator)
            zero_bias(layer)
        small(self.y_embedder.embedding_table, generator)  # adaLN reads small numbers
        for block in self.blocks:
            assert isinstance(block, VDTBlock)
            block.initialise(generator)
        zero(self.final_layer.adaLN_modulation[1])
        zero(self.final_layer.linear)  # the first prediction is zero
