"""Between cells and patch tokens: padding to whole patches and the convolution that embeds them."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

# B batch, T frames, h x w cells, p patch side, N patches per frame, D width.


def pad_to_patches(x: Tensor, patch_size: int) -> Tensor:
    """x (B, T, C, h, w) with its last row and column repeated until it holds whole patches."""
    bottom, right = (-side % patch_size for side in x.shape[-2:])
    return F.pad(x, (0, right, 0, bottom, 0, 0), mode="replicate") if bottom or right else x


def embed_patches(projection: nn.Conv2d, x: Tensor) -> Tensor:
    """One token for every p x p patch: (B, T, C, h, w) to (B, T, N, D)."""
    frames = rearrange(x, "b t c h w -> (b t) c h w").contiguous()  # a convolution rounds by its memory layout
    return rearrange(projection(frames), "(b t) d h w -> b t (h w) d", b=x.shape[0])
