"""What every autoencoder of single frames offers: latents of pictures with a spread, pictures of latents, and clips.

N frames, B batch, T frames per clip, H x W pixels, h x w latent cells (H / downscale), Z latent channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from ..config import FastVAEConfig, VAEConfig

PIXEL_CHANNELS = 3
LOGVAR_RANGE = (-30.0, 20.0)


@dataclass(frozen=True)
class Posterior:
    """Diagonal Gaussian over latents, one per frame.

    Shapes: mean and logvar are both (N, Z, h, w); logvar lies in [-30, 20].
    """

    mean: Tensor
    logvar: Tensor

    def sample(self, generator: torch.Generator) -> Tensor:
        """One draw, (N, Z, h, w); the noise is made on the generator's device, so a CPU generator fits any GPU."""
        noise = torch.randn(self.mean.shape, generator=generator, device=generator.device)
        return self.mean + (0.5 * self.logvar).exp() * noise.to(self.mean)

    def mode(self) -> Tensor:
        """The most likely latents, (N, Z, h, w)."""
        return self.mean

    def kl(self) -> Tensor:
        """KL divergence to the standard normal in nats, summed over each frame: (N,), float32 or better."""
        mean, logvar = (x if x.dtype == torch.float64 else x.float() for x in (self.mean, self.logvar))
        return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(dim=(1, 2, 3))


class FrameAutoencoder(nn.Module):
    """Frame autoencoder; pixels are float in [-1, 1] and latents are raw: scale and shift belong to DiffusionConfig."""

    config: VAEConfig | FastVAEConfig

    def encode(self, pixels: Tensor) -> Posterior:
        """Posterior over latents of (N, 3, H, W) pixels; ValueError unless H and W are multiples of the downscale."""
        self._check_pixels(pixels)
        mean, logvar = self.moments(pixels)
        return Posterior(mean, logvar.clamp(*LOGVAR_RANGE))

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels (N, 3, H, W) of raw latents (N, Z, h, w); not clipped to [-1, 1]."""
        if latents.ndim != 4 or latents.shape[1] != self.config.z_channels:
            raise ValueError(f"got latents {tuple(latents.shape)}, expected (N, {self.config.z_channels}, h, w)")
        return self.pictures(latents)

    def moments(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, (N, Z, h, w) each, of pixels whose shape has been checked."""
        raise NotImplementedError

    def pictures(self, latents: Tensor) -> Tensor:
        """Pixels of latents whose shape has been checked."""
        raise NotImplementedError

    def encode_video(self, pixels: Tensor, chunk: int = 8) -> Tensor:
        """Mean latents (B, T, Z, h, w) of clips (B, T, 3, H, W), `chunk` frames of the flattened B*T at a time."""
        return _over_frames(lambda frames: self.encode(frames).mean, pixels, chunk)

    def decode_video(self, latents: Tensor, chunk: int = 8) -> Tensor:
        """Clips (B, T, 3, H, W) of raw latents (B, T, Z, h, w), `chunk` frames of the flattened B*T at a time."""
        return _over_frames(self.decode, latents, chunk)

    def _check_pixels(self, pixels: Tensor) -> None:
        if pixels.ndim != 4 or pixels.shape[1] != PIXEL_CHANNELS:
            raise ValueError(f"got pixels {tuple(pixels.shape)}, expected (N, {PIXEL_CHANNELS}, H, W)")
        height, width = pixels.shape[-2:]
        step = self.config.downscale
        if height % step or width % step or not height or not width:
            fit = [max(size // step, 1) * step for size in (height, width)]
            raise ValueError(
                f"got pixels of {height}x{width} (height x width), expected multiples of {step}: "
                f"resize or crop them, for example to {fit[0]}x{fit[1]}"
            )


def _over_frames(function: Callable[[Tensor], Tensor], video: Tensor, chunk: int) -> Tensor:
    if video.ndim != 5:
        raise ValueError(f"got a video tensor of shape {tuple(video.shape)}, expected (B, T, C, H, W)")
    if chunk < 1:
        raise ValueError(f"got chunk {chunk}, expected at least 1 frame")
    frames = rearrange(video, "b t c h w -> (b t) c h w")
    done = torch.cat([function(part) for part in frames.split(chunk)])
    return rearrange(done, "(b t) c h w -> b t c h w", b=video.shape[0])
