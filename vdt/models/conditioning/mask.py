"""Masked modelling: the network sees clean latents at given cells and may be told which cells these are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...config import MaskSpec, VDTConfig
from ..initialisation import zero
from ..patches import embed_patches, pad_to_patches
from .base import Conditioner
from .record import Conditioning


class MaskConditioner(Conditioner):
    """Adds an embedding of the mask to the patch tokens if the spec asks for one, else does nothing."""

    module_name = "mask_embedder"

    def __init__(self, spec: MaskSpec, config: VDTConfig) -> None:
        super().__init__()
        self.patch_size = config.patch_size
        self.proj = (
            nn.Conv2d(1, config.hidden_size, kernel_size=config.patch_size, stride=config.patch_size)
            if spec.embed
            else None
        )

    def tokens(self, tokens: Tensor, conditioning: Conditioning) -> Tensor:
        """Tokens with the embedded mask; no mask means that everything is generated."""
        if self.proj is None:
            return tokens
        if conditioning.mask is None:
            return tokens + self._embed_all(tokens)
        generate = conditioning.mask[:, :, None].to(tokens)  # (B, T, 1, h, w)
        return tokens + embed_patches(self.proj, pad_to_patches(generate, self.patch_size))

    def check(self, x: Tensor, conditioning: Conditioning) -> None:
        """See `Conditioner.check`."""
        mask = conditioning.mask
        if self.proj is not None and mask is not None and mask.shape != x[:, :, 0].shape:
            raise ValueError(f"expected a mask (B, T, h, w) = {tuple(x[:, :, 0].shape)}, got {tuple(mask.shape)}")

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """See `Conditioner.initialise`."""
        if self.proj is not None:
            zero(self.proj)  # a new model does not read the mask

    def _embed_all(self, tokens: Tensor) -> Tensor:
        """The embedding of cells that are all generated, (1, 1, 1, D): the same for every patch."""
        assert self.proj is not None
        ones = tokens.new_ones(1, 1, 1, self.patch_size, self.patch_size)
        return embed_patches(self.proj, ones)
