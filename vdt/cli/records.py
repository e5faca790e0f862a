"""The border: what was parsed, turned once into the frozen records of the library. No namespace goes further."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..diffusion import SamplingConfig
    from ..inference.pipeline import Pipeline
    from ..inference.settings import CompositingConfig, GenerationConfig, WindowConfig


def model_path(options: argparse.Namespace) -> Path:
    """The model's file of `add_model_options`; without one, the bundled one."""
    from ..checkpoints import bundled

    return options.model or bundled("vdt-fast" if options.fast else "vdt")


def vae_path(options: argparse.Namespace) -> Path:
    """The autoencoder's file of `add_model_options`."""
    from ..checkpoints import bundled

    return options.vae or bundled("vae-fast" if options.fast else "vae")


def load_pipeline(options: argparse.Namespace) -> Pipeline:
    """Load what the options of `add_model_options` name."""
    from ..inference.pipeline import Pipeline

    return Pipeline.from_pretrained(model_path(options), vae_path(options), device=options.device, dtype=options.dtype)


def generation_config(options: argparse.Namespace) -> GenerationConfig:
    """How clips are made, but for the windows, which need to know the model; for functions that take all or parts."""
    from ..inference.settings import GenerationConfig

    return GenerationConfig(
        seed=options.seed, sampling=sampling_config(options), compositing=compositing_config(options)
    )


def sampling_config(options: argparse.Namespace) -> SamplingConfig:
    """From `add_sampling_options` and --fast, whose settings hold unless others are given, in whatever order."""
    from ..diffusion import FAST, SamplingConfig

    default = FAST if options.fast else SamplingConfig()
    return SamplingConfig.named(
        default.name if options.sampler is None else options.sampler,
        steps=default.steps if options.steps is None else options.steps,
        guidance=default.guidance if options.guidance is None else options.guidance,
        text_guidance=default.text_guidance,
        step_cache=options.reuse,
        temperature=default.temperature if options.temperature is None else options.temperature,
    )


def window_config(options: argparse.Namespace, downscale: int) -> WindowConfig:
    """From `add_window_options`; `downscale` is pixels along the side of a latent cell."""
    from ..inference.settings import WindowConfig

    return WindowConfig(frames=options.window, overlap=options.overlap, tile=-(-options.tile // downscale))


def compositing_config(options: argparse.Namespace) -> CompositingConfig:
    """From `add_compositing_options`."""
    from ..inference.settings import CompositingConfig

    return CompositingConfig(static_background=options.still, color_match=options.edges)


def guided_by_text(generation: GenerationConfig, weight: float | None) -> GenerationConfig:
    """The same with that weight of the text; None leaves the library's."""
    if weight is None:
        return generation
    return replace(generation, sampling=replace(generation.sampling, text_guidance=weight))
