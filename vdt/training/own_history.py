"""Clips that go on from the model's own frames: what it sees in every window of a long clip but the first."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from ..diffusion import GuidedDenoiser, SamplingConfig, make_given, sample_ddim
from ..masks.tasks import Predict, over_cells
from ..models.transformer import VDT
from .data.batches import Batch, draw_noise
from .objectives import LatentClips, Loss, VDTObjective, VDTSamples
from .recipe import VDTRecipe


@dataclass(frozen=True, kw_only=True, eq=False)
class HistorySamples(VDTSamples):
    """The second of two windows that overlap, and the first one, `before` (B, T, C, h, w), with noise to sample it."""

    before: Tensor
    before_noise: Tensor


class HistoryObjective(VDTObjective):
    """Some clips of a batch are given frames that the model itself has made of the frames before them.

    The model makes the end of a window from its beginning, without gradients, and then learns to go on from that end
    towards the true frames. Long clips are made in this way, from frames that are never as clean as true ones (exposure
    bias: scheduled sampling, arXiv 1506.03099).
    """

    def __init__(self, module: VDT, clips: LatentClips, recipe: VDTRecipe) -> None:
        super().__init__(module, clips, recipe)
        self.frames = module.config.num_frames
        self.overlap = self.frames // 2  # as windows of long clips overlap
        needed, found = 2 * self.frames - self.overlap, clips.latents.shape[1]
        if found < needed:
            raise ValueError(
                f"a history needs clips of {needed} frames, two windows of {self.frames} that overlap by "
                f"{self.overlap}, got {found}: set num_frames = {needed} in [data]"
            )
        sampling = SamplingConfig(steps=recipe.history.steps, sampler="ddim", guidance=1.0, text_guidance=1.0)
        self.sampling, self.chain = sampling, sampling.respaced(self.schedule)

    def draw(self, batch: int, generator: torch.Generator, device: torch.device) -> Batch:
        """Clips with tasks, then those that go on from the model's own frames."""
        count = self.recipe.history.clips(batch)
        drawn = list(super().draw(batch - count, generator, device)) if batch > count else []
        return [*drawn, self._two_windows(count, generator, device)] if count else drawn

    def _two_windows(self, count: int, generator: torch.Generator, device: torch.device) -> HistorySamples:
        source = self.clips.draw_set(generator)
        clip = torch.randint(len(source.latents), (count,), generator=generator)
        both, start = self._windows(clip, generator, source, 2 * self.frames - self.overlap)
        second = self.frames - self.overlap
        captions = source.captions_of(clip, start + second)
        mask = self._from(self.overlap, both)
        later = self._samples(both[:, second:], captions, mask, generator, device)
        before = self.clips.scaled(both[:, : self.frames]).to(device)
        return HistorySamples(**vars(later), before=before, before_noise=draw_noise(before.shape, generator, device))

    def _from(self, frame: int, latents: Tensor) -> Tensor:
        """A mask (B, T, h, w) that generates from that frame on."""
        mask = over_cells(Predict(given=frame).frame_mask(self.frames), *latents.shape[-2:])
        return mask.to(latents.device).repeat(len(latents), 1, 1, 1)

    def score(self, batch: Batch) -> Loss:
        """The mean loss of all samples, with the model's own frames in the place of those given of a second window."""
        own = [self._with_own(each) if isinstance(each, HistorySamples) else each for each in batch]
        return super().score(cast(Sequence[VDTSamples], own))

    @torch.no_grad()
    def _with_own(self, samples: HistorySamples) -> HistorySamples:
        mask = self._from(self.frames - self.overlap, samples.before)
        given = make_given(self.module.config.conditioning, samples.before, mask)
        denoise = GuidedDenoiser(self.module, self.chain, given, self.sampling, None)
        noise = self.sampling.noise_scale(self.chain) * samples.before_noise
        made = sample_ddim(denoise, noise, self.chain)
        x0 = torch.cat([made[:, -self.overlap :].to(samples.x0.dtype), samples.x0[:, self.overlap :]], dim=1)
        return dataclasses.replace(samples, x0=x0)
