"""The library's own sampling of a MODEL, with all that ComfyUI wants around it: memory, progress, previews, tags."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..vdt.inference.estimate import Estimate, pass_seconds
from ..vdt.inference.rollout import generate_latents
from ..vdt.inference.settings import SamplingConfig, WindowConfig
from ..vdt.inference.windows import plan_windows
from . import files, runtime
from .native import VDTNetwork, network_of

# T frames, C channels, h x w latent cells.


def generate(
    hidden: Any,
    model: Any,
    raw: Tensor,
    cells: Tensor,
    *,
    seed: int,
    sampling: SamplingConfig,
    windows: WindowConfig,
    pad_short_clips: bool = False,
) -> Tensor:
    """Raw latents (T, C, h, w) of which `cells`, bool (T, h, w), are generated, with progress, previews and room made.

    A run of several windows is announced first. See `generate_latents` for the rest.
    """
    network = network_of(model)
    network.check(raw)
    resolved = windows.resolve(network.vdt.config)
    plan = plan_windows(cells, resolved, pad_short_clips=pad_short_clips)
    together = 2 * max((len(window.frames) for window in plan), default=0)  # guidance runs both passes as one batch
    memory = network.memory(together, *raw.shape[-2:], tile=resolved.tile)
    runtime.load(model, memory)
    if len(plan) > 1:
        runtime.announce(hidden, _summary(network, raw, len(plan), sampling, resolved, memory))
    made = generate_latents(
        network.vdt,
        raw[None],  # (1, T, C, h, w)
        cells,
        seeds=[seed],
        sampling=sampling,
        windows=windows,
        pad_short_clips=pad_short_clips,
        callback=runtime.step_progress(sampling.steps, network.preview),
    )
    files.note(hidden, model=network.file)
    return runtime.to_intermediate(made[0])


def _summary(
    network: VDTNetwork, raw: Tensor, count: int, sampling: SamplingConfig, windows: WindowConfig, memory: int
) -> str:
    """What a run of `count` windows, resolved, takes; the device makes one pass to see."""
    passes = count * sampling.count_passes(network.schedule)
    seconds = passes * pass_seconds(network.vdt, (raw.shape[-2], raw.shape[-1]), windows)
    return f"{count} windows of {windows.frames} frames, {Estimate(seconds=seconds, bytes=memory).describe()}"
