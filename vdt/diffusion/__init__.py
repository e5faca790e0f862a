"""Diffusion over masked latent videos: the schedule, the denoiser seam, samplers and losses."""

from .denoiser import Denoiser, MaskedDenoiser, Prediction, to_prediction
from .latents import scale_latents, unscale_latents
from .loss import LossTerms, corrected_loss, stratified_timesteps
from .official import official_loss, official_sample
from .samplers import (
    SAMPLERS,
    StepInfo,
    find_sampler,
    sample_ancestral,
    sample_ddim,
    sample_dpmpp_2m,
    sample_unipc,
)
from .sampling import count_passes, derived_seed, sample_latents
from .schedule import Schedule, ScheduleCoeffs

__all__ = [
    "SAMPLERS",
    "Denoiser",
    "LossTerms",
    "MaskedDenoiser",
    "Prediction",
    "Schedule",
    "ScheduleCoeffs",
    "StepInfo",
    "corrected_loss",
    "count_passes",
    "derived_seed",
    "find_sampler",
    "official_loss",
    "official_sample",
    "sample_ancestral",
    "sample_ddim",
    "sample_dpmpp_2m",
    "sample_latents",
    "sample_unipc",
    "scale_latents",
    "stratified_timesteps",
    "to_prediction",
    "unscale_latents",
]
