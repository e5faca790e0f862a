"""A small frame autoencoder that speaks the latents of a larger one, which would take most of the time on a CPU.

After TAESD (github.com/madebyollin/taesd): convolutions without norms, trained to copy a teacher. Pixels are folded
into channels at half size, since a layer at full size costs most and learns least.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import FastVAEConfig
from .frame_autoencoder import LOGVAR_RANGE, PIXEL_CHANNELS, FrameAutoencoder

# N frames, C channels, H x W pixels, h x w latent cells, Z latent channels.

FOLD = 2  # pixels along the side of what is folded into one place


class FastAutoencoder(FrameAutoencoder):
    """Encoder and decoder of a few convolutions a level; its latents have no spread."""

    def __init__(self, config: FastVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _encoder(config)
        self.decoder = _decoder(config)

    def moments(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See `FrameAutoencoder.moments`."""
        mean = self.encoder(pixels)  # (N, Z, h, w)
        return mean, torch.full_like(mean, LOGVAR_RANGE[0])

    def pictures(self, latents: Tensor) -> Tensor:
        """See `FrameAutoencoder.pictures`."""
        return self.decoder(latents)


class Block(nn.Module):
    """Two 3x3 convolutions around a residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels, channels)
        self.conv2 = _conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return F.relu(x + self.conv2(F.relu(self.conv1(x))))


def _encoder(config: FastVAEConfig) -> nn.Sequential:
    """(N, 3, H, W) to (N, Z, h, w)."""
    first = _conv(PIXEL_CHANNELS * FOLD**2, config.widths[0])
    layers: list[nn.Module] = [nn.PixelUnshuffle(FOLD), first, nn.ReLU(), *_blocks(config, config.encoder_blocks, 0)]
    for level, (finer, coarser) in enumerate(pairwise(config.widths), 1):
        layers += [_conv(finer, coarser, stride=FOLD), nn.ReLU(), *_blocks(config, config.encoder_blocks, level)]
    return nn.Sequential(*layers, _conv(config.widths[-1], config.z_channels))


def _decoder(config: FastVAEConfig) -> nn.Sequential:
    """(N, Z, h, w) to (N, 3, H, W)."""
    last = len(config.widths) - 1
    layers: list[nn.Module] = [_conv(config.z_channels, config.widths[-1]), nn.ReLU()]
    for level in range(last, -1, -1):
        channels = config.widths[level - 1] if level else PIXEL_CHANNELS
        layers += [*_blocks(config, config.decoder_blocks, level), _conv(config.widths[level], channels * FOLD**2)]
        layers += [nn.PixelShuffle(FOLD), *([nn.ReLU()] if level else [])]
    return nn.Sequential(*layers)


def _blocks(config: FastVAEConfig, counts: tuple[int, ...], level: int) -> list[Block]:
    return [Block(config.widths[level]) for _ in range(counts[level])]


def _conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)
