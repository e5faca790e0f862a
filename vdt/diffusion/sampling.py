"""The one call that generates: given latents and a mask in, the completed latents out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..config import DiffusionConfig
from .denoiser import MaskedDenoiser, guides
from .samplers import Sampler, StepCallback, find_sampler
from .schedule import Schedule


@torch.no_grad()
def sample_latents(
    model: Any,
    given: Tensor,
    mask: Tensor,
    *,
    generator: torch.Generator | Sequence[torch.Generator],
    steps: int | str = 20,
    sampler: str = "ddim",
    guidance_scale: float = 1.0,
    schedule: Schedule | None = None,
    callback: StepCallback | None = None,
) -> Tensor:
    """Generate the masked cells of a latent video; the given cells come back bit for bit.

    Args:
        model: a VDT, or any callable model(x, t, mask=) if `schedule` is passed.
        given: clean scaled latents (B,T,C,h,w), on the model's device; any value where the mask is True.
        mask: bool (B,T,h,w) or (1,T,h,w), True = generate.
        generator: CPU generator of all noise, so that a seed means the same clip on every device; or one per clip, so
            that a clip does not depend on the others of its batch.
        steps: network evaluations, see `Schedule.respace`.
        sampler: a name of `SAMPLERS`; with "_quad" after it the steps are closer to each other towards clean data.
        guidance_scale: 1 is off; above 1 the given cells weigh more, at a second pass in the noisier steps.
        schedule: the training schedule; by default that of the model's config.
        callback: called after every step; what it raises ends the sampling.

    Raises:
        ValueError: for an unknown sampler, impossible steps, or shapes that do not fit; or if values stop being finite.
    """
    mask = _checked_mask(given, mask)
    schedule = Schedule.from_config(model.config.diffusion) if schedule is None else schedule
    run, schedule = _plan(schedule, steps, sampler)
    if not mask.any():
        return given.clone()

    def noise(step: int = 0) -> Tensor:
        return draw_noise(given.shape, generator).to(given.device)

    x = noise()
    denoise = MaskedDenoiser(
        model, schedule, given.float(), mask, guidance_scale, noise() if guidance_scale != 1 else None
    )
    x = run(denoise, x, schedule, noise=noise, callback=callback)
    return torch.where(mask.unsqueeze(2), x.to(given.dtype), given)


def count_passes(config: DiffusionConfig, steps: int | str, sampler: str, guidance_scale: float = 1.0) -> int:
    """How often a clip goes through the network: once a step, and twice where guidance acts."""
    _, schedule = _plan(Schedule.from_config(config), steps, sampler)
    guided = sum(guides(schedule, index) for index in range(schedule.num_steps)) if guidance_scale != 1 else 0
    return schedule.num_steps + guided


def _plan(schedule: Schedule, steps: int | str, sampler: str) -> tuple[Sampler, Schedule]:
    """The sampler of that name and the chain of its steps."""
    run, quadratic = find_sampler(sampler)
    return run, schedule.respace(f"quad{steps}" if quadratic else steps)


def derived_seed(seed: int, number: int) -> int:
    """A seed of its own for one of many clips or windows, 0 to 2**64 - 1."""
    return int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0])


def draw_noise(shape: torch.Size, generator: torch.Generator | Sequence[torch.Generator]) -> Tensor:
    """Standard normal float32 of shape (B, ...) on the CPU, from one generator or from one for each of the B clips."""
    if isinstance(generator, torch.Generator):
        return torch.randn(shape, generator=generator, dtype=torch.float32)
    if len(generator) != shape[0]:
        raise ValueError(f"got {len(generator)} generators for {shape[0]} clips: pass one, or one per clip")
    return torch.stack([torch.randn(shape[1:], generator=each, dtype=torch.float32) for each in generator])


def _checked_mask(given: Tensor, mask: Tensor) -> Tensor:
    """The mask expanded to (B,T,h,w) on the device of `given`, after checking that the two fit."""
    if given.ndim != 5:
        raise ValueError(f"given latents must have shape (B, T, C, h, w), got {tuple(given.shape)}")
    batch, frames, _, height, width = given.shape
    expected = (batch, frames, height, width)
    if mask.dtype != torch.bool:
        raise ValueError(f"the mask must be bool with True = generate, got {mask.dtype}")
    if mask.ndim != 4 or mask.shape[0] not in (1, batch) or mask.shape[1:] != expected[1:]:
        raise ValueError(f"the mask must have shape {expected} to fit the given latents, got {tuple(mask.shape)}")
    mask = mask.to(given.device).expand(expected)
    if not bool((torch.isfinite(given) | mask.unsqueeze(2)).all()):
        raise ValueError(f"the given latents hold non-finite values in {given.dtype}: encode the video in float32")
    return mask
