"""How long a run will take and how much memory it needs, printed before the run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import torch

from ..diffusion import Schedule
from ..media.frames import latent_grid_size
from ..models.conditioning import Conditioning
from ..models.transformer import VDT
from .codec import first_parameter
from .memory import GIBI, TILES_AT_ONCE, frames_at_once, model_bytes, vae_bytes
from .pipeline import Pipeline
from .settings import SamplingConfig, WindowConfig
from .tiling import plan_tiles

# H x W pixels, h x w latent cells.

TIMED_PIXELS = 8 * 128 * 128  # decoded to time the decoder


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """About how many seconds a run takes, and how much memory at its peak."""

    seconds: float
    bytes: int

    def describe(self) -> str:
        """Such as "about 3 min and 0.4 GiB"."""
        return f"about {_duration(self.seconds)} and {math.ceil(self.bytes / GIBI * 10) / 10:.1f} GiB"


def run_bytes(
    pipeline: Pipeline, size: tuple[int, int], sampling: SamplingConfig, windows: WindowConfig, *, held: int = 0
) -> int:
    """The most memory that windows of H x W pixels take, in the model or the autoencoder, plus `held` bytes."""
    vae, model = pipeline.vae.config, pipeline.model.config
    resolved = windows.resolve(model)
    seen = resolved.frames * sampling.for_text(model.text is not None).passes_at_once
    rows, columns = latent_grid_size(size, vae.downscale)
    return max(model_bytes(model, seen, rows, columns, tile=resolved.tile), vae_bytes(vae, *size)) + held


def estimate_run(
    pipeline: Pipeline,
    size: tuple[int, int],
    sampling: SamplingConfig,
    windows: WindowConfig,
    *,
    count: int,
    coded: int = 0,
    held: int = 0,
    clock: Callable[[], float] = perf_counter,
) -> Estimate:
    """Estimate a run of `count` windows from one real pass of the model, and one of the decoder.

    Args:
        pipeline: model and VAE; nothing random is drawn.
        size: height and width in pixels.
        sampling, windows: of the run; `sampling.for_text(False)` of one without a text, if the model reads them.
        count: windows to generate.
        coded: frames that are encoded or decoded, which take about the same time.
        held: bytes in memory in addition to the work itself.
        clock: seconds, from any start.
    """
    resolved = windows.resolve(pipeline.model.config)
    grid = latent_grid_size(size, pipeline.vae.config.downscale)
    config = pipeline.model.config
    passes = count * sampling.for_text(config.text is not None).count_passes(Schedule.from_config(config.diffusion))
    seconds = passes * pass_seconds(pipeline.model, grid, resolved, clock=clock)
    if coded:
        seconds += coded * _frame_seconds(pipeline, size, clock)
    return Estimate(seconds=seconds, bytes=run_bytes(pipeline, size, sampling, windows, held=held))


@torch.no_grad()
def pass_seconds(
    model: VDT, grid: tuple[int, int], windows: WindowConfig, *, clock: Callable[[], float] = perf_counter
) -> float:
    """Seconds of one pass of one window, resolved, of h x w cells; of a large picture some tiles stand for all."""
    like = first_parameter(model)
    tiles = plan_tiles(grid, windows.tile)
    timed = min(len(tiles), TILES_AT_ONCE)
    shape = (timed, windows.frames, model.config.in_channels, tiles[0].height, tiles[0].width)
    x = torch.linspace(-1, 1, math.prod(shape)).view(shape).to(like)
    t = torch.full((len(x),), model.config.diffusion.num_timesteps // 2, device=like.device)
    conditioning = Conditioning(mask=torch.ones_like(x[:, :, 0], dtype=torch.bool))

    def run() -> None:
        model(x, t, conditioning).sum().item()  # reading a number waits for the device

    run()  # the first pass makes tables and takes memory
    return _seconds(run, clock) * len(tiles) / timed


def _frame_seconds(pipeline: Pipeline, size: tuple[int, int], clock: Callable[[], float]) -> float:
    """Seconds of decoding one frame."""
    vae, like = pipeline.vae, first_parameter(pipeline.vae)
    frames = max(1, min(frames_at_once(*size), TIMED_PIXELS // (size[0] * size[1])))
    latents = torch.zeros(
        frames, vae.config.z_channels, *latent_grid_size(size, vae.config.downscale), device=like.device
    )
    return _seconds(lambda: pipeline.codec.decode(latents, size), clock) / frames


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
