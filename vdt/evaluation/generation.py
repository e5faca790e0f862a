"""Clips to be measured, made by the product's own path: `Pipeline.generate_batch`, with windows, tiles and compositing.

The noise of a clip depends on the seed and on its number, never on its batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..diffusion import derived_seed
from ..inference.compositing import Compositor
from ..inference.settings import GenerationConfig
from .records import Frames, Mask

if TYPE_CHECKING:
    from ..inference.pipeline import Pipeline


def config_values(config: GenerationConfig) -> dict[str, Any]:
    """JSON values for reports, under the keys that older reports have."""
    return {
        "steps": config.sampling.steps,
        "sampler": config.sampling.name,
        "spacing": config.sampling.spacing,
        "guidance_scale": config.sampling.guidance,
        "guidance_below": config.sampling.guidance_below,
        "reuse": config.sampling.step_cache,
        "temperature": config.sampling.temperature,
        "seed": config.seed,
        "still": config.compositing.static_background,
        "edges": config.compositing.color_match,
        "window": config.windows.frames,
        "overlap": config.windows.overlap,
        "tile": config.windows.tile,
    }


def generate_clips(
    pipeline: Pipeline,
    clips: Sequence[Frames],
    generated: Mask,
    config: GenerationConfig,
    *,
    start: int = 0,
    text: Sequence[str] | None = None,
) -> list[Frames]:
    """Each clip (T, H, W, 3) with what is `generated` made by the pipeline.

    Args:
        pipeline: model and VAE.
        clips: uint8, of one size and length.
        generated: bool (T,) or (T, H, W), True = generate.
        config: how they are generated.
        start: number of the first clip; with the seed it fixes the noise of each clip.
        text: a sentence for each clip, for models that read one.
    """
    made = pipeline.generate_batch(
        clips,
        pixel_mask(generated, clips[0]),
        seeds=[derived_seed(config.seed, start + index) for index in range(len(clips))],
        sampling=config.sampling,
        windows=config.windows,
        compositing=config.compositing,
        text=text,
    )
    return [clip.frames for clip in made]


def round_trip(pipeline: Pipeline, clips: Sequence[Frames], generated: Mask, config: GenerationConfig) -> list[Frames]:
    """The true clips through the VAE and back, composited like generated ones: what a perfect model would reach."""
    pixels = pixel_mask(generated, clips[0])
    compositor = Compositor(pipeline.codec, config.compositing)
    return [np.stack(list(compositor.clip(pipeline.codec.encode(clip), clip, pixels))) for clip in clips]


def generate_and_round_trip(
    pipeline: Pipeline | None, clips: Sequence[Frames], generated: Mask, config: GenerationConfig, *, start: int = 0
) -> dict[str, list[Frames]]:
    """`generate_clips` as "model" and `round_trip` as "vae"; {} without a pipeline."""
    if pipeline is None:
        return {}
    return {
        "model": generate_clips(pipeline, clips, generated, config, start=start),
        "vae": round_trip(pipeline, clips, generated, config),
    }


def pixel_mask(generated: Mask, frames: Frames) -> Tensor:
    """A mask (T,) or (T, H, W) as a tensor bool (T, H, W) of a clip (T, H, W, 3)."""
    mask = torch.from_numpy(generated)
    return mask if mask.ndim == 3 else mask[:, None, None].repeat(1, *frames.shape[1:3])
