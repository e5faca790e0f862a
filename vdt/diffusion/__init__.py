"""Diffusion over latent videos of which a part is given: schedule, denoisers, guidance, samplers and losses.

Whatever contains a beta or an alpha-bar lives here. Networks are callables; parameters, files and frames never appear.
"""

from .denoiser import Denoiser, DenoiserOutput, GivenDenoiser, read_output
from .given import Given, GivenCells, HiddenCells, make_given
from .guidance import GuidedDenoiser
from .latents import scale_latents, unscale_latents
from .loss import Density, LossTerms, by_frame, masked_hybrid_loss, stratified_timesteps
from .official import official_loss, official_sample
from .samplers import (
    SAMPLERS,
    StepCallback,
    StepInfo,
    counted_within,
    sample_ancestral,
    sample_ddim,
    sample_dpmpp_2m,
    sample_unipc,
)
from .sampling import derived_seed, sample_latents
from .schedule import Schedule, ScheduleCoeffs, Spacing
from .settings import EVEN_DDIM, FAST, STEPS_FROM_NOTHING, SamplingConfig

__all__ = [
    "EVEN_DDIM",
    "FAST",
    "SAMPLERS",
    "STEPS_FROM_NOTHING",
    "Denoiser",
    "DenoiserOutput",
    "Density",
    "Given",
    "GivenCells",
    "GivenDenoiser",
    "GuidedDenoiser",
    "HiddenCells",
    "LossTerms",
    "SamplingConfig",
    "Schedule",
    "ScheduleCoeffs",
    "Spacing",
    "StepCallback",
    "StepInfo",
    "by_frame",
    "counted_within",
    "derived_seed",
    "make_given",
    "masked_hybrid_loss",
    "official_loss",
    "official_sample",
    "read_output",
    "sample_ancestral",
    "sample_ddim",
    "sample_dpmpp_2m",
    "sample_latents",
    "sample_unipc",
    "scale_latents",
    "stratified_timesteps",
    "unscale_latents",
]
