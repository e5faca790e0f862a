"""Samplers as small functions over a denoiser: they know its schedule, but no network, no mask and no guidance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from .denoiser import Denoiser
from .schedule import Schedule, ScheduleCoeffs


@dataclass(frozen=True, kw_only=True, eq=False)
class StepInfo:
    """Progress after one step, counted from 1: the timestep just left and the clean video expected there."""

    step: int
    num_steps: int
    timestep: int
    x0: Tensor


NoiseSource = Callable[[int], Tensor]  # step number from 0 -> standard normal noise of the state's shape
StepCallback = Callable[[StepInfo], None]


def counted_within(callback: StepCallback, before: int, total: int) -> StepCallback:
    """A callback whose steps are those of a longer run: `before` were made before this part, `total` are to make."""

    def report(info: StepInfo) -> None:
        callback(replace(info, step=before + info.step, num_steps=total))

    return report


class Sampler(Protocol):
    """x (B,T,C,h,w) pure noise -> a sample, over all steps of `schedule`, which is the denoiser's own."""

    def __call__(
        self,
        denoise: Denoiser,
        x: Tensor,
        schedule: Schedule,
        *,
        noise: NoiseSource | None = None,
        callback: StepCallback | None = None,
    ) -> Tensor:
        """Sample all steps."""
        ...


def sample_ancestral(
    denoise: Denoiser,
    x: Tensor,
    schedule: Schedule,
    *,
    noise: NoiseSource | None = None,
    callback: StepCallback | None = None,
) -> Tensor:
    """DDPM, algorithm 2 of Ho et al. (arXiv 2006.11239), with the learned variance where there is one."""
    noise = _required(noise, "ancestral")
    for step, index in _steps(schedule):
        c = schedule.at(index, x)
        prediction = denoise(x, index)
        x = c.posterior_x0 * prediction.x0 + c.posterior_x * x
        if index > 0:
            log_variance = prediction.log_variance
            log_variance = c.posterior_log_variance if log_variance is None else log_variance
            x = x + torch.exp(0.5 * log_variance) * noise(step)
        _report(callback, schedule, step, prediction.x0)
    return x


def sample_ddim(
    denoise: Denoiser,
    x: Tensor,
    schedule: Schedule,
    *,
    noise: NoiseSource | None = None,
    callback: StepCallback | None = None,
    eta: float = 0.0,
) -> Tensor:
    """DDIM, equations 12 and 16 of Song et al. (arXiv 2010.02502): eta 0 is deterministic, 1 is DDPM-like."""
    noise = _required(noise, "ddim with eta") if eta else noise
    for step, index in _steps(schedule):
        c = schedule.at(index, x)
        prediction = denoise(x, index)
        sigma = eta * c.noise_prev / c.noise * torch.sqrt(1 - c.alpha_bar / c.alpha_bar_prev)
        direction = torch.sqrt((c.noise_prev**2 - sigma**2).clamp(min=0))
        x = c.signal_prev * prediction.x0 + direction * prediction.epsilon
        if noise is not None and eta and index > 0:
            x = x + sigma * noise(step)
        _report(callback, schedule, step, prediction.x0)
    return x


def sample_dpmpp_2m(
    denoise: Denoiser,
    x: Tensor,
    schedule: Schedule,
    *,
    noise: NoiseSource | None = None,
    callback: StepCallback | None = None,
) -> Tensor:
    """DPM-Solver++(2M), algorithm 2 of Lu et al. (arXiv 2211.01095); first and last step of first order.

    Unlike the paper's, our steps can grow fast in λ near clean data; the extrapolation then reaches no further than
    for equal steps, without which it overshoots (measured on Gaussian data: 20 steps were worse than DDIM's).
    """
    last_x0: Tensor | None = None
    last_h = torch.zeros(())
    for step, index in _steps(schedule):
        c = schedule.at(index, x)
        x0 = denoise(x, index).x0
        h = c.half_log_snr_prev - c.half_log_snr  # infinite from pure noise and to clean data
        extrapolated = x0 if last_x0 is None or index == 0 else _extrapolated(x0, last_x0, h, last_h)
        x = _first_order(c, x, extrapolated, h)
        last_x0, last_h = x0, h
        _report(callback, schedule, step, x0)
    return x


