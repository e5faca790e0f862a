"""Videos of any length, frame by frame: what is given passes through, what is new is decoded as it is finished."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import masks
from .autoencoder import AutoencoderKL
from .completion import decode_frames, encode_frames
from .diffusion.samplers import StepCallback
from .memory import FRAMES_AT_ONCE
from .pipeline import Pipeline
from .rollout import roll_out, window_size


def extend_frames(
    pipeline: Pipeline,
    frames: Iterable[np.ndarray],
    *,
    after: int = 0,
    before: int = 0,
    window: int = 0,
    overlap: int = 0,
    callback: StepCallback | None = None,
    **options: Any,
) -> Iterator[np.ndarray]:
    """`before` new frames, those there are, bit for bit, and `after` new ones: uint8 (H, W, 3) one at a time.

    Memory does not grow with the clip; only `before` frames have to be kept until they are all made, as latents.

    Args:
        pipeline: model and VAE.
        frames: uint8 (H, W, 3) of a size that the model takes.
        after, before: how many frames to add.
        window, overlap, callback: see `roll_out`; `overlap` frames at the end, or the beginning, say how it goes on.
        options: seed, steps, sampler and guidance_scale of `roll_out`.

    Raises:
        ValueError: no frames, or see `roll_out`.
    """
    size, seen = window_size(pipeline.model, window, overlap)
    settings = {"window": size, "overlap": seen, "callback": callback, **options}
    source = iter(frames)
    head = list(islice(source, seen))
    if not head:
        raise ValueError("there are no frames to extend")
    if before:
        known = encode_frames(pipeline.vae, np.stack(head))
        raw = torch.cat([known.new_zeros(before, *known.shape[1:]), known])
        mask = masks.backward(len(raw), *raw.shape[-2:], given=len(known))
        yield from decode_each(pipeline.vae, islice(_latents(pipeline.model, raw, mask, settings), before))
    tail: deque[np.ndarray] = deque(maxlen=seen)
    for frame in chain(head, source):
        tail.append(frame)
        yield frame
    if after:
        known = encode_frames(pipeline.vae, np.stack(tail))
        mask = masks.predict(len(known) + after, *known.shape[-2:], given=len(known))
        yield from decode_each(pipeline.vae, islice(_latents(pipeline.model, known, mask, settings), len(known), None))


def decode_each(vae: AutoencoderKL, latents: Iterable[Tensor]) -> Iterator[np.ndarray]:
    """Frames uint8 (H, W, 3) of raw latents (C, h, w), decoded a few at a time as they come."""
    latents = iter(latents)
    while chunk := list(islice(latents, FRAMES_AT_ONCE)):
        yield from decode_frames(vae, torch.stack(chunk))


def _latents(model: Any, raw: Tensor, mask: Tensor, settings: dict[str, Any]) -> Iterator[Tensor]:
    return (latent for piece in roll_out(model, raw, mask, **settings) for latent in piece)
