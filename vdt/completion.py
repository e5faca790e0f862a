"""Frames to raw latents, the masked part of these generated, latents to frames: the steps that nodes are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .autoencoder import AutoencoderKL
from .diffusion import sample_latents, scale_latents, unscale_latents
from .diffusion.samplers import StepCallback
from .edges import EDGES, match_edges
from .frames import fill_up, grid_of, to_pixels, to_uint8
from .memory import VAE_TILE, frames_at_once
from .pixel_masks import to_cells
from .pixel_masks import to_pixels as mask_pixels
from .still import STILL, Anchor, anchor_places, hold_still, pair_anchors
from .tiles import TiledModel, join_tiles, plan_tiles

# T frames, H x W pixels, C channels, h x w latent cells. Raw latents are the VAE's own: unscaled.

Progress = Callable[[int, int], None]  # frames done, frames in all; what it raises ends the work


@torch.no_grad()
def encode_frames(vae: AutoencoderKL, frames: np.ndarray, *, progress: Progress | None = None) -> Tensor:
    """Raw latents float32 (T, C, h, w) of uint8 frames (T, H, W, 3), on the VAE's device; repetitions cost nothing.

    h = ceil(H / downscale): pictures of any size are filled up to whole cells, and large ones seen in tiles.
    """
    like = first_parameter(vae)
    fresh = [index == 0 or bool((frames[index] != frames[index - 1]).any()) for index in range(len(frames))]
    distinct = frames[fresh]
    parts = []
    chunk = frames_at_once(*frames.shape[1:3])
    for start in range(0, len(distinct), chunk):
        pixels = to_pixels(distinct[start : start + chunk]).to(like)  # (n, 3, H, W)
        parts.append(_encode(vae, fill_up(pixels, vae.config.downscale)))
        _report(progress, start + len(pixels), len(distinct))
    return torch.cat(parts)[np.cumsum(fresh) - 1]


@torch.no_grad()
def decode_frames(
    vae: AutoencoderKL,
    latents: Tensor,
    wanted: Tensor | None = None,
    *,
    size: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Frames uint8 (T, H, W, 3) of raw latents (T, C, h, w).

    wanted is bool (T, H, W): frames without any wanted pixel are not decoded and stay black. H x W is its size, or
    `size`, or all that the cells cover. Raises ValueError for values that are not finite.
    """
    like = first_parameter(vae)
    chosen = torch.arange(len(latents)) if wanted is None else wanted.flatten(1).any(1).nonzero().flatten()
    height, width = (side * vae.config.downscale for side in latents.shape[-2:])
    shown = size or (height, width) if wanted is None else wanted.shape[1:]
    frames = np.zeros((len(latents), *shown, 3), np.uint8)
    done = 0
    for indices in chosen.split(frames_at_once(height, width)):
        pixels = _decode(vae, latents[indices.to(latents.device)].to(like))
        frames[indices.numpy()] = to_uint8(pixels[..., : shown[0], : shown[1]])
        done += len(indices)
        _report(progress, done, len(chosen))
    return frames


def decode_onto(
    vae: AutoencoderKL,
    latents: Tensor,
    images: np.ndarray,
    generated: Tensor,
    *,
    still: float = STILL,
    edges: float = EDGES,
) -> np.ndarray:
    """Frames (T, H, W, 3) decoded where `generated`, bool (T, H, W), elsewhere the images (T, H, W, 3), bit for bit.

    Still places of generated frames are shown as the nearest given frames show them, see `hold_still`, and generated
    areas in the tint of what is around them, see `match_edges`; 0 turns either off.
    """
    frames = decode_frames(vae, latents, generated)
    anchors = find_anchors(vae, latents, images, generated) if still > 0 else []
    new = generated.flatten(1).any(1).nonzero().flatten().tolist()
    frames[new] = finish_frames(frames[new], new, images[new], generated[new], anchors, still=still, edges=edges)
    return np.where(generated[..., None].numpy(), frames, images)


