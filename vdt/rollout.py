"""Clips of any length: generated window by window in latent space, and given away as soon as they are finished."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from . import masks
from .completion import complete_latents
from .diffusion import StepInfo, derived_seed
from .diffusion.samplers import StepCallback
from .pixel_masks import to_cells
from .windows import MIN_SIZE, Window, plan_windows

# T frames, C channels, h x w latent cells. Nothing is decoded and encoded again between windows.


def roll_out(
    model: Any,
    raw: Tensor,
    mask: Tensor | None,
    *,
    seed: int,
    window: int = 0,
    overlap: int = 0,
    full: bool = False,
    callback: StepCallback | None = None,
    **sampling: Any,
) -> Iterator[Tensor]:
    """Generate the masked part of raw latents, however many; given cells come back bit for bit.

    Args:
        model: a VDT; the work is done on its device.
        raw: (n, C, h, w); what the mask covers may hold anything.
        mask: bool, of pixels or latent cells, one frame or T of them: frames from n on are generated. None: everything.
        seed: 0 to 2**64 - 1; each window has its own noise, so that it does not matter what is asked for after it.
        window: frames that the model sees at once; 0 is the number it was trained with.
        overlap: known frames that a window begins with; 0 is half of its frames.
        full: see `plan_windows`.
        callback: called after every step of every window; it counts them all.
        sampling: steps, sampler, guidance_scale; see `sample_latents`.

    Yields float32 (some frames, C, h, w) on the device of `raw`, T in all, as soon as no later window needs them.
    Raises ValueError for what does not fit; see also `complete_latents`.
    """
    cells = _cells(mask, raw)
    plan = plan_rollout(model, raw, mask, window=window, overlap=overlap, full=full)
    needed = _first_needed(plan, len(cells))
    made: dict[int, Tensor] = {}
    finished = 0
    for number, planned in enumerate(plan):
        completed = complete_latents(
            model,
            torch.stack([made.get(frame, _raw_frame(raw, frame)) for frame in planned.frames]),
            _window_mask(planned, cells),
            seed=window_seed(seed, number),
            callback=callback and _counted(callback, number, len(plan)),
            **sampling,
        )
        made.update(zip(planned.frames, completed, strict=True))
        if piece := range(finished, needed[number]):
            yield torch.stack([made.pop(frame, _raw_frame(raw, frame)) for frame in piece])
            finished = piece.stop
    if not plan:
        yield raw.float().clone()


def plan_rollout(
    model: Any, raw: Tensor, mask: Tensor | None, *, window: int = 0, overlap: int = 0, full: bool = False
) -> list[Window]:
    """The windows that `roll_out` goes through."""
    size, overlap = window_size(model, window, overlap)
    return plan_windows(_cells(mask, raw), size, overlap, full=full)


def complete_clip(model: Any, raw: Tensor, mask: Tensor | None, **options: Any) -> Tensor:
    """`roll_out` as one tensor, float32 (T, C, h, w)."""
    return torch.cat(list(roll_out(model, raw, mask, **options)))


def lengthen(values: Tensor, count: int, *, before: bool = False, fill: float = 0.0) -> Tensor:
    """Values (T, ...) with `count` frames of `fill` after them, or before them."""
    new = torch.full((count, *values.shape[1:]), fill, dtype=values.dtype, device=values.device)
    return torch.cat([new, values] if before else [values, new])


def new_frames(raw: Tensor, count: int, *, before: bool = False) -> Tensor:
    """The mask of a clip (T, C, h, w) of which the last, or first, `count` frames are to be generated."""
    height, width = raw.shape[-2:]
    return (masks.backward if before else masks.predict)(len(raw), height, width, given=len(raw) - count)


def window_size(model: Any, window: int = 0, overlap: int = 0) -> tuple[int, int]:
    """Frames of a window and of its overlap, 0 being what the model was trained with, and half of that."""
    size = window or max(model.config.num_frames, MIN_SIZE)
    return size, overlap or size // 2


def window_seed(seed: int, number: int) -> int:
    """The seed of a window: the first has that of the clip, so that a clip of one window is one plain sampling."""
    return seed if number == 0 else derived_seed(seed, number)


def _cells(mask: Tensor | None, raw: Tensor) -> Tensor:
    """The mask as latent cells, bool (T, h, w)."""
    if raw.ndim != 4:
        raise ValueError(f"the latent is {tuple(raw.shape)}, expected (frames, channels, height, width)")
    height, width = raw.shape[-2:]
    if mask is None:
        return torch.ones(len(raw), height, width, dtype=torch.bool)
    return to_cells(mask.cpu(), (max(len(raw), len(mask)), height, width))


def _first_needed(plan: list[Window], length: int) -> list[int]:
    """For each window the first frame that any window after it still sees."""
    return list(accumulate([length, *(later.frames[0] for later in plan[:0:-1])], min))[::-1]


def _window_mask(window: Window, cells: Tensor) -> Tensor:
    """What a window generates, bool (n, h, w): nothing of known frames, all of those outside of the clip."""

    def of(frame: int) -> Tensor:
        if frame not in window.makes:
            return torch.zeros_like(cells[0])
        return cells[frame] if 0 <= frame < len(cells) else torch.ones_like(cells[0])

    return torch.stack([of(frame) for frame in window.frames])


def _raw_frame(raw: Tensor, frame: int) -> Tensor:
    inside = 0 <= frame < len(raw)
    return raw[frame].float() if inside else torch.zeros(raw.shape[1:], dtype=torch.float32, device=raw.device)


def _counted(callback: StepCallback, number: int, windows: int) -> StepCallback:
    """A callback whose steps are those of all windows."""

    def report(info: StepInfo) -> None:
        step, num_steps = info.step + number * info.num_steps, info.num_steps * windows
        callback(replace(info, step=step, num_steps=num_steps))

    return report
