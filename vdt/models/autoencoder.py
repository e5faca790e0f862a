"""AutoencoderKL, the frame autoencoder of latent diffusion (arXiv 2112.10752), with the key names of its LDM files.

N frames, B batch, T frames per clip, C channels, H x W pixels, h x w latent cells (H / downscale), Z latent channels.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..config import VAEConfig
from .frame_autoencoder import PIXEL_CHANNELS, FrameAutoencoder

NORM_EPS = 1e-6  # the value SD files were trained with; PyTorch's default is 1e-5


class ResnetBlock(nn.Module):
    """Two normalised 3x3 convolutions around a residual; `nin_shortcut` exists only where the width changes."""

    def __init__(self, in_channels: int, out_channels: int, num_groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(num_groups, in_channels, eps=NORM_EPS)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(num_groups, out_channels, eps=NORM_EPS)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        same = in_channels == out_channels
        self.nin_shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H, W)."""
        h = self.conv1(F.silu(self.norm1(x)))  # (N, C_out, H, W)
        h = self.conv2(F.silu(self.norm2(h)))  # (N, C_out, H, W)
        return self.nin_shortcut(x) + h


class AttentionBlock(nn.Module):
    """Single-head attention over all cells of one frame, with 1x1 convolutions as projections."""

    def __init__(self, channels: int, num_groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(num_groups, channels, eps=NORM_EPS)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to the same shape."""
        height = x.shape[-2]
        h = self.norm(x)  # (N, C, h, w)
        q, k, v = (rearrange(f(h), "n c h w -> n 1 (h w) c") for f in (self.q, self.k, self.v))
        h = F.scaled_dot_product_attention(q, k, v)  # (N, 1, h*w, C)
        h = rearrange(h, "n 1 (h w) c -> n c h w", h=height)  # (N, C, h, w)
        return x + self.proj_out(h)


class MiddleBlock(nn.Module):
    """Residual, attention, residual at the lowest resolution."""

    def __init__(self, channels: int, num_groups: int) -> None:
        super().__init__()
        self.block_1 = ResnetBlock(channels, channels, num_groups)
        self.attn_1 = AttentionBlock(channels, num_groups)
        self.block_2 = ResnetBlock(channels, channels, num_groups)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to the same shape."""
        return self.block_2(self.attn_1(self.block_1(x)))


class Downsample(nn.Module):
    """Halve the resolution; the padding is on the right and bottom only, as in LDM."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H/2, W/2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))  # (N, C, H/2, W/2)


class Upsample(nn.Module):
    """Double the resolution by repeating pixels, then smooth."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, 2H, 2W)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))  # (N, C, 2H, 2W)


class DownLevel(nn.Module):
    """Residual blocks of one resolution, then a halving unless it is the last."""

    def __init__(self, widths: tuple[int, int], config: VAEConfig, *, last: bool) -> None:
        super().__init__()
        self.block = _residual_blocks(*widths, config.num_res_blocks, config.num_groups)
        self.downsample = nn.Identity() if last else Downsample(widths[1])

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H/2, W/2), or the same size at the last level."""
        return self.downsample(self.block(x))  # (N, C_out, H/2, W/2)


class UpLevel(nn.Module):
    """Residual blocks of one resolution (one more than the encoder has), then a doubling unless it is the last."""

    def __init__(self, widths: tuple[int, int], config: VAEConfig, *, last: bool) -> None:
        super().__init__()
        self.block = _residual_blocks(*widths, config.num_res_blocks + 1, config.num_groups)
        self.upsample = nn.Identity() if last else Upsample(widths[1])

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, 2H, 2W), or the same size at the last level."""
        return self.upsample(self.block(x))  # (N, C_out, 2H, 2W)


class Encoder(nn.Module):
    """Pixels to moments: (N, 3, H, W) to (N, 2Z, h, w)."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = [config.ch, *(config.ch * mult for mult in config.ch_mult)]
        deepest = len(config.ch_mult) - 1
        self.conv_in = nn.Conv2d(PIXEL_CHANNELS, config.ch, 3, padding=1)
        self.down = nn.Sequential(*(DownLevel(w, config, last=i == deepest) for i, w in enumerate(pairwise(widths))))
        self.mid = MiddleBlock(widths[-1], config.num_groups)
        self.norm_out = nn.GroupNorm(config.num_groups, widths[-1], eps=NORM_EPS)
        self.conv_out = nn.Conv2d(widths[-1], 2 * config.z_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Pixels (N, 3, H, W) to moments (N, 2Z, h, w)."""
        x = self.conv_in(x)  # (N, ch, H, W)
        x = self.mid(self.down(x))  # (N, C, h, w)
        return self.conv_out(F.silu(self.norm_out(x)))  # (N, 2Z, h, w)


class Decoder(nn.Module):
    """Latents to pixels: (N, Z, h, w) to (N, 3, H, W); `up.0` is the full resolution, so levels run backwards."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = [config.ch * mult for mult in (*config.ch_mult, config.ch_mult[-1])]
        self.conv_in = nn.Conv2d(config.z_channels, widths[-1], 3, padding=1)
        self.mid = MiddleBlock(widths[-1], config.num_groups)
        self.up = nn.ModuleList(
            UpLevel((below, own), config, last=i == 0) for i, (own, below) in enumerate(pairwise(widths))
        )
        self.norm_out = nn.GroupNorm(config.num_groups, widths[0], eps=NORM_EPS)
        self.conv_out = nn.Conv2d(widths[0], PIXEL_CHANNELS, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Latents (N, Z, h, w) to pixels (N, 3, H, W)."""
        x = self.mid(self.conv_in(z))  # (N, C, h, w)
        for level in reversed(self.up):
            x = level(x)  # (N, C_i, 2H_i, 2W_i)
        return self.conv_out(F.silu(self.norm_out(x)))  # (N, 3, H, W)


class AutoencoderKL(FrameAutoencoder):
    """The frame autoencoder of Stable Diffusion, at any size."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = nn.Conv2d(2 * config.z_channels, 2 * config.z_channels, 1)
        self.post_quant_conv = nn.Conv2d(config.z_channels, config.z_channels, 1)

    def moments(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See `FrameAutoencoder.moments`."""
        mean, logvar = self.quant_conv(self.encoder(pixels)).chunk(2, dim=1)  # (N, Z, h, w) each
        return mean, logvar

    def pictures(self, latents: Tensor) -> Tensor:
        """See `FrameAutoencoder.pictures`."""
        return self.decoder(self.post_quant_conv(latents))


def _residual_blocks(in_channels: int, out_channels: int, count: int, num_groups: int) -> nn.Sequential:
    widths = [in_channels, *[out_channels] * count]
    return nn.Sequential(*(ResnetBlock(*pair, num_groups) for pair in pairwise(widths)))
