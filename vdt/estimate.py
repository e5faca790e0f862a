"""How long a run will take and how much memory it needs, told before it begins."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import torch

from .completion import decode_frames, first_parameter
from .diffusion import count_passes
from .frames import grid_of
from .memory import GIBI, TILES_AT_ONCE, frames_at_once, model_bytes, vae_bytes
from .model import VDT
from .pipeline import Pipeline
from .tiles import plan_tiles

# H x W pixels, h x w latent cells.

TIMED_PIXELS = 8 * 128 * 128  # decoded to see how long it takes: more would say no more


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """About so many seconds of work, and so much memory at the worst moment."""

    seconds: float
    bytes: int

    def describe(self) -> str:
        """Such as "about 3 min and 0.4 GiB"."""
        return f"about {_duration(self.seconds)} and {math.ceil(self.bytes / GIBI * 10) / 10:.1f} GiB"


def run_bytes(pipeline: Pipeline, size: tuple[int, int], window: int, *, guided: bool = True, tile: int = 0) -> int:
    """The most memory that windows of so many frames of H x W pixels take, in the model or the autoencoder."""
    vae, model = pipeline.vae.config, pipeline.model.config
    seen = window * (2 if guided else 1)
    rows, columns = grid_of(size, vae.downscale)
    return max(model_bytes(model, seen, rows, columns, tile=tile), vae_bytes(vae, *size))


def estimate_run(
    pipeline: Pipeline,
    size: tuple[int, int],
    window: int,
    *,
    windows: int,
    steps: int,
    sampler: str = "ddim",
    guidance_scale: float = 1.0,
    coded: int = 0,
    held: int = 0,
    tile: int = 0,
    clock: Callable[[], float] = perf_counter,
) -> Estimate:
    """Estimate `windows` windows from one real pass of the model, and one of the decoder.

    Args:
        pipeline: model and VAE; nothing random is drawn.
        size: height and width in pixels.
        window: frames of a window.
        steps, sampler, guidance_scale: of each window; see `sample_latents`.
        coded: frames that are encoded or decoded, which take about the same time.
        held: bytes that are in memory beside the work itself.
        tile: see `complete_latents`.
        clock: seconds, from any start.
    """
    guided = guidance_scale != 1
    grid = grid_of(size, pipeline.vae.config.downscale)
    passes = windows * count_passes(pipeline.model.config.diffusion, steps, sampler, guidance_scale)
    seconds = passes * pass_seconds(pipeline.model, grid, window, tile=tile, clock=clock)
    if coded:
        seconds += coded * _frame_seconds(pipeline, size, clock)
    return Estimate(seconds=seconds, bytes=run_bytes(pipeline, size, window, guided=guided, tile=tile) + held)


@torch.no_grad()
def pass_seconds(
    model: VDT,
    grid: tuple[int, int],
    window: int,
    *,
    tile: int = 0,
    clock: Callable[[], float] = perf_counter,
) -> float:
    """Seconds of one pass of one window of h x w cells; of a large picture some tiles are timed for all of them."""
    like = first_parameter(model)
    tiles = plan_tiles(grid, tile or model.config.input_size)
    timed = min(len(tiles), TILES_AT_ONCE)
    shape = (timed, window, model.config.in_channels, tiles[0].height, tiles[0].width)
    x = torch.linspace(-1, 1, math.prod(shape)).view(shape).to(like)
    t = torch.full((len(x),), model.config.diffusion.num_timesteps // 2, device=like.device)
    mask = torch.ones_like(x[:, :, 0], dtype=torch.bool)

    def run() -> None:
        model(x, t, mask=mask).sum().item()  # reading a number waits for the device

    run()  # the first pass makes tables and takes memory
    return _seconds(run, clock) * len(tiles) / timed


def _frame_seconds(pipeline: Pipeline, size: tuple[int, int], clock: Callable[[], float]) -> float:
    """Seconds of decoding one frame."""
    vae, like = pipeline.vae, first_parameter(pipeline.vae)
    frames = max(1, min(frames_at_once(*size), TIMED_PIXELS // (size[0] * size[1])))
    latents = torch.zeros(frames, vae.config.z_channels, *grid_of(size, vae.config.downscale), device=like.device)
    return _seconds(lambda: decode_frames(vae, latents), clock) / frames


def _seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    work()
    return clock() - start


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{round(hours / 24)} days"