def finish_frames(
    frames: np.ndarray,
    places: Sequence[int],
    images: np.ndarray,
    generated: Tensor,
    anchors: Sequence[Anchor],
    *,
    still: float,
    edges: float,
) -> np.ndarray:
    """Decoded frames (n, H, W, 3) at `places` of a clip: held where they are still, else with their edges matched.

    What is still is judged before colours are shifted, and shows none of that shift: the best of three orders (LOG.md).
    """
    matched = match_edges(frames, images, generated, edges)
    return hold_still(frames, places, anchors, still, onto=matched)


def find_anchors(vae: AutoencoderKL, latents: Tensor, images: np.ndarray, generated: Tensor) -> list[Anchor]:
    """The given frames beside generated ones of latents (T, C, h, w), images (T, H, W, 3), bool (T, H, W)."""
    places = anchor_places(generated)
    return make_anchors(vae, latents[places], images[places], places) if places else []


def make_anchors(vae: AutoencoderKL, latents: Tensor, images: np.ndarray, places: Sequence[int]) -> list[Anchor]:
    """Given frames (n, H, W, 3) with their raw latents (n, C, h, w) at places of a clip."""
    return pair_anchors(places, images, decode_frames(vae, latents, size=images.shape[1:3]))


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
    reuse: float = 0.0,
    tile: int = 0,
    callback: StepCallback | None = None,
) -> Tensor:
    """Generate the masked part of raw latents (T, C, h, w); given cells come back bit for bit.

    Args:
        model: a VDT; the work is done on its device.
        raw: latents of any float type; what the mask covers may hold anything.
        mask: bool, of pixels or latent cells, one frame or T; None generates everything.
        seed: 0 to 2**64 - 1; the same on every device.
        steps, sampler, guidance_scale, callback: see `sample_latents`.
        reuse: see `ReusingModel`; 0 is off.
        tile: side, in cells, of the tiles in which a larger clip is seen; 0 is the size the model was trained with.

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
        TiledModel(model, tile, reuse=reuse),
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
    size = (images.shape[0], images.shape[1], images.shape[2])
    rows, columns = latents.shape[-2:]
    if size[0] != len(latents) or grid_of(size[1:], downscale) != (rows, columns):
        raise ValueError(
            f"the images are {size[0]} frames of {size[2]}x{size[1]}, the latent decodes to {len(latents)} frames of "
            f"{columns * downscale}x{rows * downscale}: use the images that were encoded"
        )
    if mask is None:
        return torch.ones(size, dtype=torch.bool)
    return mask_pixels(mask.cpu(), size, downscale=downscale)


def paste(decoded: Tensor, images: Tensor, pixels: Tensor) -> Tensor:
    """Frames (T, H, W, 3): decoded where `pixels`, bool (T, H, W), says so, and the images bit for bit elsewhere."""
    return torch.where(pixels[..., None].to(images.device), decoded.to(images), images)


def _encode(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Mean latents float32 (n, C, h, w) of pixels (n, 3, H, W) that fill whole cells."""
    cell = vae.config.downscale
    size = (pixels.shape[-2] // cell, pixels.shape[-1] // cell)
    if max(size) <= VAE_TILE:
        return vae.encode(pixels).mean.float()
    tiles = plan_tiles(size, VAE_TILE)
    return join_tiles(((tile, vae.encode(tile.of(pixels, cell)).mean.float()) for tile in tiles), size)


def _decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Pixels (n, 3, H, W) of raw latents (n, C, h, w)."""
    size = (latents.shape[-2], latents.shape[-1])
    if max(size) <= VAE_TILE:
        return vae.decode(latents)
    tiles = plan_tiles(size, VAE_TILE)
    return join_tiles(((tile, vae.decode(tile.of(latents))) for tile in tiles), size, scale=vae.config.downscale)


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def first_parameter(module: nn.Module) -> Tensor:
    """A tensor to hand to Tensor.to: device and dtype of a module."""
    return next(iter(module.parameters()))
