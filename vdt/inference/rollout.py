"""Clips of any length: generated window by window in latent space, and passed on as soon as they are finished."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from ..config import VDTConfig
from ..diffusion import Schedule, StepCallback, counted_within, derived_seed
from ..text import Text
from .generate import generate_window
from .memory import check_memory
from .settings import SamplingConfig, WindowConfig
from .windows import Window, plan_windows, raw_frame

# B clips, T frames, C channels, h x w latent cells. Nothing is decoded and encoded again between windows.


def roll_out(
    model: Any,
    raw: Tensor,
    cells: Tensor,
    *,
    seeds: Sequence[int],
    sampling: SamplingConfig | None = None,
    windows: WindowConfig | None = None,
    pad_short_clips: bool = False,
    text: Text | None = None,
    callback: StepCallback | None = None,
) -> Iterator[Tensor]:
    """Generate the masked part of raw latents, however many frames; given cells come back bit for bit.

    Args:
        model: a VDT; the work is done on its device.
        raw: (B, n, C, h, w), n <= T; what the mask covers may hold anything, and frames from n on are generated.
        cells: bool (T, h, w), True = generate, for all clips.
        seeds: one for each clip, which its first window has, so that a clip of one window is one plain sampling.
        sampling, windows: None is the measured defaults.
        pad_short_clips: see `plan_windows`.
        text, callback: see `sample_latents`; of all windows, through which steps are counted.

    Yields float32 (B, some frames, C, h, w) on the device of `raw`, T in all, as soon as no later window needs them.
    Raises ValueError for what does not fit.
    """
    resolved = (windows or WindowConfig()).resolve(model.config)
    plan = plan_windows(cells, resolved, pad_short_clips=pad_short_clips)
    needed = _first_needed(plan, len(cells))
    made: dict[int, Tensor] = {}
    finished = 0
    settings = window_settings(plan, cells, sampling or SamplingConfig(), model.config, has_text=text is not None)
    steps = list(accumulate((each.steps for each in settings), initial=0))
    for number, (window, own) in enumerate(zip(plan, settings, strict=True)):
        completed = generate_window(
            model,
            window.latents(raw, made),
            window.cells(cells),
            seeds=[window_seed(seed, number) for seed in seeds],
            sampling=own,
            tile=resolved.tile,
            text=text,
            callback=callback and counted_within(callback, steps[number], steps[-1]),
        )
        made.update(zip(window.frames, completed.unbind(1), strict=True))
        if piece := range(finished, needed[number]):
            yield torch.stack([made.pop(frame) if frame in made else raw_frame(raw, frame) for frame in piece], dim=1)
            finished = piece.stop
    if not plan:
        yield raw.float().clone()


def generate_latents(
    model: Any,
    raw: Tensor,
    cells: Tensor,
    *,
    seeds: Sequence[int],
    sampling: SamplingConfig | None = None,
    windows: WindowConfig | None = None,
    pad_short_clips: bool = False,
    text: Text | None = None,
    callback: StepCallback | None = None,
) -> Tensor:
    """`roll_out` as one tensor, float32 (B, T, C, h, w)."""
    pieces = roll_out(
        model,
        raw,
        cells,
        seeds=seeds,
        sampling=sampling,
        windows=windows,
        pad_short_clips=pad_short_clips,
        text=text,
        callback=callback,
    )
    return torch.cat(list(pieces), dim=1)


def pad_frames(values: Tensor, count: int, *, before: bool = False, fill: float = 0.0) -> Tensor:
    """Values (T, ...) with `count` frames of `fill` after them, or before them; ValueError if they do not fit."""
    check_memory((len(values) + 2 * count) * math.prod(values.shape[1:]) * values.element_size())
    new = torch.full((count, *values.shape[1:]), fill, dtype=values.dtype, device=values.device)
    return torch.cat([new, values] if before else [values, new])


def extension_mask(length: int, count: int, height: int, width: int, *, before: bool = False) -> Tensor:
    """bool (length, height, width) of a clip of which the last, or first, `count` frames are generated."""
    mask = torch.zeros(length, height, width, dtype=torch.bool)
    (mask[:count] if before else mask[length - count :]).fill_(True)
    return mask


def window_settings(
    plan: Sequence[Window], cells: Tensor, sampling: SamplingConfig, config: VDTConfig, *, has_text: bool
) -> list[SamplingConfig]:
    """How a model samples each window of a mask, bool (T, h, w): see `SamplingConfig.for_given`."""
    schedule = Schedule.from_config(config.diffusion)
    return [sampling.for_given(has_text or window.sees_a_frame(cells), schedule) for window in plan]


def window_seed(seed: int, number: int) -> int:
    """The seed of a window: the first has that of the clip."""
    return seed if number == 0 else derived_seed(seed, number)


def _first_needed(plan: list[Window], length: int) -> list[int]:
    """For each window the first frame that any window after it still sees."""
    return list(accumulate([length, *(later.frames[0] for later in plan[:0:-1])], min))[::-1]
