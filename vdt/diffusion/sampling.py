"""The one call that generates: given latents and a mask in, the completed latents out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..text import Text
from .given import make_given
from .guidance import GuidedDenoiser
from .samplers import SAMPLERS, StepCallback
from .schedule import Schedule
from .settings import SamplingConfig


@torch.no_grad()
def sample_latents(
    model: Any,
    clean: Tensor,
    mask: Tensor,
    *,
    generator: torch.Generator | Sequence[torch.Generator],
    sampling: SamplingConfig | None = None,
    text: Text | None = None,
    schedule: Schedule | None = None,
    callback: StepCallback | None = None,
) -> Tensor:
    """Generate the masked cells of latent clips; the given cells come back bit for bit.

    Args:
        model: a VDT, or any callable model(x, t, conditioning) if `schedule` is passed.
        clean: scaled latents (B,T,C,h,w), on the model's device; any value where the mask is True.
        mask: bool (B,T,h,w) or (1,T,h,w), True = generate.
        generator: CPU generator of all noise, so that a seed means the same noise on every device; or one per clip, so
            that a clip does not depend on the others of its batch.
        sampling: None is `SamplingConfig()`, the measured defaults.
        text: for models that read one; see `Text`.
        schedule: the training schedule; by default that of the model's config.
        callback: called after every step; what it raises ends the sampling.

    Raises:
        ValueError: for impossible steps or shapes that do not fit; or if values stop being finite.
    """
    sampling = sampling or SamplingConfig()
    mask = _checked_mask(clean, mask)
    config = getattr(model, "config", None)
    chain = sampling.respaced(Schedule.from_config(model.config.diffusion) if schedule is None else schedule)
    if not mask.any():
        return clean.clone()

    def noise() -> Tensor:
        return draw_noise(clean.shape, generator).to(clean.device)

    scale = sampling.noise_scale(chain)
    x = scale * noise()
    given = make_given(() if config is None else config.conditioning, clean.float(), mask, text)
    denoise = GuidedDenoiser(model, chain, given, sampling, noise() if sampling.is_guided else None)
    x = SAMPLERS[sampling.sampler](denoise, x, chain, noise=lambda _: scale * noise(), callback=callback)
    return torch.where(mask.unsqueeze(2), x.to(clean.dtype), clean)


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


def _checked_mask(clean: Tensor, mask: Tensor) -> Tensor:
    """The mask expanded to (B,T,h,w) on the device of `clean`, after checking that the two fit."""
    if clean.ndim != 5:
        raise ValueError(f"given latents must have shape (B, T, C, h, w), got {tuple(clean.shape)}")
    batch, frames, _, height, width = clean.shape
    expected = (batch, frames, height, width)
    if mask.dtype != torch.bool:
        raise ValueError(f"the mask must be bool with True = generate, got {mask.dtype}")
    if mask.ndim != 4 or mask.shape[0] not in (1, batch) or mask.shape[1:] != expected[1:]:
        raise ValueError(f"the mask must have shape {expected} to fit the given latents, got {tuple(mask.shape)}")
    mask = mask.to(clean.device).expand(expected)
    if not bool((torch.isfinite(clean) | mask.unsqueeze(2)).all()):
        raise ValueError(f"the given latents hold non-finite values in {clean.dtype}: encode the video in float32")
    return mask
