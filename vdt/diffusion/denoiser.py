"""The seam between a network and the samplers: whatever it predicts becomes x0, eps and a variance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from .schedule import Schedule

GUIDED_BELOW = 0.2  # signal power up to which guidance acts: as good as on every step (measured, see LOG.md)
Model = Callable[..., Tensor]  # model(x (B,T,C,h,w), t (B,), mask=(B,T,h,w) bool) -> (B,T,C or 2C,h,w)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """What a denoiser says about a noisy x: its clean version, its noise, the variance of the next ancestral step."""

    x0: Tensor
    epsilon: Tensor
    log_variance: Tensor | None = None


class Denoiser(Protocol):
    """All a sampler knows: predictions at a step of its schedule, and what of the state is not its to change."""

    def __call__(self, x: Tensor, index: int) -> Prediction: ...

    def keep(self, x: Tensor) -> Tensor: ...


def to_prediction(output: Tensor, x: Tensor, index: int | Tensor, schedule: Schedule) -> Prediction:
    """Read a network's output (B,T,C or 2C,h,w) for x (B,T,C,h,w) in the parameterisation of its schedule.

    The second C channels v, if there, choose the log variance between that of the posterior (v = -1) and that of
    beta (v = 1) (IDDPM, arXiv 2102.09672, equation 15).
    """
    value, variance = split_output(output, x.shape[2])
    if schedule.prediction == "v":
        x0, epsilon = schedule.x0_from_v(x, index, value), schedule.epsilon_from_v(x, index, value)
    else:
        x0, epsilon = schedule.x0_from_epsilon(x, index, value), value
    if variance is None:
        return Prediction(x0=x0, epsilon=epsilon)
    c = schedule.at(index, x)
    log_variance = torch.lerp(c.posterior_log_variance.expand_as(x), c.log_beta.expand_as(x), (variance + 1) / 2)
    return Prediction(x0=x0, epsilon=epsilon, log_variance=log_variance)


def split_output(output: Tensor, channels: int) -> tuple[Tensor, Tensor | None]:
    """The predicted value and, for a learned variance, its raw channels (else None), each (B,T,C,h,w)."""
    if output.shape[2] == channels:
        return output, None
    if output.shape[2] != 2 * channels:
        raise ValueError(
            f"the model returned {output.shape[2]} channels for latents of {channels}, "
            f"expected {channels} or {2 * channels}: the latents belong to another model"
        )
    value, variance = output.chunk(2, dim=2)
    return value, variance


class MaskedDenoiser:
    """A network that sees clean latents at given cells and the noisy state at the cells to generate.

    With `guidance_scale` g other than 1 the prediction is u + g (c - u), where u comes from a pass that is given
    nothing: its given cells are noised to the current step (history guidance, arXiv 2502.06764). The variance is c's.
    It acts while noise outweighs the signal two to one, where things find their place (arXiv 2404.07724).

    Args:
        model: called as model(x (B,T,C,h,w), t (B,), mask=(B,T,h,w)).
        schedule: the chain being sampled; its indices are this denoiser's.
        given: clean scaled latents (B,T,C,h,w); any value at the cells to generate.
        mask: bool (B,T,h,w), True = generate.
        guidance_noise: (B,T,C,h,w), needed for guidance; one draw for all steps.
    """

    def __init__(
        self,
        model: Model,
        schedule: Schedule,
        given: Tensor,
        mask: Tensor,
        guidance_scale: float = 1.0,
        guidance_noise: Tensor | None = None,
    ) -> None:
        if guidance_scale != 1 and guidance_noise is None:
            raise ValueError(f"guidance_scale {guidance_scale} needs guidance_noise of shape {tuple(given.shape)}")
        self.model = model
        self.schedule = schedule
        self.given = given
        self.mask = mask
        self.cells = mask.unsqueeze(2)  # (B, T, 1, h, w)
        self.guidance_scale = 1.0 if bool(mask.all()) else guidance_scale  # with nothing given both passes are one
        self.guidance_noise = guidance_noise
        self.dtype = _parameter_dtype(model, default=given.dtype)

    def __call__(self, x: Tensor, index: int) -> Prediction:
        masked = torch.where(self.cells, x, self.given)
        guided = self.guidance_scale != 1 and guides(self.schedule, index)
        output = self._guided(x, masked, index) if guided else self._run(masked, self.mask, index)
        return to_prediction(output, x, index, self.schedule)

    def keep(self, x: Tensor) -> Tensor:
        """The state with its given cells put back."""
        return torch.where(self.cells, x, self.given)

    def _guided(self, x: Tensor, masked: Tensor, index: int) -> Tensor:
        assert self.guidance_noise is not None
        noised = torch.where(self.cells, x, self.schedule.q_sample(self.given, index, self.guidance_noise))
        both = torch.cat([masked, noised])  # (2B, T, C, h, w)
        conditional, unconditional = self._run(both, torch.cat([self.mask, torch.ones_like(self.mask)]), index).chunk(2)
        # eps and v are both affine in x0 for a fixed x, so guiding either is guiding x0.
        value, variance = split_output(conditional, x.shape[2])
        null, _ = split_output(unconditional, x.shape[2])
        value = null + self.guidance_scale * (value - null)
        return value if variance is None else torch.cat([value, variance], dim=2)

    def _run(self, x: Tensor, mask: Tensor, index: int) -> Tensor:
        t = self.schedule.timesteps[index].to(x.device).expand(len(x))
        output = self.model(x.to(self.dtype), t, mask=mask)
        if not bool((torch.isfinite(output) | ~mask.unsqueeze(2)).all()):
            raise ValueError(
                f"the model returned non-finite values at step {self.schedule.num_steps - index} of "
                f"{self.schedule.num_steps} (timestep {int(t[0])}) in {output.dtype}: run it in float32 or bfloat16, "
                f"and check that the weights and the given latents are finite"
            )
        return output.to(x.dtype)


def guides(schedule: Schedule, index: int) -> bool:
    """Whether guidance takes its second pass at this step."""
    return bool(schedule.alphas_cumprod[index] < GUIDED_BELOW)


def _parameter_dtype(model: Model, default: torch.dtype) -> torch.dtype:
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    return next((p.dtype for p in parameters if p.is_floating_point()), default)
