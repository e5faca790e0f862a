"""Few-step distillation: a student learns to do in one step what its teacher does in several guided ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from ..diffusion import (
    Denoiser,
    GivenDenoiser,
    GuidedDenoiser,
    SamplingConfig,
    Schedule,
    read_output,
)
from ..diffusion.given import Given
from ..diffusion.loss import masked_mean
from ..models.transformer import VDT
from .data.batches import Batch, draw_noise
from .objectives import LatentClips, Loss, VDTObjective, VDTSamples
from .recipe import VDTRecipe


@dataclass(frozen=True, kw_only=True, eq=False)
class DistillSamples(VDTSamples):
    """What the teacher sees too: the noise of its guidance, and the student's step, from 1."""

    guidance_noise: Tensor
    step: int


class DistillObjective(VDTObjective):
    """Guided progressive distillation (arXiv 2202.00512, algorithm 2; guidance as in arXiv 2210.03142).

    The student's steps are quadratic ones, and so are the teacher's, `substeps` of which lead from each to the next:
    both end points are the same. The student needs no guidance: it learns what the guided teacher does, guided by the
    conditioning frames and by captions, if there are any. Unlike the paper's, both begin a step where the student's own
    steps from noise have led, not at noised data: there the student will begin it (DAgger, arXiv 1011.0686).
    """

    def __init__(self, module: VDT, teacher: VDT, clips: LatentClips, recipe: VDTRecipe) -> None:
        distill = recipe.distill
        unguided = SamplingConfig(
            steps=distill.steps, sampler="ddim", guidance=1.0, text_guidance=1.0, temperature=distill.temperature
        )
        super().__init__(module, clips, recipe, shown_with=unguided)
        self.teacher = teacher.eval().requires_grad_(False)
        self.substeps = distill.substeps
        self.guided = SamplingConfig(
            steps=distill.steps * distill.substeps,
            sampler="ddim",
            guidance=distill.guidance,
            text_guidance=distill.text_guidance,
        )
        self.coarse = unguided.respaced(self.schedule)
        self.fine = self.guided.respaced(self.schedule)

    def draw(self, batch: int, generator: torch.Generator, device: torch.device) -> Batch:
        """Clips, tasks and noise, and one of the student's steps for all of them."""
        drawn = cast(Sequence[VDTSamples], super().draw(batch, generator, device))
        step = 1 + int(torch.randint(self.recipe.distill.steps, (), generator=generator))
        return [
            DistillSamples(**vars(samples), step=step, guidance_noise=draw_noise(samples.x0.shape, generator, device))
            for samples in drawn
        ]

    def score(self, batch: Batch) -> Loss:
        """The student's x0 against the teacher's."""
        parts = [self._errors(cast(DistillSamples, samples)) for samples in batch]
        mse = torch.cat(parts).mean()
        return Loss(total=mse, scalars={"mse": mse, f"mse_step{cast(DistillSamples, batch[0]).step}": mse})

    def exported(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """A student's weights with the teacher's share in them (weight interpolation, arXiv 2109.01903)."""
        share, teacher = self.recipe.distill.teacher_share, self.teacher.state_dict()
        if not share:
            return weights
        return {name: torch.lerp(value, teacher[name].to(value), share) for name, value in weights.items()}

    def _errors(self, samples: DistillSamples) -> Tensor:
        """One squared error for each sample, (B,)."""
        start = samples.step * self.substeps - 1
        stop = start - self.substeps  # -1 is clean data
        given = self.given(samples)
        denoise = GuidedDenoiser(self.teacher, self.fine, given, self.guided, samples.guidance_noise)
        inputs, conditioning = given.inputs(self._state(samples, given), start)
        target = teacher_x0(denoise, inputs, self.fine, start, stop)
        t = self.fine.timesteps[start].to(inputs.device).expand(len(inputs))
        output = read_output(self.module(inputs, t, conditioning).to(inputs.dtype), inputs, start, self.fine)
        # In v, whose scale is the same at every step: an error of x0 counts by 1/noise, as v reads it.
        error = (output.x0 - target) / self.fine.at(start, inputs).noise
        return masked_mean(error**2, samples.mask)

    @torch.no_grad()
    def _state(self, samples: DistillSamples, given: Given) -> Tensor:
        """Where the student's own steps lead from noise, when it comes to the step of these samples."""
        denoise = GivenDenoiser(self.module, self.coarse, given)
        x = self.shown_with.noise_scale(self.coarse) * samples.noise
        for index in range(self.coarse.num_steps - 1, samples.step - 1, -1):
            x = _ddim_step(denoise, x, self.coarse, index)
        return x


@torch.no_grad()
def teacher_x0(denoise: Denoiser, x: Tensor, schedule: Schedule, start: int, stop: int) -> Tensor:
    """The x0 with which one DDIM step from index `start` ends where DDIM steps down to `stop` do; -1 is clean data."""
    end = x
    for index in range(start, stop, -1):
        end = _ddim_step(denoise, end, schedule, index)
    first, last = schedule.at(start, x), schedule.at(stop + 1, x)
    ratio = last.noise_prev / first.noise
    return (end - ratio * x) / (last.signal_prev - ratio * first.signal)


def _ddim_step(denoise: Denoiser, x: Tensor, schedule: Schedule, index: int) -> Tensor:
    c = schedule.at(index, x)
    prediction = denoise(x, index)
    return c.signal_prev * prediction.x0 + c.noise_prev * prediction.epsilon
