"""Frames to raw latents, the masked part of these generated, latents to frames: the steps that nodes are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .autoencoder import AutoencoderKL
from .diffusion import sample_latents, scale_latents, unscale_latents
from .diffusion.samplers import StepCallback
from .frames import to_pixels, to_uint8
from .memory import frames_at_once
from .pixel_masks import to_cells
from .pixel_masks import to_pixels as mask_pixels

# T frames, H x W pixels, C channels, h x w latent cells. Raw latents are the VAE's own: unscaled.

Progress = Callable[[int, int], None]  # frames done, frames in all; what it raises ends the work


@torch.no_grad()
def encode_frames(vae: AutoencoderKL, frames: np.ndarray, *, progress: Progress | None = None) -> Tensor:
    """Raw latents float32 (T, C, h, w) of uint8 frames (T, H, W, 3), on the VAE's device; repetitions cost nothing."""
    like = first_parameter(vae)
    fresh = [index == 0 or bool((frames[index] != frames[index - 1]).any()) for index in range(len(frames))]
    distinct = frames[fresh]
    parts = []
    chunk = frames_at_once(*frames.shape[1:3])
    for start in range(0, len(distinct), chunk):
        pixels = to_pixels(distinct[start : start + chunk]).to(like)  # (n, 3, H, W)
        parts.append(vae.encode(pixels).mean.float())
        _report(progress, start + len(pixels), len(distinct))
    return torch.cat(parts)[np.cumsum(fresh) - 1]


@torch.no_grad()
def decode_frames(
    vae: AutoencoderKL, latents: Tensor, wanted: Tensor | None = None, *, progress: Progress | None = None
) -> np.ndarray:
    """Frames uint8 (T, H, W, 3) of raw latents (T, C, h, w).

    wanted is bool (T, H, W): frames without any wanted pixel are not decoded and stay black. Raises ValueError for
    values that are not finite.
    """
    like = first_parameter(vae)
    chosen = torch.arange(len(latents)) if wanted is None else wanted.flatten(1).any(1).nonzero().flatten()
    height, width = (side * vae.config.downscale for side in latents.shape[-2:])
    frames = np.zeros((len(latents), height, width, 3), np.uint8)
    done = 0
    for indices in chosen.split(frames_at_once(height, width)):
        frames[indices.numpy()] = to_uint8(vae.decode(latents[indices.to(latents.device)].to(like)))
        done += len(indices)
        _report(progress, done, len(chosen))
    return frames


@torch.no_grad()
def complete_latents(
    model: Any,
    raw: Tensor,
    mask: Tensor | None,
    *,
    seed: int,
    steps: int | str = 20,
    sampler: str = "ddim",
    guidance_scale: float = 1.0,
    callback: StepCallback | None = None,
) -> Tensor:
    """Generate the masked part of raw latents (T, C, h, w); given cells come back bit for bit.

    Args:
        model: a VDT; the work is done on its device.
        raw: latents of any float type; what the mask covers may hold anything.
        mask: bool, of pixels or latent cells, one frame or T; None generates everything.
        seed: 0 to 2**64 - 1; the same on every device.
        steps, sampler, guidance_scale, callback: see `sample_latents`.

    Returns float32 (T, C, h, w) on the device of `raw`. Raises ValueError for what does not fit.
    """
    config = model.config
    if raw.ndim != 4 or raw.shape[1] != config.in_channels:
        raise ValueError(
            f"the latent is {tuple(raw.shape)}, expected (frames, {config.in_channels}, height, width): "
            f"encode the clip with the VAE of this model"
        )
    if not 0 <= seed < 2**64:
        raise ValueError(f"got seed {seed}, expected 0 to 2**64 - 1")
    grid = (len(raw), *raw.shape[-2:])
    cells = torch.ones(grid, dtype=torch.bool) if mask is None else to_cells(mask.cpu(), grid)
    clean = raw.float()
    given = scale_latents(clean, config.diffusion).to(first_parameter(model).device)
    scaled = sample_latents(
        model,
        given[None],  # (1, T, C, h, w)
        cells[None],
        generator=torch.Generator().manual_seed(seed),
        steps=steps,
        sampler=sampler,
        guidance_scale=guidance_scale,
        callback=callback,
    )[0]
    made = unscale_latents(scaled.float(), config.diffusion).to(raw.device)
    return torch.where(cells[:, None].to(raw.device), made, clean)


def pixels_to_paste(latents: Tensor, images: Tensor, mask: Tensor | None, *, downscale: int = 8) -> Tensor:
    """Which pixels of the images (T, H, W, 3) the latents (T, C, h, w) replace: bool (T, H, W).

    mask is bool, of pixels or latent cells, one frame or T; None replaces everything.
    Raises ValueError, naming both shapes, unless the images are of the size that the latents decode to.
    """
    size = (len(latents), latents.shape[-2] * downscale, latents.shape[-1] * downscale)
    if tuple(images.shape[:3]) != size:
        got = f"{images.shape[0]} frames of {images.shape[2]}x{images.shape[1]}"
        raise ValueError(
            f"the images are {got}, the latent decodes to {size[0]} frames of {size[2]}x{size[1]}: "
            f"use the images that were encoded"
        )
    return torch.ones(size, dtype=torch.bool) if mask is None else mask_pixels(mask.cpu(), size)


def paste(decoded: Tensor, images: Tensor, pixels: Tensor) -> Tensor:
    """Frames (T, H, W, 3): decoded where `pixels`, bool (T, H, W), says so, and the images bit for bit elsewhere."""
    return torch.where(pixels[..., None].to(images.device), decoded.to(images), images)


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def first_parameter(module: nn.Module) -> Tensor:
    """A tensor to hand to Tensor.to: device and dtype of a module."""
    return next(iter(module.parameters()))
