"""The official VDT diffusion, kept exact for comparison: its loss and its ancestral sampling, in our layout."""

from __future__ import annotations

import torch
from torch import Tensor

from .denoiser import MaskedDenoiser, Model, split_output
from .loss import LossTerms, frozen_mean, vb_bits
from .samplers import NoiseSource, StepCallback, sample_ancestral
from .schedule import Schedule


class OfficialDenoiser(MaskedDenoiser):
    """Leaves the state alone at given cells, where it drifts; nothing reads it there, the model sees clean latents."""

    def keep(self, x: Tensor) -> Tensor:
        return x


def official_loss(model: Model, x0: Tensor, mask: Tensor, t: Tensor, noise: Tensor, schedule: Schedule) -> LossTerms:
    """Loss terms as the released code computes them; arguments as in `corrected_loss`.

    The error is masked but divided by all cells, so that predicting half a clip weighs half; the bound is not masked,
    so that its variance is also trained at given cells, where the mean is never trained.
    """
    cells = mask.unsqueeze(2)  # (B, T, 1, h, w)
    x_t = schedule.q_sample(x0, t, noise)
    timesteps = schedule.timesteps.to(t.device)[t].to(x0.device)
    output = model(torch.where(cells, x_t, x0), timesteps, mask=mask).to(x0.dtype)
    value, _ = split_output(output, x0.shape[2])
    mse = ((noise - value) * cells).square().flatten(1).mean(1)
    vb = vb_bits(frozen_mean(output, x_t, t, schedule), x0, x_t, t, schedule).flatten(1).mean(1)
    return LossTerms(total=mse + vb, mse=mse, vb=vb)


def official_sample(
    model: Model,
    given: Tensor,
    mask: Tensor,
    x: Tensor,
    schedule: Schedule,
    *,
    noise: NoiseSource,
    callback: StepCallback | None = None,
) -> Tensor:
    """Masked ancestral sampling as released: the whole final state, whose given cells the caller has to put back.

    Args:
        given: clean scaled latents (B,T,C,h,w).
        mask: bool (B,T,h,w), True = generate.
        x: initial noise (B,T,C,h,w).
        schedule: the respaced chain.
        noise: called with the step number, 0 for the first one taken.
    """
    return sample_ancestral(OfficialDenoiser(model, schedule, given, mask), x, schedule, noise=noise, callback=callback)
