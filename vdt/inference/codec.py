"""Between frames and raw latents: the small protocol that compositing needs, and our own autoencoder behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..media.frames import frames_to_pixels, pad_to_multiple, pixels_to_frames
from ..models.autoencoder import AutoencoderKL
from .memory import VAE_TILE, frames_at_once
from .tiling import join_tiles, plan_tiles

# T or n frames, H x W pixels, C channels, h x w latent cells. Raw latents are the autoencoder's own: unscaled.

Progress = Callable[[int, int], None]  # frames done, frames in all; what it raises ends the work
Size = tuple[int, int]  # height, width


class VideoCodec(Protocol):
    """Frames to raw latents and back; a VAE of another program can implement it."""

    @property
    def downscale(self) -> int:
        """Pixels along the side of a latent cell."""
        ...

    def encode(self, frames: np.ndarray, progress: Progress | None = None) -> Tensor:
        """Raw latents float32 (T, C, h, w) of uint8 frames (T, H, W, 3) of any size."""
        ...

    def decode(self, latents: Tensor, size: Size) -> np.ndarray:
        """Frames uint8 (n, H, W, 3) of that height and width of raw latents (n, C, h, w)."""
        ...


class AutoencoderCodec:
    """Our own autoencoder; pictures of any size are padded to whole cells, and large ones are coded in tiles."""

    def __init__(self, vae: AutoencoderKL) -> None:
        self.vae = vae

    @property
    def downscale(self) -> int:
        """Pixels along the side of a latent cell."""
        return self.vae.config.downscale

    @property
    def channels(self) -> int:
        """Channels of the latents."""
        return self.vae.config.z_channels

    @torch.no_grad()
    def encode(self, frames: np.ndarray, progress: Progress | None = None) -> Tensor:
        """Raw latents float32 (T, C, h, w) of uint8 frames (T, H, W, 3), on the VAE's device; h = ceil(H / downscale).

        A frame that repeats the one before it is not encoded again.
        """
        like = first_parameter(self.vae)
        fresh = [index == 0 or bool((frames[index] != frames[index - 1]).any()) for index in range(len(frames))]
        distinct = frames[fresh]
        parts = []
        chunk = frames_at_once(*frames.shape[1:3])
        for start in range(0, len(distinct), chunk):
            pixels = frames_to_pixels(distinct[start : start + chunk]).to(like)  # (n, 3, H, W)
            parts.append(self._encode(pad_to_multiple(pixels, self.downscale)))
            _report(progress, start + len(pixels), len(distinct))
        return torch.cat(parts)[np.cumsum(fresh) - 1]

    @torch.no_grad()
    def decode(self, latents: Tensor, size: Size) -> np.ndarray:
        """Frames uint8 (n, H, W, 3) of raw latents (n, C, h, w); ValueError for values that are not finite."""
        like = first_parameter(self.vae)
        chunk = frames_at_once(*(side * self.downscale for side in latents.shape[-2:]))
        parts = [self._decode(part.to(like))[..., : size[0], : size[1]] for part in latents.split(chunk)]
        return np.concatenate([pixels_to_frames(part) for part in parts])

    def _encode(self, pixels: Tensor) -> Tensor:
        """Mean latents float32 (n, C, h, w) of pixels (n, 3, H, W) that fill whole cells."""
        cell = self.downscale
        size = (pixels.shape[-2] // cell, pixels.shape[-1] // cell)
        if max(size) <= VAE_TILE:
            return self.vae.encode(pixels).mean.float()
        tiles = plan_tiles(size, VAE_TILE)
        return join_tiles(((tile, self.vae.encode(tile.of(pixels, cell)).mean.float()) for tile in tiles), size)

    def _decode(self, latents: Tensor) -> Tensor:
        """Pixels (n, 3, H, W) of raw latents (n, C, h, w)."""
        size = (latents.shape[-2], latents.shape[-1])
        if max(size) <= VAE_TILE:
            return self.vae.decode(latents)
        tiles = plan_tiles(size, VAE_TILE)
        return join_tiles(((tile, self.vae.decode(tile.of(latents))) for tile in tiles), size, scale=self.downscale)


def first_parameter(module: nn.Module) -> Tensor:
    """A tensor to hand to Tensor.to: device and dtype of a module."""
    return next(iter(module.parameters()))


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
