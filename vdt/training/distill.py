"""Few-step distillation: a student learns to do in one step what its teacher does in several guided ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..diffusion import Denoiser, MaskedDenoiser, Schedule, to_prediction
from ..diffusion.loss import masked_mean
from ..model import VDT
from .tasks import Loss, VDTTask


class DistillTask(VDTTask):
    """Guided progressive distillation (arXiv 2202.00512, algorithm 2; guidance as in arXiv 2210.03142).

    The student's steps are quadratic ones, and so are the teacher's, `substeps` of which lead from each to the next:
    both end points are the same. The student needs no guidance: it learns what the guided teacher does.
    """

    def __init__(self, module: VDT, teacher: VDT, *parts: Any) -> None:
        super().__init__(module, *parts)
        self.teacher = teacher.eval().requires_grad_(False)
        distill = self.recipe.distill
        self.substeps, self.guidance = distill.substeps, distill.guidance
        self.fine = self.schedule.respace(f"quad{distill.steps * distill.substeps}")
        self.shown_as = {"steps": distill.steps, "sampler": "ddim_quad"}

    def loss(self, batch: int, generator: torch.Generator, device: torch.device) -> Loss:
        x0, mask = (value.to(device) for value in self._drawn(batch, generator))
        noise, guidance_noise = (torch.randn(x0.shape, generator=generator).to(device) for _ in range(2))
        step = 1 + int(torch.randint(self.recipe.distill.steps, (), generator=generator))
        start = step * self.substeps - 1
        stop = start - self.substeps  # -1 is clean data
        denoise = MaskedDenoiser(self.teacher, self.fine, x0, mask, self.guidance, guidance_noise)
        x = denoise.keep(self.fine.q_sample(x0, start, noise))
        target = taught_x0(denoise, x, self.fine, start, stop)
        t = self.fine.timesteps[start].to(device).expand(batch)
        answer = to_prediction(self.module(x, t, mask=mask).to(x.dtype), x, start, self.fine)
        # In v, whose scale is the same at every step: an error of x0 counts by 1/noise, as v reads it.
        error = (answer.x0 - target) / self.fine.at(start, x).noise
        mse = masked_mean(error**2, mask)
        return Loss(total=mse.mean(), scalars={"mse": mse.mean(), f"mse_step{step}": mse.mean()})


@torch.no_grad()
def taught_x0(denoise: Denoiser, x: Tensor, schedule: Schedule, start: int, stop: int) -> Tensor:
    """The x0 with which one DDIM step from index `start` ends where DDIM steps down to `stop` do; -1 is clean data."""
    end = x
    for index in range(start, stop, -1):
        c = schedule.at(index, x)
        prediction = denoise(end, index)
        end = denoise.keep(c.signal_prev * prediction.x0 + c.noise_prev * prediction.epsilon)
    first, last = schedule.at(start, x), schedule.at(stop + 1, x)
    ratio = last.noise_prev / first.noise
    return (end - ratio * x) / (last.signal_prev - ratio * first.signal)
