"""Videos of any length, frame by frame: what is given passes through, what is new is decoded as it is finished."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .autoencoder import AutoencoderKL
from .completion import decode_frames, encode_frames, make_anchors
from .memory import FRAMES_AT_ONCE
from .pipeline import Pipeline
from .rollout import complete_clip, roll_out, window_seed, window_size
from .still import STILL, Anchor, hold_still
from .windows import plan_windows

# Masks here say of whole frames whether they are generated; cells (T, 1, 1) are enough to plan with.


def extend_frames(
    pipeline: Pipeline,
    frames: Iterable[np.ndarray],
    *,
    after: int = 0,
    before: int = 0,
    **options: Any,
) -> Iterator[np.ndarray]:
    """`before` new frames, those there are, bit for bit, and `after` new ones: uint8 (H, W, 3) one at a time.

    Memory does not grow with the clip; only `before` frames have to be kept until they are all made, as latents.

    Args:
        pipeline: model and VAE.
        frames: uint8 (H, W, 3) of a size that the model takes.
        after, before: how many frames to add.
        options: seed, window, overlap, callback and those of sampling, see `roll_out`; `overlap` frames at the end, or
            the beginning, say how the clip goes on.

    Raises:
        ValueError: no frames, or see `roll_out`.
    """
    settings = _settings(pipeline, **options)
    source = iter(frames)
    head = list(islice(source, settings["overlap"]))
    if before and head:
        yield from _between(pipeline, [], head, before, settings)
    tail: deque[np.ndarray] = deque(maxlen=settings["overlap"])
    yield from _remembered(chain(head, source), tail)
    if after:
        yield from _between(pipeline, list(tail), [], after, settings)


def connect_frames(
    pipeline: Pipeline, first: Iterable[np.ndarray], second: Iterable[np.ndarray], *, between: int, **options: Any
) -> Iterator[np.ndarray]:
    """Two clips of one size, bit for bit, with `between` new frames that lead from one to the other.

    Options and errors are those of `extend_frames`.
    """
    settings = _settings(pipeline, **options)
    tail: deque[np.ndarray] = deque(maxlen=settings["overlap"])
    yield from _remembered(first, tail)
    source = iter(second)
    head = list(islice(source, settings["overlap"]))
    if not head:
        raise ValueError("there are no frames to lead to")
    yield from _between(pipeline, list(tail), head, between, settings)
    yield from chain(head, source)


def loop_frames(
    pipeline: Pipeline, frames: Iterable[np.ndarray], *, between: int, **options: Any
) -> Iterator[np.ndarray]:
    """A clip, bit for bit, with `between` new frames that lead from its end back to its beginning.

    Options and errors are those of `extend_frames`.
    """
    settings = _settings(pipeline, **options)
    source = iter(frames)
    head = list(islice(source, settings["overlap"]))
    tail: deque[np.ndarray] = deque(maxlen=settings["overlap"])
    yield from _remembered(chain(head, source), tail)
    yield from _between(pipeline, list(tail), head, between, settings)


def slow_frames(
    pipeline: Pipeline, frames: Iterable[np.ndarray], *, every: int, **options: Any
) -> Iterator[np.ndarray]:
    """A clip, bit for bit, with every - 1 new frames between each two: (n - 1) every + 1 frames, one at a time.

    It is made a group at a time, each of as many given frames as fit into one window behind `overlap` known ones, so
    that motion goes on from group to group. Where `every` is too large for one window, a group takes several.

    Options are those of `extend_frames`; a callback counts the steps of one group. ValueError for fewer than 2 frames,
    an `every` below 2, or see `roll_out`.
    """
    if every < 2:
        raise ValueError(f"slow motion got every={every}: expected 2 or more, so that there are frames to make")
    return _slowed(pipeline, iter(frames), every, **_settings(pipeline, **options))


def count_windows(before: int, count: int, after: int, *, window: int, overlap: int) -> int:
    """How many windows `count` new frames take between or beside known ones; see `window_size` for the last two."""
    mask = _gap(before, count, after, 1, 1)
    return len(plan_windows(mask, window, overlap, full=not (before and after)))


def count_slow_windows(frames: int, *, every: int, window: int, overlap: int) -> int:
    """How many windows the slow motion of so many frames takes; see `window_size` for the last two."""
    made, windows, left = 1, 0, frames - 1
    while left > 0:
        taken = min(left, _fitting(made, every, window, overlap))
        seen = min(made, _seen(taken, every, window, overlap))
        windows += _windows_of_group(seen, taken, every, window, overlap)
        made, left = made + taken * every, left - taken
    return windows


def _settings(
    pipeline: Pipeline, *, window: int = 0, overlap: int = 0, still: float = STILL, **options: Any
) -> dict[str, Any]:
    size, seen = window_size(pipeline.model, window, overlap)
    return {"window": size, "overlap": seen, "still": still, **options}


def decode_each(
    vae: AutoencoderKL, latents: Iterable[Tensor], size: tuple[int, int] | None = None
) -> Iterator[np.ndarray]:
    """Frames uint8 (H, W, 3) of raw latents (C, h, w), decoded a few at a time as they come; `size` is H, W."""
    latents = iter(latents)
    while chunk := list(islice(latents, FRAMES_AT_ONCE)):
        yield from decode_frames(vae, torch.stack(chunk), size=size)


def _between(
    pipeline: Pipeline, left: Sequence[np.ndarray], right: Sequence[np.ndarray], count: int, settings: dict[str, Any]
) -> Iterator[np.ndarray]:
    """`count` new frames between known ones, of which one side may be empty."""
    settings = dict(settings)
    still = settings.pop("still")
    shown = np.stack([*left, *right])
    known = encode_frames(pipeline.vae, shown)
    missing = known.new_zeros(count, *known.shape[1:])
    raw = torch.cat([known[: len(left)], missing, known[len(left) :]]) if right else known
    mask = _gap(len(left), count, len(right), *known.shape[-2:])
    pieces = roll_out(pipeline.model, raw, mask, full=not (left and right), **settings)
    latents = (latent for piece in pieces for latent in piece)
    decoded = decode_each(pipeline.vae, islice(latents, len(left), len(left) + count), shown.shape[1:3])
    ends = [*([len(left) - 1] if left else []), *([len(left)] if right else [])]  # the known frames beside the new ones
    places = [-1] * bool(left) + [count] * bool(right)
    return _held(decoded, make_anchors(pipeline.vae, known[ends], shown[ends], places) if still > 0 else [], still)


def _held(frames: Iterable[np.ndarray], anchors: Sequence[Anchor], still: float) -> Iterator[np.ndarray]:
    """New frames, their still places as the given frames around them show them."""
    for index, frame in enumerate(frames):
        yield hold_still(frame[None], [index], anchors, still)[0]


def _gap(before: int, count: int, after: int, height: int, width: int) -> Tensor:
    """bool (before + count + after, height, width), True in between."""
    mask = torch.zeros(before + count + after, height, width, dtype=torch.bool)
    mask[before : before + count] = True
    return mask


def _slowed(
    pipeline: Pipeline, source: Iterator[np.ndarray], every: int, *, seed: int, still: float, **settings: Any
) -> Iterator[np.ndarray]:
    window, overlap = settings["window"], settings["overlap"]
    start = list(islice(source, 2))
    if len(start) < 2:
        raise ValueError(
            f"slow motion got a clip of {len(start)} frame{'' if start else 's'}: expected 2 or more, to make the "
            f"frames between them"
        )
    yield start[0]
    source = chain(start[1:], source)
    known = encode_frames(pipeline.vae, start[0][None])  # raw latents of the last frames so far, new and given
    last = make_anchors(pipeline.vae, known, start[0][None], [-1]) if still > 0 else []
    windows = 0
    while taken := list(islice(source, _fitting(len(known), every, window, overlap))):
        seen = known[-_seen(len(taken), every, window, overlap) :]
        given = encode_frames(pipeline.vae, np.stack(taken))
        raw = torch.cat([seen, _spread(given, every)])
        mask = _group_mask(len(seen), len(taken), every).expand(-1, *raw.shape[-2:])
        made = complete_clip(pipeline.model, raw, mask, seed=window_seed(seed, windows), **settings)[len(seen) :]
        windows += _windows_of_group(len(seen), len(taken), every, window, overlap)
        known = torch.cat([known, made])[-_seen(1, every, window, overlap) :]
        new = (latent for index, latent in enumerate(made) if (index + 1) % every)
        decoded = decode_each(pipeline.vae, new, taken[0].shape[:2])
        ends = make_anchors(pipeline.vae, given, np.stack(taken), [every - 1] * len(taken)) if still > 0 else []
        for index, frame in enumerate(taken):
            yield from _held(islice(decoded, every - 1), [*last, *ends[index : index + 1]], still)
            yield frame
            last = [replace(end, index=-1) for end in ends[index : index + 1]]


def _fitting(known: int, every: int, window: int, overlap: int) -> int:
    """How many given frames, each with the new ones before it, a window has room for beside those it must see."""
    return max(1, (window - min(known, overlap)) // every)


def _seen(taken: int, every: int, window: int, overlap: int) -> int:
    """How many known frames a group sees: what room it leaves, so that windows are as long as in training."""
    return max(overlap, window - taken * every)


def _spread(given: Tensor, every: int) -> Tensor:
    """Latents (n every, C, h, w): each of n given ones after every - 1 empty ones."""
    spread = given.new_zeros(len(given) * every, *given.shape[1:])
    spread[every - 1 :: every] = given
    return spread


def _group_mask(seen: int, taken: int, every: int) -> Tensor:
    """bool (seen + taken every, 1, 1), True = generate."""
    frames = torch.arange(1 - seen, taken * every + 1)
    return ((frames > 0) & (frames % every != 0))[:, None, None]


@lru_cache(maxsize=64)
def _windows_of_group(seen: int, taken: int, every: int, window: int, overlap: int) -> int:
    return len(plan_windows(_group_mask(seen, taken, every), window, overlap))


def _remembered(frames: Iterable[np.ndarray], last: deque[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames, of which `last` keeps as many as it holds."""
    for frame in frames:
        last.append(frame)
        yield frame
    if not last:
        raise ValueError("there are no frames to go on from")
