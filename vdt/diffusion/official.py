"""The official VDT diffusion, kept exact for comparison: its loss and its ancestral sampling, in our layout."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from torch import Tensor

from ..models.conditioning import Conditioning
from .denoiser import GivenDenoiser, Model, read_output, split_output
from .given import Given, GivenCells
from .loss import LossTerms, frozen_mean, vb_bits
from .samplers import NoiseSource, StepCallback, sample_ancestral
from .schedule import Schedule


@dataclass(frozen=True, eq=False)
class ReleasedCells(GivenCells):
    """Leaves the state alone at given cells, where it drifts; nothing reads it there, the model sees clean latents."""

    def inputs(self, x: Tensor, index: int | Tensor) -> tuple[Tensor, Conditioning]:
        """The noisy state with the clean latents at given cells, and the mask."""
        return super().paste(x), Conditioning(mask=self.mask)

    def paste(self, x0: Tensor) -> Tensor:
        """The clean clips as they are."""
        return x0


def official_loss(model: Model, x0: Tensor, given: Given, t: Tensor, noise: Tensor, schedule: Schedule) -> LossTerms:
    """Loss terms as the released code computes them; arguments as in `masked_hybrid_loss`.

    The error is masked but divided by all cells, so that predicting half a clip weighs half; the bound is not masked,
    so that its variance is also trained at given cells, where the mean is never trained.
    """
    x_t = schedule.q_sample(x0, t, noise)
    inputs, conditioning = given.inputs(x_t, t)
    timesteps = schedule.timesteps_at(t).to(x0.device)
    output = model(inputs, timesteps, conditioning).to(x0.dtype)
    value, _ = split_output(output, x0.shape[2])
    mse = ((noise - value) * given.mask.unsqueeze(2)).square().flatten(1).mean(1)
    vb = vb_bits(frozen_mean(output, x_t, t, schedule), x0, x_t, t, schedule).flatten(1).mean(1)
    return LossTerms(total=mse + vb, mse=mse, vb=vb, read=partial(read_output, output, x_t, t, schedule))


def official_sample(
    model: Model,
    clean: Tensor,
    mask: Tensor,
    x: Tensor,
    schedule: Schedule,
    *,
    noise: NoiseSource,
    callback: StepCallback | None = None,
) -> Tensor:
    """Masked ancestral sampling as released: the whole final state, whose given cells the caller has to put back.

    Args:
        model: called as model(x (B,T,C,h,w), t (B,), conditioning).
        clean: clean scaled latents (B,T,C,h,w).
        mask: bool (B,T,h,w), True = generate.
        x: initial noise (B,T,C,h,w).
        schedule: the respaced chain.
        noise: called with the step number, 0 for the first one taken.
    """
    denoise = GivenDenoiser(model, schedule, ReleasedCells(clean, mask))
    return sample_ancestral(denoise, x, schedule, noise=noise, callback=callback)
