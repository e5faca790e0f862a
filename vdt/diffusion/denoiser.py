"""From a network to what samplers see: its output as x0, noise and variance, with what is given pasted in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from ..models.conditioning import Conditioning
from .given import Given
from .schedule import Schedule

Model = Callable[[Tensor, Tensor, Conditioning], Tensor]  # x (B,T,C,h,w), t (B,), conditioning -> (B,T,C or 2C,h,w)


@dataclass(frozen=True, kw_only=True, eq=False)
class DenoiserOutput:
    """What a denoiser says about a noisy x: its clean version, its noise, the variance of the next ancestral step."""

    x0: Tensor
    epsilon: Tensor
    log_variance: Tensor | None = None


class Denoiser(Protocol):
    """All that a sampler knows: what x is at a step of its schedule."""

    def __call__(self, x: Tensor, index: int) -> DenoiserOutput:
        """What x (B, T, C, h, w) is at a step."""
        ...


def read_output(output: Tensor, x: Tensor, index: int | Tensor, schedule: Schedule) -> DenoiserOutput:
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
        return DenoiserOutput(x0=x0, epsilon=epsilon)
    c = schedule.at(index, x)
    log_variance = torch.lerp(c.posterior_log_variance.expand_as(x), c.log_beta.expand_as(x), (variance + 1) / 2)
    return DenoiserOutput(x0=x0, epsilon=epsilon, log_variance=log_variance)


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


class GivenDenoiser:
    """A network that is given a part of each clip; its x0 and noise agree with that part.

    Args:
        model: called as model(x (B,T,C,h,w), t (B,), conditioning).
        schedule: the chain being sampled; its indices are this denoiser's.
        given: what is given of the clips.
    """

    def __init__(self, model: Model, schedule: Schedule, given: Given) -> None:
        self.model = model
        self.schedule = schedule
        self.given = given
        self.dtype = _parameter_dtype(model)

    def __call__(self, x: Tensor, index: int) -> DenoiserOutput:
        """What x (B, T, C, h, w) is at a step."""
        made = read_output(self.value(x, index), x, index, self.schedule)
        x0 = self.given.paste(made.x0)
        exact = self.schedule.epsilon_from_x0(x, index, x0)
        epsilon = torch.where(self.given.mask.unsqueeze(2), made.epsilon, exact)
        return DenoiserOutput(x0=x0, epsilon=epsilon, log_variance=made.log_variance)

    def value(self, x: Tensor, index: int) -> Tensor:
        """The network's own output (B, T, C or 2C, h, w)."""
        (output,) = self.run(x, index, self.given)
        return output

    def run(self, x: Tensor, index: int, *passes: Given) -> tuple[Tensor, ...]:
        """One output for each of these passes, computed as one batch; ValueError where a value is not finite."""
        inputs, conditionings = zip(*(given.inputs(x, index) for given in passes), strict=True)
        together = inputs[0] if len(passes) == 1 else torch.cat(inputs)
        t = self.schedule.timesteps[index].to(x.device).expand(len(together))
        output = self.model(together.to(self.dtype or x.dtype), t, Conditioning.cat(conditionings))
        read = torch.cat([conditioning.mask_or_all(x) for conditioning in conditionings])
        if not bool((torch.isfinite(output) | ~read.unsqueeze(2)).all()):
            raise ValueError(
                f"the model returned non-finite values at step {self.schedule.num_steps - index} of "
                f"{self.schedule.num_steps} (timestep {int(t[0])}) in {output.dtype}: run it in float32 or bfloat16, "
                f"and check that the weights and the given latents are finite"
            )
        return output.to(x.dtype).chunk(len(passes))


def _parameter_dtype(model: Model) -> torch.dtype | None:
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    return next((p.dtype for p in parameters if p.is_floating_point()), None)
