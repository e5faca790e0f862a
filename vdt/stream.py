"""Videos of any length, frame by frame: what is given passes through, what is new is decoded as it is finished."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .autoencoder import AutoencoderKL
from .completion import decode_frames, encode_frames
from .memory import FRAMES_AT_ONCE
from .pipeline import Pipeline
from .rollout import roll_out, window_size


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


def _settings(pipeline: Pipeline, *, window: int = 0, overlap: int = 0, **options: Any) -> dict[str, Any]:
    size, seen = window_size(pipeline.model, window, overlap)
    return {"window": size, "overlap": seen, **options}


def decode_each(vae: AutoencoderKL, latents: Iterable[Tensor]) -> Iterator[np.ndarray]:
    """Frames uint8 (H, W, 3) of raw latents (C, h, w), decoded a few at a time as they come."""
    latents = iter(latents)
    while chunk := list(islice(latents, FRAMES_AT_ONCE)):
        yield from decode_frames(vae, torch.stack(chunk))


def _between(
    pipeline: Pipeline, left: Sequence[np.ndarray], right: Sequence[np.ndarray], count: int, settings: dict[str, Any]
) -> Iterator[np.ndarray]:
    """`count` new frames between known ones, of which one side may be empty."""
    known = encode_frames(pipeline.vae, np.stack([*left, *right]))
    missing = known.new_zeros(count, *known.shape[1:])
    raw = torch.cat([known[: len(left)], missing, known[len(left) :]]) if right else known
    mask = torch.ones(len(known) + count, *known.shape[-2:], dtype=torch.bool)
    mask[: len(left)] = False
    mask[len(left) + count :] = False
    pieces = roll_out(pipeline.model, raw, mask, full=not (left and right), **settings)
    latents = (latent for piece in pieces for latent in piece)
    return decode_each(pipeline.vae, islice(latents, len(left), len(left) + count))


def _remembered(frames: Iterable[np.ndarray], last: deque[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames, of which `last` keeps as many as it holds."""
    for frame in frames:
        last.append(frame)
        yield frame
    if not last:
        raise ValueError("there are no frames to go on from")