def sample_unipc(
    denoise: Denoiser,
    x: Tensor,
    schedule: Schedule,
    *,
    noise: NoiseSource | None = None,
    callback: StepCallback | None = None,
) -> Tensor:
    """UniPC of order 2, algorithms 1 and 2 of Zhao et al. (arXiv 2302.04867) with B(h) = e^h - 1.

    Steps as DPM-Solver++(2M) does; what the network says at the end of a step also corrects that step.
    """
    origin, before_x0, last_x0 = x, x, x
    before_h = last_h = torch.full((), torch.inf)  # no step of known size yet
    last = schedule.at(schedule.num_steps - 1, x)
    for step, index in _steps(schedule):
        c = schedule.at(index, x)
        x0 = denoise(x, index).x0
        if bool(torch.isfinite(last_h)):
            slope = (last_x0 - before_x0) / before_h
            added = c.signal * _correction(last_x0, x0, last_h, slope, before_h)
            x = _first_order(last, origin, last_x0, last_h) - added
        h = c.half_log_snr_prev - c.half_log_snr  # infinite from pure noise and to clean data
        extrapolated = x0 if step == 0 or index == 0 else _extrapolated(x0, last_x0, h, last_h)
        origin, last = x, c
        x = _first_order(c, x, extrapolated, h)
        before_x0, last_x0, before_h, last_h = last_x0, x0, last_h, h
        _report(callback, schedule, step, x0)
    return x


def _first_order(c: ScheduleCoeffs, x: Tensor, x0: Tensor, h: Tensor) -> Tensor:
    """x after a step of size h in λ along which x0 stays as it is (arXiv 2211.01095, equation 9)."""
    return c.noise_prev / c.noise * x - c.signal_prev * torch.expm1(-h) * x0


def _extrapolated(x0: Tensor, last_x0: Tensor, h: Tensor, last_h: Tensor) -> Tensor:
    """x0 in the middle of a step of size h in λ, from its last two values; no further than for equal steps."""
    return x0 + (h / (2 * last_h)).clamp(max=0.5) * (x0 - last_x0)


def _correction(start: Tensor, end: Tensor, h: Tensor, slope: Tensor, before_h: Tensor) -> Tensor:
    """What the x0 at both ends of a step of size h in λ add to its first order; slope is that of the step before.

    The parabola through the three values under the integral's weight e^λ (equations 6 to 9 of the paper).
    """
    weight = torch.expm1(-h)
    first = (weight / -h - 1) / weight
    second = 2 * ((weight / -h - 1) / -h - 0.5) / weight
    share = (second - first) / (-before_h / h - 1)
    return weight * (share * h * slope + (first - share) * (end - start))


SAMPLERS: dict[str, Sampler] = {
    "ancestral": sample_ancestral,
    "ddim": sample_ddim,
    "dpmpp_2m": sample_dpmpp_2m,
    "unipc": sample_unipc,
}


def _steps(schedule: Schedule) -> Iterator[tuple[int, int]]:
    """(step number from 0, index from the noisiest down to 0)."""
    return enumerate(range(schedule.num_steps - 1, -1, -1))


def _required(noise: NoiseSource | None, sampler: str) -> NoiseSource:
    if noise is None:
        raise ValueError(f"the sampler {sampler} adds noise at every step: pass noise=, a callable of the step number")
    return noise


def _report(callback: StepCallback | None, schedule: Schedule, step: int, x0: Tensor) -> None:
    if callback is not None:
        timestep = int(schedule.timesteps[schedule.num_steps - 1 - step])
        callback(StepInfo(step=step + 1, num_steps=schedule.num_steps, timestep=timestep, x0=x0))
