"""The library's own sampling of a MODEL, with all that ComfyUI wants around it: memory, progress, previews, tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from torch import Tensor

from ..vdt.diffusion import counted_within
from ..vdt.inference.estimate import Estimate, pass_seconds
from ..vdt.inference.rollout import extension_mask, generate_latents, pad_frames, window_settings
from ..vdt.inference.settings import SamplingConfig, WindowConfig
from ..vdt.inference.windows import plan_windows
from ..vdt.visualize.live_preview import LivePreview
from .host import files, runtime
from .host import text as texts
from .host.native import VDTNetwork, network_of
from .host.stock import ignored_patches

# T frames, C channels, h x w latent cells.


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """One clip to generate: raw latents (T, C, h, w) of which `cells`, bool (T, h, w), are generated from a seed."""

    raw: Tensor
    cells: Tensor
    seed: int


def extended(raw: Tensor, seed: int, count: int, *, before: bool) -> Clip:
    """A finished clip, raw (T, C, h, w), with `count` frames to generate after it, or before it."""
    longer = pad_frames(raw, count, before=before)
    return Clip(raw=longer, cells=extension_mask(len(longer), count, *raw.shape[-2:], before=before), seed=seed)


def generate(
    hidden: Any,
    model: Any,
    clips: Sequence[Clip],
    *,
    sampling: SamplingConfig,
    windows: WindowConfig,
    text: list[Any] | None = None,
    pad_short_clips: bool = False,
) -> list[Tensor]:
    """Raw latents (T, C, h, w) of each clip, with progress, previews and room made.

    Clips are generated one after another, so that each is bit for bit what its seed makes alone. A run of several
    windows is announced first. `text` is a CONDITIONING of one for all clips, or of one for each. See
    `generate_latents` for the rest.
    """
    network = network_of(model)
    for clip in clips:
        network.check(clip.raw)
    words = texts.read(text, network.vdt.config, len(clips))
    sampling = sampling.for_text(words is not None)
    resolved = windows.resolve(network.vdt.config)
    plans = [plan_windows(clip.cells, resolved, pad_short_clips=pad_short_clips) for clip in clips]
    seen = max((len(window.frames) for plan in plans for window in plan), default=0)
    raw = clips[0].raw
    memory = network.memory(seen * sampling.passes_at_once, *raw.shape[-2:], tile=resolved.tile)
    runtime.load(model, memory)
    runs = [
        window_settings(plan, clip.cells, sampling, network.vdt.config, has_text=words is not None)
        for plan, clip in zip(plans, clips, strict=True)
    ]
    _announce(hidden, model, _summary(network, raw, runs, resolved, memory) if sum(map(len, runs)) > 1 else "")
    steps = list(accumulate((sum(own.steps for own in run) for run in runs), initial=0))
    report = runtime.step_progress(steps[-1], LivePreview(network.preview, network.vdt.config.diffusion))
    made = [
        generate_latents(
            network.vdt,
            clip.raw[None],  # (1, T, C, h, w)
            clip.cells,
            seeds=[clip.seed],
            sampling=sampling,
            windows=windows,
            pad_short_clips=pad_short_clips,
            text=words and words.part(number, number + 1),
            callback=counted_within(report, steps[number], steps[-1]),
        )[0]
        for number, clip in enumerate(clips)
    ]
    files.note(hidden, model=network.file)
    return [runtime.to_intermediate(latents) for latents in made]


def _announce(hidden: Any, model: Any, summary: str) -> None:
    """Say what a long run takes, and which settings of other nodes it will not use."""
    ignored = ignored_patches(model)
    warning = f"this node runs without {', '.join(ignored)} of other nodes: KSampler runs them" if ignored else ""
    if text := "; ".join(filter(None, [summary, warning])):
        runtime.announce(hidden, text)


def _summary(
    network: VDTNetwork,
    raw: Tensor,
    runs: Sequence[Sequence[SamplingConfig]],
    windows: WindowConfig,
    memory: int,
) -> str:
    """What a run takes, windows of each clip by their settings; the device makes one pass to see."""
    passes = sum(own.count_passes(network.schedule) for run in runs for own in run)
    seconds = passes * pass_seconds(network.vdt, (raw.shape[-2], raw.shape[-1]), windows)
    clips = f"{len(runs)} clips, " if len(runs) > 1 else ""
    length = f"{sum(map(len, runs))} windows of {windows.frames} frames"
    return f"{clips}{length}, {Estimate(seconds=seconds, bytes=memory).describe()}"
