"""Between frames and raw latents: the small protocol that compositing needs, and our own autoencoder behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..interruption import poll, watched
from ..media.frames import frames_to_pixels, pad_to_multiple, pixels_to_frames
from ..models.frame_autoencoder import FrameAutoencoder
from .memory import VAE_TILE, first_that_fits, frames_at_once, vae_bytes
from .tiling import join_tiles, plan_tiles

# T or n frames, H x W pixels, C channels, h x w latent cells. Raw latents are the autoencoder's own: unscaled.

Progress = Callable[[int, int], None]  # frames done, frames in all; what it raises ends the work
Size = tuple[int, int]  # height, width
Work = Callable[[Tensor, int], Tensor]  # a batch, and the side of tiles in cells
MIN_TILE = 8  # cells


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
    """Our own autoencoder; pictures of any size are padded to whole cells, and large ones are coded in tiles.

    Where memory runs out, fewer frames at a time are tried, then smaller tiles; what fitted is kept to from then on.
    """

    def __init__(self, vae: FrameAutoencoder) -> None:
        self.vae = vae
        self._tried: dict[tuple[str, Size], int] = {}  # the way of coding pictures of a size that memory was enough for

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
            poll()
            pixels = frames_to_pixels(distinct[start : start + chunk]).to(like)  # (n, 3, H, W)
            padded = pad_to_multiple(pixels, self.downscale)
            parts.append(self._fitted("encoding", self._encode, padded, (padded.shape[-2], padded.shape[-1])))
            _report(progress, start + len(pixels), len(distinct))
        return torch.cat(parts)[np.cumsum(fresh) - 1]

    @torch.no_grad()
    def decode(self, latents: Tensor, size: Size) -> np.ndarray:
        """Frames uint8 (n, H, W, 3) of raw latents (n, C, h, w); ValueError for values that are not finite."""
        like = first_parameter(self.vae)
        padded = (latents.shape[-2] * self.downscale, latents.shape[-1] * self.downscale)
        parts = [
            self._fitted("decoding", self._decode, part.to(like), padded)[..., : size[0], : size[1]]
            for part in latents.split(frames_at_once(*padded))
        ]
        return np.concatenate([pixels_to_frames(part) for part in parts])

    def _fitted(self, name: str, work: Work, batch: Tensor, size: Size) -> Tensor:
        """Work on some frames of a size in pixels, in whatever parts memory is enough for."""

        def attempts() -> Iterator[tuple[str, Callable[[], Tensor]]]:
            first, done = self._tried.get((name, size), 0), set()
            for number, (how, count, side) in enumerate(self._ways(size)):
                part = min(count, len(batch))
                if number >= first and (part, side) not in done:
                    done.add((part, side))
                    self._tried[name, size] = number
                    yield how, partial(_in_parts, work, batch, part, side)
            del self._tried[name, size]  # not even the last one fitted: memory may be there another time

        what = f"{name} {len(batch)} frames of {size[1]}x{size[0]}"
        with watched(self.vae):
            return first_that_fits(attempts(), what, vae_bytes(self.vae.config, *size))

    def _ways(self, size: Size) -> Iterator[tuple[str, int, int]]:
        """How, frames at a time, and side of tiles: as planned, then ever less."""
        count = frames_at_once(*size)
        yield "as planned", count, VAE_TILE
        while count > 1:
            count //= 2
            yield f"with {count} frame{'s' if count > 1 else ''} at a time", count, VAE_TILE
        side = min(VAE_TILE, max(size) // self.downscale)
        while (side := side // 2) >= MIN_TILE:
            yield f"with one frame at a time in tiles of {side * self.downscale} pixels", 1, side

    def _encode(self, pixels: Tensor, side: int) -> Tensor:
        """Mean latents float32 (n, C, h, w) of pixels (n, 3, H, W) that fill whole cells."""
        cell = self.downscale
        size = (pixels.shape[-2] // cell, pixels.shape[-1] // cell)
        if max(size) <= side:
            return self.vae.encode(pixels).mean.float()
        tiles = plan_tiles(size, side)
        return join_tiles(((tile, self.vae.encode(tile.of(pixels, cell)).mean.float()) for tile in tiles), size)

    def _decode(self, latents: Tensor, side: int) -> Tensor:
        """Pixels (n, 3, H, W) of raw latents (n, C, h, w)."""
        size = (latents.shape[-2], latents.shape[-1])
        if max(size) <= side:
            return self.vae.decode(latents)
        tiles = plan_tiles(size, side)
        return join_tiles(((tile, self.vae.decode(tile.of(latents))) for tile in tiles), size, scale=self.downscale)


def _in_parts(work: Work, batch: Tensor, count: int, side: int) -> Tensor:
    """Work on so many of a batch at a time."""
    return torch.cat([work(part, side) for part in batch.split(count)]) if count < len(batch) else work(batch, side)


def first_parameter(module: nn.Module) -> Tensor:
    """A tensor to hand to Tensor.to: device and dtype of a module."""
    return next(iter(module.parameters()))


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
