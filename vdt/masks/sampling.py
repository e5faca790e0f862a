"""Masks of training batches: a task for each sample, in the shares of a recipe and with random settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from .blocks import pick, spatial_block, uniform
from .tasks import Backward, ImageToVideo, Interpolate, Predict, Task, over_cells, random_frames

# T frames, h and w latent rows and columns; True = generate.
# ruff: noqa: N803 -- T is the letter for frames in the whole library

# Prediction is the main job, and the share of "unconditional" is what lets guidance (the pass that sees no given
# frame) work.
DEFAULT_MIX: Mapping[str, float] = {
    "predict": 0.30,
    "interpolate": 0.15,
    "image_to_video": 0.15,
    "backward": 0.10,
    "random": 0.10,
    "spatial": 0.05,
    "border": 0.03,
    "moving": 0.02,
    "unconditional": 0.10,
}
MAX_EVERY = 8  # of interpolation
MAX_GIVEN_ENDS = 3  # whole frames given before and after generated areas


def sample_task_masks(
    batch: int, T: int, h: int, w: int, generator: torch.Generator, mix: Mapping[str, float] | None = None
) -> Tensor:
    """Draw one task with random settings for every sample of a training batch; bool (batch, T, h, w).

    `mix` maps task names to weights (DEFAULT_MIX if None); tasks the clip is too short for are left out.
    Drawn uniformly: the number of given frames 1..T-1, every 2..8 (last frame given 3 times of 4), any single
    frame, the probability of random frames, a block ratio of 0.2..0.8, the given rectangle within a border and the
    place, way and size of a moving one; areas have 0..3 given frames at both ends.
    Every sample has at least one generated cell.
    """
    names, weights = _usable_mix(DEFAULT_MIX if mix is None else mix, T, h * w)
    picks = torch.multinomial(torch.tensor(weights), batch, replacement=True, generator=generator).tolist()
    return torch.stack([_DRAWS[names[index]](T, h, w, generator) for index in picks])  # (B, T, h, w)


def _draw_interpolate(T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    last_given = T > 2 and pick(0, 3, generator) > 0
    return _expanded(Interpolate(every=pick(2, MAX_EVERY, generator), last_given=last_given), T, h, w)


def _draw_spatial(T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    ratio = uniform(0.2, 0.8, generator)
    first, last = _draw_ends(T, generator)
    return spatial_block(T, h, w, ratio=ratio, generator=generator, first=first, last=last)


def _draw_border(T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    """All around a rectangle of at least half of either side: outpainting."""
    rows, columns = pick(-(-h // 2), h, generator), pick(-(-w // 2), w, generator)
    if (rows, columns) == (h, w):
        rows, columns = (h - 1, w) if h > 1 else (h, w - 1)
    top, left = pick(0, h - rows, generator), pick(0, w - columns, generator)
    mask = torch.ones(T, h, w, dtype=torch.bool)
    mask[:, top : top + rows, left : left + columns] = False
    return mask


def _draw_moving(T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    """A rectangle of a quarter to five eighths of either side, on an even way from one place to another."""
    rows, columns = (pick(max(1, side // 4), max(1, 5 * side // 8), generator) for side in (h, w))
    tops, lefts = _draw_way(T, h - rows, generator), _draw_way(T, w - columns, generator)
    first, last = _draw_ends(T, generator)
    mask = torch.zeros(T, h, w, dtype=torch.bool)
    for frame in range(first, T - last):
        mask[frame, tops[frame] : tops[frame] + rows, lefts[frame] : lefts[frame] + columns] = True
    return mask


def _draw_way(T: int, room: int, generator: torch.Generator) -> list[int]:
    """Places of T frames from one draw of 0 to `room` to another, at even distances."""
    start, end = pick(0, room, generator), pick(0, room, generator)
    return [round(start + (end - start) * frame / max(1, T - 1)) for frame in range(T)]


def _draw_ends(T: int, generator: torch.Generator) -> tuple[int, int]:
    """How many whole frames are given before and after areas; at least one is left to generate."""
    first = pick(0, min(MAX_GIVEN_ENDS, T - 1), generator)
    return first, pick(0, min(MAX_GIVEN_ENDS, T - 1 - first), generator)


def _draw_random(T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    return over_cells(random_frames(T, uniform(0.0, 1.0, generator), generator), h, w)


def _expanded(task: Task, T: int, h: int, w: int) -> Tensor:
    return over_cells(task.frame_mask(T), h, w)


# "frames" is missing on purpose: "random" draws any list of frames.
_DRAWS: Mapping[str, Callable[[int, int, int, torch.Generator], Tensor]] = {
    "unconditional": lambda T, h, w, rng: torch.ones(T, h, w, dtype=torch.bool),
    "predict": lambda T, h, w, rng: _expanded(Predict(given=pick(1, T - 1, rng)), T, h, w),
    "backward": lambda T, h, w, rng: _expanded(Backward(given=pick(1, T - 1, rng)), T, h, w),
    "interpolate": _draw_interpolate,
    "image_to_video": lambda T, h, w, rng: _expanded(ImageToVideo(frame=pick(0, T - 1, rng)), T, h, w),
    "random": _draw_random,
    "spatial": _draw_spatial,
    "border": _draw_border,
    "moving": _draw_moving,
}
AREAS = ("spatial", "border", "moving")  # tasks that one frame is enough for, but one cell is not


def _usable_mix(mix: Mapping[str, float], T: int, cells: int) -> tuple[list[str], list[float]]:
    for name, weight in mix.items():
        if name not in _DRAWS:
            raise ValueError(f"task mix names unknown task '{name}': expected some of {', '.join(_DRAWS)}")
        if not (math.isfinite(weight) and weight >= 0.0):
            raise ValueError(f"task mix gives '{name}' the weight {weight}: expected 0 or more")
    possible = {"unconditional": True, **dict.fromkeys(AREAS, cells > 1)}
    usable = {name: float(weight) for name, weight in mix.items() if weight > 0.0 and possible.get(name, T > 1)}
    if not usable:
        raise ValueError(f"task mix {dict(mix)} has no task for {T} frames of {cells} cells: add 'unconditional'")
    return list(usable), list(usable.values())
