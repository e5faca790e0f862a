"""Training loss for masked video diffusion: per-sample masks, normalised by the cells that are generated."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from .denoiser import DenoiserOutput, Model, read_output, split_output
from .given import Given
from .schedule import Schedule

Density = Literal["uniform", "logit_normal"]
PIXEL_STEP = 2 / 255  # the bin of the discretised decoder: one 8-bit level in [-1, 1]


@dataclass(frozen=True, kw_only=True, eq=False)
class LossTerms:
    """One value per sample, (B,): what to minimise, the squared error, the variational bound in bits per dimension.

    `read` reads the network's output, for whoever asks.
    """

    total: Tensor
    mse: Tensor
    vb: Tensor
    read: Callable[[], DenoiserOutput]

    @property
    def x0(self) -> Tensor:
        """What the model takes the clean clip for, (B, T, C, h, w); its values at given cells mean nothing."""
        return self.read().x0


def masked_hybrid_loss(
    model: Model,
    x0: Tensor,
    given: Given,
    t: Tensor,
    noise: Tensor,
    schedule: Schedule,
    *,
    min_snr_gamma: float | None = None,
    vb_weight: float = 1e-3,
) -> LossTerms:
    """Hybrid loss of IDDPM (arXiv 2102.09672, equation 16) over generated cells only.

    Both terms are means over generated cells, so every task weighs the same; nothing depends on the model's output
    at given cells, and a sample with nothing to generate costs 0. The bound trains the variance alone.

    Args:
        model: called as model(x (B,T,C,h,w), t (B,), conditioning).
        x0: clean scaled latents (B,T,C,h,w).
        given: what the model is given of them; its mask says which cells are scored.
        t: (B,) steps of `schedule`, or one for each frame (B,T); a CPU tensor avoids a wait for the device.
        noise: (B,T,C,h,w).
        min_snr_gamma: caps the weight of nearly clean steps (arXiv 2303.09556); 5 is usual, None is off; for t (B,).
        vb_weight: λ of the bound over the whole chain; 0 is off.
    """
    mask = given.mask
    x_t = schedule.q_sample(x0, t, noise)
    inputs, conditioning = given.inputs(x_t, t)
    timesteps = schedule.timesteps_at(t).to(x0.device)
    output = model(inputs, timesteps, conditioning).to(x0.dtype)
    output = torch.where(mask.unsqueeze(2), output, 0)  # before any arithmetic: even an infinity there has no gradient
    value, variance = split_output(output, x0.shape[2])
    target = schedule.v_from_x0(x0, t, noise) if schedule.prediction == "v" else noise
    mse = masked_mean((value - target) ** 2, mask)
    total = mse if min_snr_gamma is None else mse * min_snr_weight(schedule, t, min_snr_gamma).to(mse)
    read = partial(read_output, output, x_t, t, schedule)
    if variance is None or vb_weight == 0:
        return LossTerms(total=total, mse=mse, vb=torch.zeros_like(mse), read=read)
    vb = masked_mean(vb_bits(frozen_mean(output, x_t, t, schedule), x0, x_t, t, schedule), mask)
    return LossTerms(total=total + vb_weight * schedule.num_steps * vb, mse=mse, vb=vb, read=read)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of (B,T,C,h,w) over the generated cells of each sample, (B,); 0 where there are none."""
    total = torch.where(mask.unsqueeze(2), values, 0).flatten(1).sum(1)
    return total / (mask.flatten(1).sum(1) * values.shape[2]).clamp(min=1)


def min_snr_weight(schedule: Schedule, t: Tensor, gamma: float) -> Tensor:
    """min(SNR, γ) as a weight on the error of x0, expressed for the schedule's own target, (B,) float64."""
    alpha_bar = schedule.alphas_cumprod[t.cpu()]
    snr = alpha_bar / (1 - alpha_bar)
    if schedule.prediction == "v":
        return snr.clamp(max=gamma) / (snr + 1)
    return (gamma / snr).clamp(max=1)


def stratified_timesteps(
    batch: int, num_timesteps: int, generator: torch.Generator, *, density: Density = "uniform"
) -> Tensor:
    """Steps (B,) int64 of a density over the chain, together one from each of B parts that are equally probable.

    "logit_normal" prefers the middle: the logit of a step's place is a standard normal number (arXiv 2403.03206).
    """
    parts = torch.randperm(batch, generator=generator)  # a sample's place in the batch must not choose its part
    offsets = torch.rand(batch, generator=generator, dtype=torch.float64)
    steps = (parts + offsets) * num_timesteps / batch
    if density == "logit_normal":
        steps = torch.special.ndtri(steps / num_timesteps).sigmoid() * num_timesteps
    return steps.long().clamp(max=num_timesteps - 1)


def by_frame(t: Tensor, num_frames: int, share: float, num_timesteps: int, generator: torch.Generator) -> Tensor:
    """Steps (B,) as (B, T): a share of samples gets a uniform step for each frame (arXiv 2407.01392)."""
    own = torch.randint(num_timesteps, (len(t), num_frames), generator=generator)
    chosen = torch.rand((len(t), 1), generator=generator) < share
    return torch.where(chosen, own, t[:, None])


def frozen_mean(output: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> DenoiserOutput:
    """The prediction whose mean gets no gradient, so that the bound trains the variance only."""
    value, variance = split_output(output, x_t.shape[2])
    assert variance is not None, "the bound needs a learned variance"
    return read_output(torch.cat([value.detach(), variance], dim=2), x_t, t, schedule)


def vb_bits(prediction: DenoiserOutput, x0: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """Elementwise term of the variational bound in bits, (B,T,C,h,w): a KL, or at t = 0 the decoder's likelihood."""
    assert prediction.log_variance is not None, "the bound needs a learned variance"
    c = schedule.at(t, x_t)
    mean = c.posterior_x0 * prediction.x0 + c.posterior_x * x_t
    true_mean = c.posterior_x0 * x0 + c.posterior_x * x_t
    kl = _normal_kl(true_mean, c.posterior_log_variance, mean, prediction.log_variance)
    likelihood = _discretised_log_likelihood(x0, mean, prediction.log_variance / 2)
    first = (t == 0).to(x_t.device).reshape(*t.shape, *[1] * (x_t.ndim - t.ndim))
    return torch.where(first, -likelihood, kl) / math.log(2)


def _normal_kl(mean1: Tensor, log_variance1: Tensor, mean2: Tensor, log_variance2: Tensor) -> Tensor:
    """KL(N1 || N2) of scalars, in nats."""
    log_ratio = log_variance1 - log_variance2
    return 0.5 * (log_ratio.exp() - 1 - log_ratio + (mean1 - mean2) ** 2 * torch.exp(-log_variance2))


def _discretised_log_likelihood(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Log of the normal mass in the 8-bit bin around x, outermost bins open (DDPM, arXiv 2006.11239, equation 13)."""
    inverse = torch.exp(-log_scale)
    upper = _normal_cdf((x - mean + PIXEL_STEP / 2) * inverse)
    lower = _normal_cdf((x - mean - PIXEL_STEP / 2) * inverse)
    mass = torch.where(x < -0.999, upper, torch.where(x > 0.999, 1 - lower, upper - lower))
    return mass.clamp(min=1e-12).log()


def _normal_cdf(x: Tensor) -> Tensor:
    """Page's tanh approximation, which the official loss uses too."""
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
