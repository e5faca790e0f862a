"""A small decoder of latents, for pictures that come at every step of sampling; a VAE would take longer than the step.

After TAESD (github.com/madebyollin/taesd): a few convolutions that learn what the VAE's decoder makes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

PIXEL_CHANNELS = 3


class PreviewDecoder(nn.Module):
    """Raw latents to pixels by four convolutions on the latent grid; each cell becomes `downscale`² pixels."""

    def __init__(self, in_channels: int = 4, width: int = 64, downscale: int = 8) -> None:
        super().__init__()
        self.downscale = downscale
        self.conv_in = nn.Conv2d(in_channels, width, 3, padding=1)
        self.conv_mid = nn.Conv2d(width, width, 3, padding=1)
        self.conv_mid2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv_out = nn.Conv2d(width, PIXEL_CHANNELS * downscale**2, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """Raw latents (N, C, h, w) to pixels (N, 3, H, W), about [-1, 1]."""
        x = F.silu(self.conv_in(latents))  # (N, width, h, w)
        x = x + F.silu(self.conv_mid(x))
        x = x + F.silu(self.conv_mid2(x))
        return F.pixel_shuffle(self.conv_out(x), self.downscale)
