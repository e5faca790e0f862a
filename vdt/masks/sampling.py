"""Masks of training batches: a task for each sample, in the shares of a recipe and with random settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from .blocks import random_blocks

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
MOST_WEIGHT, LEAST_WEIGHT = 1e30, 1e-30  # of a task; smaller ones are none. They are drawn in float32
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
    Every sample has at least one generated cell. All samples of a task are drawn at once.
    """
    if min(batch, T, h, w) < 1:
        raise ValueError(f"got {batch} samples of {T} frames of {w}x{h} cells, expected 1 or more of each")
    names, weights = _usable_mix(DEFAULT_MIX if mix is None else mix, T, h * w)
    picks = torch.multinomial(torch.tensor(weights), batch, replacement=True, generator=generator)
    masks = torch.empty(batch, T, h, w, dtype=torch.bool)
    for index, name in enumerate(names):
        rows = (picks == index).nonzero()[:, 0]
        if len(rows):
            masks[rows] = _DRAWS[name](len(rows), T, h, w, generator)
    return masks


# ---- Whole frames: each draws n masks, bool (n, T, h, w) -------------------------------------------------------------


def _draw_predict(n: int, T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    return _frames(torch.arange(T) >= torch.randint(1, T, (n, 1), generator=generator), h, w)


def _draw_backward(n: int, T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    return _frames(torch.arange(T) < T - torch.randint(1, T, (n, 1), generator=generator), h, w)


def _draw_interpolate(n: int, T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    every = torch.randint(2, MAX_EVERY + 1, (n, 1), generator=generator)
    given = torch.arange(T) % every == 0
    if T > 2:
        given[:, -1] |= torch.randint(4, (n,), generator=generator) > 0
    return _frames(~given, h, w)


def _draw_image_to_video(n: int, T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    return _frames(torch.arange(T) != torch.randint(T, (n, 1), generator=generator), h, w)


def _draw_random(n: int, T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    """As `random_frames`: where all or none would be generated, one frame is turned round."""
    generated = torch.rand(n, T, generator=generator) < torch.rand(n, 1, generator=generator)
    alike = generated.all(1) | ~generated.any(1)
    turned = torch.arange(T) == torch.randint(T, (n, 1), generator=generator)
    return _frames(generated ^ (alike[:, None] & turned), h, w)


def _frames(frame_masks: Tensor, h: int, w: int) -> Tensor:
    return frame_masks[:, :, None, None].expand(-1, -1, h, w)


# ---- Areas -----------------------------------------------------------------------------------------------------------


def _draw_spatial(n: int, T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    ratio = 0.2 + 0.6 * torch.rand(n, generator=generator, dtype=torch.float64)
    return random_blocks(ratio, h, w, generator)[:, None] & _between_ends(n, T, generator)


def _draw_border(n: int, T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    """All around a rectangle of at least half of either side: outpainting."""
    rows = torch.randint(-(-h // 2), h + 1, (n,), generator=generator)
    columns = torch.randint(-(-w // 2), w + 1, (n,), generator=generator)
    whole = (rows == h) & (columns == w)
    rows, columns = (rows - whole.long(), columns) if h > 1 else (rows, columns - whole.long())
    inside = _rectangles(_pick(h - rows, generator), _pick(w - columns, generator), rows, columns, h, w)
    return ~inside[:, None].expand(-1, T, -1, -1)


def _draw_moving(n: int, T: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    """A rectangle of a quarter to five eighths of either side, on an even way from one place to another."""
    rows, columns = (
        torch.randint(max(1, side // 4), max(1, 5 * side // 8) + 1, (n, 1), generator=generator) for side in (h, w)
    )
    tops, lefts = _draw_way(T, h - rows, generator), _draw_way(T, w - columns, generator)
    return _rectangles(tops, lefts, rows, columns, h, w) & _between_ends(n, T, generator)


def _draw_way(T: int, room: Tensor, generator: torch.Generator) -> Tensor:
    """Places (n, T) of T frames from one draw of 0 to `room` (n, 1) to another, at even distances."""
    start, end = _pick(room, generator), _pick(room, generator)
    along = torch.arange(T, dtype=torch.float64) / max(1, T - 1)
    return (start + (end - start) * along).round().long()


def _rectangles(tops: Tensor, lefts: Tensor, rows: Tensor, columns: Tensor, h: int, w: int) -> Tensor:
    """Rectangles of any leading shape over a grid, bool (..., h, w)."""
    row, column = torch.arange(h)[:, None], torch.arange(w)
    top, left, height, width = (value[..., None, None] for value in (tops, lefts, rows, columns))
    return (row >= top) & (row < top + height) & (column >= left) & (column < left + width)


def _between_ends(n: int, T: int, generator: torch.Generator) -> Tensor:
    """Frames (n, T, 1, 1) but the few whole ones given before and after areas; at least one is left to generate."""
    first = torch.randint(min(MAX_GIVEN_ENDS, T - 1) + 1, (n, 1), generator=generator)
    last = _pick((T - 1 - first).clamp(max=MAX_GIVEN_ENDS), generator)
    frame = torch.arange(T)
    return ((frame >= first) & (frame < T - last))[:, :, None, None]


def _pick(most: Tensor, generator: torch.Generator) -> Tensor:
    """A whole number from 0 to each of `most`, both among them."""
    return (torch.rand(most.shape, generator=generator, dtype=torch.float64) * (most + 1)).long()


# "frames" is missing on purpose: "random" draws any list of frames.
_DRAWS: Mapping[str, Callable[[int, int, int, int, torch.Generator], Tensor]] = {
    "unconditional": lambda n, T, h, w, rng: torch.ones(n, T, h, w, dtype=torch.bool),
    "predict": _draw_predict,
    "backward": _draw_backward,
    "interpolate": _draw_interpolate,
    "image_to_video": _draw_image_to_video,
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
        if not (math.isfinite(weight) and 0.0 <= weight <= MOST_WEIGHT):
            raise ValueError(f"task mix gives '{name}' the weight {weight}: expected 0 to {MOST_WEIGHT:g}")
    possible = {"unconditional": True, **dict.fromkeys(AREAS, cells > 1)}
    usable = {
        name: float(weight) for name, weight in mix.items() if weight > LEAST_WEIGHT and possible.get(name, T > 1)
    }
    if not usable:
        raise ValueError(f"task mix {dict(mix)} has no task for {T} frames of {cells} cells: add 'unconditional'")
    return list(usable), list(usable.values())
