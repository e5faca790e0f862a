"""The three ways in which the paper compares conditioning on frames: adaptive layer norm, cross-attention, tokens.

All of them take any number of whole frames at any places; a frame of which only a part is given counts as not given.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...config import AdaLNSpec, CrossAttentionSpec, TokenConcatSpec, VDTConfig
from ..initialisation import small, xavier, zero
from ..layers import PatchEmbed, Tables, spatial_table, temporal_table
from ..patches import pad_to_patches
from .base import Conditioner
from .record import Conditioning, Context

# B batch, T frames, C channels, h x w cells, N patches per frame, D width.


def given_frames(conditioning: Conditioning) -> Tensor:
    """Which frames are given whole, bool (B, T)."""
    assert conditioning.mask is not None
    return ~conditioning.mask.flatten(2).any(2)


class FrameConditioner(Conditioner):
    """Embeds conditioning frames with patches of their own and the transformer's tables of places and times."""

    def __init__(self, config: VDTConfig) -> None:
        super().__init__()
        self.config = config
        self.patches = PatchEmbed(config.in_channels, config.hidden_size, config.patch_size)
        self.tables = Tables(config.hidden_size)

    def embedded(self, conditioning: Conditioning) -> Tensor:
        """Tokens (B, T, N, D) of the frames with their places and times."""
        assert conditioning.frames is not None
        frames, patch = conditioning.frames, self.config.patch_size
        tokens = self.patches(pad_to_patches(frames, patch))
        rows, columns = (-(-side // patch) for side in frames.shape[-2:])
        places = self.tables(spatial_table, rows, columns, like=tokens)[:, None]
        return tokens + places + self.tables(temporal_table, frames.shape[1], like=tokens)[:, :, None]

    def check(self, x: Tensor, conditioning: Conditioning) -> None:
        """See `Conditioner.check`."""
        frames, mask = conditioning.frames, conditioning.mask
        if frames is not None and (frames.shape != x.shape or mask is None or mask.shape != x[:, :, 0].shape):
            raise ValueError(
                f"expected conditioning frames {tuple(x.shape)} with their mask, got {tuple(frames.shape)}"
            )

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """See `Conditioner.initialise`."""
        xavier(self.patches.proj, generator)


class AdaLNConditioner(FrameConditioner):
    """Scheme (a): the frames become one vector, added to the time condition that every adaptive layer norm reads.

    The paper leaves open how frames become a vector. Here their tokens go through one hidden layer, are averaged over
    all patches of all given frames, and a last layer, zero at first, brings them in.
    """

    module_name = "frame_embedder"

    def __init__(self, spec: AdaLNSpec, config: VDTConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def vector(self, conditioning: Conditioning) -> Tensor | None:
        """See `Conditioner.vector`: (B, 1, 1, D), 0 where no frame is given."""
        if conditioning.frames is None:
            return None
        tokens = nn.functional.silu(self.hidden(self.embedded(conditioning)))
        weight = given_frames(conditioning).to(tokens)[:, :, None]  # (B, T, 1)
        mean = (tokens.mean(2) * weight).sum(1) / weight.sum(1).clamp(min=1)  # (B, D)
        return (self.out(mean) * weight.amax(1))[:, None, None]

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """See `Conditioner.initialise`."""
        super().initialise(generator)
        xavier(self.hidden, generator)
        zero(self.out)


class CrossAttentionConditioner(FrameConditioner):
    """Scheme (c): every block attends to the tokens of the frames; queries are noisy tokens, keys and values these.

    The paper leaves open where in a block. Here it comes after spatial attention, and its last layer is zero at first.
    """

    module_name = "frame_context"

    def __init__(self, spec: CrossAttentionSpec, config: VDTConfig) -> None:
        super().__init__(config)

    def context(self, conditioning: Conditioning) -> Context | None:
        """See `Conditioner.context`: all patches of all given frames."""
        if conditioning.frames is None:
            return None
        tokens = self.embedded(conditioning)  # (B, T, N, D)
        patches = tokens.shape[2]
        return Context(tokens.flatten(1, 2), given_frames(conditioning).repeat_interleave(patches, dim=1))


class TokenConcatConditioner(Conditioner):
    """Scheme (b): given frames stand as clean tokens in the sequence, which an embedding of their own marks.

    For whole frames this is what masked modelling does too: in the released code both are one network.
    """

    module_name = "token_kind"

    def __init__(self, spec: TokenConcatSpec, config: VDTConfig) -> None:
        super().__init__()
        self.given = nn.Embedding(1, config.hidden_size)

    def tokens(self, tokens: Tensor, conditioning: Conditioning) -> Tensor:
        """See `Conditioner.tokens`."""
        if conditioning.mask is None:
            return tokens
        return tokens + given_frames(conditioning).to(tokens)[:, :, None, None] * self.given.weight[0]

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """See `Conditioner.initialise`."""
        small(self.given, generator)
