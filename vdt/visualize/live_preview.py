"""All frames of a clip as pictures while it is sampled: decoded by a small network where it knows the latents."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..checkpoints import load_preview_decoder
from ..config import DiffusionConfig
from ..diffusion import unscale_latents
from ..models.preview_decoder import PreviewDecoder
from .latent_preview import PreviewProjection, frame_grid

if TYPE_CHECKING:
    from PIL import Image

# T frames, C latent channels, h x w latent cells.

MAX_PIXELS = 1 << 20  # of all frames of a preview
PAGE_SIDE = 2048  # pixels along a page of frames; browsers decode no larger pictures at once without a stutter
CELL = 8  # pixels of a preview along a cell, where there is room
CHUNK = 64  # frames decoded at a time
SAME_COLOURS = 40.0  # levels between decoder and projection, of the mean of a cell: more are other latents


class LivePreview:
    """Frames of x0, scaled as the model sees it.

    The bundled decoder shows them, unless its colours are not those of the model's own projection: then the latents are
    of another VAE, and the projection shows them, one colour a cell, smoothly enlarged. Frames that are as they were at
    the step before, such as given ones, are not decoded again.
    """

    def __init__(self, projection: PreviewProjection, diffusion: DiffusionConfig) -> None:
        self._projection, self._diffusion = projection, diffusion
        self._decoder = _bundled_decoder()
        self._is_checked = False  # whether the decoder knows these latents is found out at the first picture
        self._latents = torch.empty(0)
        self._frames = np.empty(0, np.uint8)

    def __call__(self, latents: Tensor) -> np.ndarray:
        """Frames uint8 (T, H, W, 3) of latents (T, C, h, w): MAX_PIXELS in all at most, or a pixel a cell."""
        count, _, rows, columns = latents.shape
        side = next((s for s in (CELL, 4, 2) if count * rows * columns * s * s <= MAX_PIXELS), 1)
        latents = latents.detach().float().cpu()
        if latents.shape == self._latents.shape:
            changed = (latents != self._latents).flatten(1).any(1).nonzero().flatten()
        else:
            changed = torch.arange(count)
            self._frames = np.empty((count, rows * side, columns * side, 3), np.uint8)
        self._latents = latents.clone()
        for places in changed.split(CHUNK):
            self._frames[places.numpy()] = self._show(latents[places], side)
        return self._frames

    def _show(self, latents: Tensor, side: int) -> np.ndarray:
        if self._decoder is not None and not self._is_checked:
            self._is_checked = True
            if not self._agrees(self._decoder, latents[:1]):
                self._decoder = None
        if self._decoder is not None:
            return self._decode(self._decoder, latents, side)
        colours = rearrange(torch.from_numpy(self._projection(latents)).float(), "t h w c -> t c h w")
        return _to_bytes(F.interpolate(colours, scale_factor=float(side), mode="bilinear") if side > 1 else colours)

    def _agrees(self, decoder: PreviewDecoder, latents: Tensor) -> bool:
        if latents.shape[1] != decoder.conv_in.in_channels:
            return False
        cells = self._decode(decoder, latents, 1).astype(np.float32)
        return float(np.abs(cells - self._projection(latents)).mean()) < SAME_COLOURS

    def _decode(self, decoder: PreviewDecoder, latents: Tensor, side: int) -> np.ndarray:
        with torch.inference_mode():
            raw = unscale_latents(latents, self._diffusion).contiguous(memory_format=torch.channels_last)
            pixels = decoder(raw)  # (T, 3, H, W)
            if side < decoder.downscale:
                pixels = F.avg_pool2d(pixels, decoder.downscale // side)
            return _to_bytes(pixels.nan_to_num_(0.0).add_(1).mul_(127.5))


def picture_of(frames: np.ndarray, label: str) -> Image.Image:
    """All frames uint8 (T, H, W, 3) side by side as a PIL picture, which says so in its comment when saved as JPEG.

    The comment is "vdt frames=T columns=… width=W height=H label=…".
    """
    from PIL import Image

    count, height, width, _ = frames.shape
    picture = Image.fromarray(frame_grid(frames, side=0, gap=0))
    columns = picture.width // width
    told = f"vdt frames={count} columns={columns} width={width} height={height} label={label}"
    picture.info["comment"] = told.encode()
    return picture


def page_grid(count: int, size: tuple[int, int]) -> tuple[int, int]:
    """Columns and rows of the frames on a page, of `count` frames of height and width."""
    columns = max(1, min(count, PAGE_SIDE // size[1], math.ceil(math.sqrt(count * size[0] / size[1]))))
    return columns, max(1, min(math.ceil(count / columns), PAGE_SIDE // size[0]))


@lru_cache(maxsize=1)
def _bundled_decoder() -> PreviewDecoder | None:
    """The bundled decoder; None where its file is not there: a preview never stops a run."""
    try:
        decoder = load_preview_decoder().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    except (OSError, ValueError):
        return None
    with torch.inference_mode():
        decoder(torch.zeros(1, decoder.conv_in.in_channels, CELL, CELL))  # the first pass takes longest
    return decoder


def _to_bytes(pixels: Tensor) -> np.ndarray:
    """Levels (T, 3, H, W) to uint8 (T, H, W, 3)."""
    return rearrange(pixels, "t c h w -> t h w c").round().clamp(0, 255).to(torch.uint8).numpy()
