"""One window of clips: raw latents in, the same with their generated cells made out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..diffusion import StepCallback, sample_latents, scale_latents, unscale_latents
from .codec import first_parameter
from .settings import SamplingConfig
from .tiling import TiledModel

MAX_SEED = 2**64 - 1


@torch.no_grad()
def generate_window(
    model: Any,
    raw: Tensor,
    cells: Tensor,
    *,
    seeds: Sequence[int],
    sampling: SamplingConfig,
    tile: int = 0,
    callback: StepCallback | None = None,
) -> Tensor:
    """Generate the masked cells of raw latents (B, T, C, h, w); given cells come back bit for bit.

    Args:
        model: a VDT; the work is done on its device.
        raw: latents of any float type; what the mask covers may hold anything.
        cells: bool (T, h, w), True = generate, for all clips.
        seeds: one for each clip, 0 to 2**64 - 1; the same on every device, and independent of the batch.
        sampling: how the model is sampled.
        tile: side, in cells, of the tiles in which a larger clip is seen; 0 is the size the model was trained with.
        callback: see `sample_latents`.

    Returns float32 (B, T, C, h, w) on the device of `raw`. Raises ValueError for what does not fit.
    """
    _check(model, raw, seeds)
    diffusion = model.config.diffusion
    clean = raw.float()
    given = scale_latents(clean, diffusion).to(first_parameter(model).device)
    scaled = sample_latents(
        _network(model, given, sampling, tile),
        given,
        cells[None],
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        sampling=sampling,
        callback=callback,
    )
    made = unscale_latents(scaled.float(), diffusion).to(raw.device)
    return torch.where(cells[:, None].to(raw.device), made, clean)


def _network(model: Any, latents: Tensor, sampling: SamplingConfig, tile: int) -> Any:
    """The model itself, unless the clip is larger than a tile or steps are cached."""
    is_whole = max(latents.shape[-2:]) <= (tile or model.config.input_size)
    return model if is_whole and not sampling.step_cache else TiledModel(model, tile, step_cache=sampling.step_cache)


def _check(model: Any, raw: Tensor, seeds: Sequence[int]) -> None:
    channels = model.config.in_channels
    if raw.ndim != 5 or raw.shape[2] != channels:
        raise ValueError(
            f"the latents are {tuple(raw.shape)}, expected (clips, frames, {channels}, height, width): "
            f"encode the clip with the VAE of this model"
        )
    if len(seeds) != len(raw):
        raise ValueError(f"got {len(seeds)} seeds for {len(raw)} clips, expected one for each")
    if wrong := [seed for seed in seeds if not 0 <= seed <= MAX_SEED]:
        raise ValueError(f"got seed {wrong[0]}, expected 0 to 2**64 - 1")
