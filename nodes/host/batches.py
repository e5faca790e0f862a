"""Several clips in one LATENT: ComfyUI has frames as its batch, so that clips stand one after another in it.

The rule: LATENTs of this pack say how many frames a clip has (FRAMES_KEY). One that holds a multiple of that, such as
after Repeat Latent Batch or Latent Batch, holds so many clips; one that holds any other number, or says nothing, is one
clip, and so is a single frame that was repeated. Clip number i is generated with seed + i, as it would be alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...vdt.inference.generate import MAX_SEED
from . import convert

# N clips of T frames each; a MASK or noise mask has 1 or T frames for all of them, or N T.

FRAMES_KEY = "vdt_frames"  # in a LATENT: frames of one clip
CLIPS_KEY = "vdt_clips"  # in a CONDITIONING: clips of the LATENT, which stock samplers do not show to models


def frames_of(latent: dict[str, Any]) -> int:
    """Frames of one clip of a LATENT."""
    total, stated = len(convert.samples_of(latent)), latent.get(FRAMES_KEY, 0)
    return stated if 1 < stated < total and total % stated == 0 else total


def split_latent(latent: dict[str, Any]) -> list[dict[str, Any]]:
    """One LATENT for each clip, with its own noise mask."""
    samples, frames = convert.samples_of(latent), frames_of(latent)
    count = len(samples) // frames
    if count == 1:
        return [latent]
    masks = split(latent.get("noise_mask"), count, frames)
    return [
        {**latent, "samples": part, **({} if mask is None else {"noise_mask": mask})}
        for part, mask in zip(samples.split(frames), masks, strict=True)
    ]


def split(values: Tensor | None, count: int, frames: int) -> list[Any]:
    """A MASK or IMAGE for each of `count` clips: its own part of one that has all frames, else the same for all."""
    if values is None or count == 1 or len(values) != count * frames:
        return [values] * count
    return list(values.split(frames))


def join_latents(latents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One LATENT of clips of the same length."""
    frames = len(latents[0]["samples"])
    joined = {**latents[0], FRAMES_KEY: frames}
    if len(latents) > 1:
        joined["samples"] = torch.cat([latent["samples"] for latent in latents])
        if "noise_mask" in joined:
            masks = [latent["noise_mask"] for latent in latents]
            joined["noise_mask"] = torch.cat([mask.expand(frames, *mask.shape[1:]) for mask in masks])
    return joined


def variations(latent: dict[str, Any], mask: Tensor | None, batch: int) -> list[tuple[dict[str, Any], Tensor | None]]:
    """`batch` times each clip of a LATENT, with the part of the connected MASK that belongs to it."""
    parts = split_latent(latent)
    masks = split(mask, len(parts), frames_of(latent))
    return [pair for pair in zip(parts, masks, strict=True) for _ in range(batch)]


def longer_images(images: Tensor | None, parts: Sequence[dict[str, Any]], more: int, *, before: bool) -> Tensor | None:
    """IMAGE of one clip, or of all these clips, with so many grey frames more for each."""
    if images is None:
        return None
    frames = len(parts[0]["samples"])
    clips = images.split(frames) if len(images) == len(parts) * frames else [images]
    return torch.cat([convert.longer_images(clip, more, before=before) for clip in clips])


def seeds(seed: int, count: int) -> list[int]:
    """The seeds of so many clips, so that each variation can be made again alone."""
    return [(seed + number) % (MAX_SEED + 1) for number in range(count)]
