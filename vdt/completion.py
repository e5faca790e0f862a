"""Frames to raw latents, the masked part of these generated, and latents to frames: the steps that nodes are made of."""

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
from .pixel_masks import to_cells
from .pixel_masks import to_pixels as mask_pixels

# T frames, H x W pixels, C channels, h x w latent cells. Raw latents are the VAE's own: unscaled.

CHUNK = 8  # frames the autoencoder works on at a time; fixed, so that numbers do not depend on free memory
Progress = Callable[[int, int], None]  # frames done, frames in all; what it raises ends the work


@torch.no_grad()
def encode_frames(vae: AutoencoderKL, frames: np.ndarray, *, progress: Progress | None = None) -> Tensor:
    """Raw latents float32 (T, C, h, w) of uint8 frames (T, H, W, 3), on the VAE's device."""
    like = _first_parameter(vae)
    parts = []
    for start in range(0, len(frames), CHUNK):
        pixels = to_pixels(frames[start : start + CHUNK]).to(like)  # (n, 3, H, W)
        parts.append(vae.encode(pixels).mean.float())
        _report(progress, start + len(pixels), len(frames))
    return torch.cat(parts)


@torch.no_grad()
def decode_frames(
    vae: AutoencoderKL, latents: Tensor, generated: Tensor | None = None, *, progress: Progress | None = None
) -> np.ndarray:
    """Frames uint8 (T, H, W, 3) of raw latents (T, C, h, w).

    generated is bool (T,): only these frames are decoded, the others stay black. Raises ValueError for values that are
    not finite.
    """
    like = _first_parameter(vae)
    chosen = torch.arange(len(latents)) if generated is None else generated.nonzero().flatten()
    height, width = (side * vae.config.downscale for side in latents.shape[-2:])
    frames = np.zeros((len(latents), height, width, 3), np.uint8)
    done = 0
    for indices in chosen.split(CHUNK):
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
    steps: int = 20,
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
    given = scale_latents(clean, config.diffusion).to(_first_parameter(model).device)
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


def paste_given(decoded: Tensor, images: Tensor, mask: Tensor | None) -> Tensor:
    """Frames (T, H, W, 3) decoded where the mask says so, and bit for bit the images everywhere else.

    mask is bool, of pixels or latent cells, one frame or T; None takes everything from `decoded`.
    Raises ValueError, naming both shapes, unless images and decoded frames are of one size.
    """
    if decoded.shape != images.shape:
        raise ValueError(
            f"the images are {_shown(images)}, the latent decodes to {_shown(decoded)}: "
            f"use the images that were encoded"
        )
    if mask is None:
        return decoded
    pixels = mask_pixels(mask.cpu(), tuple(decoded.shape[:3]))
    return torch.where(pixels[..., None].to(decoded.device), decoded.to(images), images)


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _shown(frames: Tensor) -> str:
    return f"{frames.shape[0]} frames of {frames.shape[2]}x{frames.shape[1]}"


def _first_parameter(module: nn.Module) -> Tensor:
    return next(iter(module.parameters()))
