"""One window of clips: raw latents in, the same with their generated cells made out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..bounds import MAX_SEED
from ..config import VDTConfig
from ..diffusion import StepCallback, sample_latents, scale_latents, unscale_latents
from ..interruption import watched
from ..text import Text
from .codec import first_parameter
from .memory import TILES_AT_ONCE, first_that_fits, model_bytes
from .settings import SamplingConfig
from .tiling import TiledModel

MIN_TILE = 4  # cells


@torch.no_grad()
def generate_window(
    model: Any,
    raw: Tensor,
    cells: Tensor,
    *,
    seeds: Sequence[int],
    sampling: SamplingConfig,
    tile: int = 0,
    text: Text | None = None,
    callback: StepCallback | None = None,
) -> Tensor:
    """Generate the masked cells of raw latents (B, T, C, h, w); given cells come back bit for bit.

    Args:
        model: a VDT; the work is done on its device.
        raw: latents of any float type; what the mask covers may hold anything.
        cells: bool (T, h, w), True = generate, for all clips.
        seeds: one for each clip, 0 to 2**64 - 1; their noise is the same on every device, and independent of the batch.
        sampling: how the model is sampled.
        tile: side, in cells, of the tiles in which a larger clip is seen; 0 is the size the model was trained with.
        text, callback: see `sample_latents`.

    Where memory runs out, clip by clip, fewer tiles at once and smaller tiles are tried, and logged.

    Returns float32 (B, T, C, h, w) on the device of `raw`. Raises ValueError for what does not fit.
    """
    _check(model, raw, seeds)
    diffusion = model.config.diffusion
    clean = raw.float()
    given = scale_latents(clean, diffusion).to(first_parameter(model).device)

    def work(way: _Way) -> Tensor:
        return _sample(model, given, cells, seeds, sampling, way, text, callback)

    what = f"generating {raw.shape[0]} x {raw.shape[1]} frames of {raw.shape[-2]}x{raw.shape[-1]} latent cells"
    frames = len(raw) * raw.shape[1] * sampling.for_text(text is not None).passes_at_once
    needed = model_bytes(model.config, frames, raw.shape[-2], raw.shape[-1], tile=tile)
    attempts = ((way.describe(), partial(work, way)) for way in _ways(model.config, raw, tile))
    with watched(model):
        scaled = first_that_fits(attempts, what, needed)
    made = unscale_latents(scaled.float(), diffusion).to(raw.device)
    return torch.where(cells[:, None].to(raw.device), made, clean)


def _sample(
    model: Any,
    given: Tensor,
    cells: Tensor,
    seeds: Sequence[int],
    sampling: SamplingConfig,
    way: _Way,
    text: Text | None,
    callback: StepCallback | None,
) -> Tensor:
    """Scaled latents (B, T, C, h, w), as many clips at once as the way says."""
    sampled = []
    for start in range(0, len(given), way.clips):
        part = given[start : start + way.clips]
        own = text and text.part(start, start + way.clips)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds[start : start + way.clips]]
        network = _network(model, part, sampling, way)
        sampled.append(
            sample_latents(
                network, part, cells[None], generator=generators, sampling=sampling, text=own, callback=callback
            )
        )
    return torch.cat(sampled) if len(sampled) > 1 else sampled[0]


@dataclass(frozen=True)
class _Way:
    """How much of a batch a model sees at once: clips, and tiles, whose side is in cells."""

    clips: int
    tiles: int
    side: int
    changed: str = ""

    def describe(self) -> str:
        return f"with {self.changed}"


def _ways(config: VDTConfig, raw: Tensor, tile: int) -> Iterator[_Way]:
    """As planned, then ever less: clip by clip, fewer tiles at once, smaller tiles."""
    way = _Way(len(raw), TILES_AT_ONCE, tile or config.input_size)
    yield way
    if way.clips > 1:
        way = replace(way, clips=1, changed="one clip at a time")
        yield way
    side = max(raw.shape[-2:])
    while side > way.side and way.tiles > 1:
        count = way.tiles // 2
        way = replace(way, tiles=count, changed=f"{count} tile{'s' if count > 1 else ''} at a time")
        yield way
    smallest = max(MIN_TILE, config.patch_size)
    while (half := min(side, way.side) // 2 // config.patch_size * config.patch_size) >= smallest:
        way = replace(way, tiles=1, side=half, changed=f"tiles of {half} latent cells")
        yield way


def _network(model: Any, latents: Tensor, sampling: SamplingConfig, way: _Way) -> Any:
    """The model itself, unless the clip is larger than a tile or steps are cached."""
    is_whole = max(latents.shape[-2:]) <= way.side
    if is_whole and not sampling.step_cache:
        return model
    return TiledModel(model, way.side, step_cache=sampling.step_cache, at_once=way.tiles)


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
