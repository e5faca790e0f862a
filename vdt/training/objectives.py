"""What the loop minimises: an objective draws a batch and scores it.

Everything random is drawn with the batch, from the generator that is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn

from ..diffusion import (
    EVEN_DDIM,
    LossTerms,
    SamplingConfig,
    Schedule,
    by_frame,
    make_given,
    masked_hybrid_loss,
    official_loss,
    sample_latents,
    scale_latents,
    stratified_timesteps,
    unscale_latents,
)
from ..diffusion.given import Given, Text
from ..masks.sampling import sample_task_masks
from ..media.frames import frames_to_pixels, pixels_to_frames
from ..models.transformer import VDT
from ..ranks import Ranks
from ..visualize.contact_sheet import Row
from .data.batches import Batch, Samples, draw_noise
from .data.captions import CaptionEncoder
from .data.latents import LatentClips, LatentSet
from .pictures.picture_loss import one_generated_frame, picture_error
from .recipe import Recipe, VAERecipe, VDTRecipe

__all__ = ["LatentClips", "Loss", "Objective", "VDTObjective", "VDTSamples", "with_noise_on_given"]

NUM_SHEET_CLIPS = 4


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What to minimise, and what to plot."""

    total: Tensor
    scalars: dict[str, Tensor]


class Objective(Protocol):
    """The part of a training run that differs between models."""

    @property
    def module(self) -> nn.Module:
        """What is trained."""
        ...

    def start_at(self, step: int) -> None:
        """Let the next batch be that of a step, from 0."""
        ...

    def draw(self, batch: int, generator: torch.Generator, device: torch.device) -> Batch:
        """A batch with everything random about it, the noise on the device."""
        ...

    def score(self, batch: Batch) -> Loss:
        """The loss of a batch, or of a part of one."""
        ...

    def contact_sheet(self, module: nn.Module, device: torch.device) -> list[Row]:
        """Rows of a contact sheet that shows what the model can do now."""
        ...

    def exported(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights of the file that a run leaves, of averaged ones; what is shown and scored has them, too."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class VDTSamples(Samples):
    """Clips of one length and shape, B of them.

    x0 is scaled latents (B, T, C, h, w), noise of the same shape, mask bool (B, T, h, w), t (B,) or (B, T), text
    (B, L, E), text_mask bool (B, L), and frame (B,) says which frame's picture is scored.
    """

    x0: Tensor
    mask: Tensor
    t: Tensor
    noise: Tensor
    text: Tensor | None = None
    text_mask: Tensor | None = None
    frame: Tensor | None = None


class VDTObjective:
    """Clips of latents under a random task each; given cells are clean, only generated ones are scored."""

    def __init__(
        self, module: VDT, clips: LatentClips, recipe: VDTRecipe, *, shown_with: SamplingConfig = EVEN_DDIM
    ) -> None:
        self.module = module
        self.clips = clips
        self.recipe = recipe
        self.schedule = Schedule.from_config(module.config.diffusion)
        if recipe.min_snr_gamma and module.config.diffusion.zero_terminal_snr:
            raise ValueError(
                f"min_snr_gamma = {recipe.min_snr_gamma:g} gives pure noise, the last step of zero_terminal_snr, the "
                f"weight 0, so that it is never learned: set min_snr_gamma = 0"
            )
        self.shown_with = shown_with  # how contact sheets are sampled
        sources = [*clips.sets, *([clips.images] if clips.images else [])]
        every = (captions for source in sources for captions in source.captions)
        self.captions = CaptionEncoder(recipe.text, every) if recipe.text.encoder else None

    def loss(self, batch: int, generator: torch.Generator, device: torch.device) -> Loss:
        """Draw a batch and score it."""
        return self.score(self.draw(batch, generator, device))

    # ---- Drawing -----------------------------------------------------------------------------------------------------

    def start_at(self, step: int) -> None:
        """Let the next batch be that of a step: streams of clips know which scenes it is drawn from."""
        self.clips.start_at(step)

    def draw(self, batch: int, generator: torch.Generator, device: torch.device) -> Batch:
        """Clips of one length and shape, then single frames, with tasks, timesteps and noise."""
        images = num_images(self.recipe, batch)
        source = self.clips.draw_set(generator)
        drawn = []
        if batch > images:
            clip = torch.randint(len(source.latents), (batch - images,), generator=generator)
            latents, start = self._windows(clip, generator, source)
            captions = source.captions_of(clip, start)
            mask = _masks(latents, self.recipe.tasks or None, generator)
            drawn.append(self._samples(latents, captions, mask, generator, device))
        if images:
            source = self.clips.images or source
            clip = torch.randint(len(source.latents), (images,), generator=generator)
            frame = torch.randint(source.latents.shape[1], (images,), generator=generator)
            latents = source.latents[clip, frame][:, None]
            captions = source.captions_of(clip, torch.zeros_like(clip))
            mask = _masks(latents, {"unconditional": 1.0}, generator)
            drawn.append(self._samples(latents, captions, mask, generator, device))
        return drawn

    def _samples(
        self,
        latents: Tensor,
        captions: Sequence[Sequence[str]],
        mask: Tensor,
        generator: torch.Generator,
        device: torch.device,
    ) -> VDTSamples:
        cells = mask  # where they were drawn: a GPU is not waited for
        x0, mask = self.clips.scaled(latents).to(device), mask.to(device)
        t = stratified_timesteps(len(x0), self.schedule.num_steps, generator, density=self.recipe.timesteps)
        noise = draw_noise(x0.shape, generator, device)
        if self.recipe.frame_noise:
            t = by_frame(t, x0.shape[1], self.recipe.frame_noise, self.schedule.num_steps, generator)
        if self.recipe.given_noise:
            x0 = with_noise_on_given(x0, mask, self.recipe.given_noise, generator)
        text = text_mask = None
        if self.captions is not None:
            text, text_mask = self.captions.draw(captions, generator)
        frame = one_generated_frame(cells.cpu(), generator) if self.recipe.pixels else None
        return VDTSamples(x0=x0, mask=mask, t=t, noise=noise, text=text, text_mask=text_mask, frame=frame)

    def _windows(
        self, clip: Tensor, generator: torch.Generator, source: LatentSet | None = None, frames: int = 0
    ) -> tuple[Tensor, Tensor]:
        """Of each chosen clip so many frames, (B, T, C, h, w), and where they begin; 0: as many as the model sees.

        Of buckets they are all frames.
        """
        latents = (source or self.clips.sets[0]).latents
        wanted = latents.shape[1] if self.recipe.data.buckets else frames or self.module.config.num_frames
        size = min(wanted, latents.shape[1])
        spare = latents.shape[1] - size
        if not spare:
            return latents[clip], torch.zeros_like(clip)
        start = torch.randint(spare + 1, clip.shape, generator=generator)
        start[torch.rand(clip.shape, generator=generator) < self.recipe.data.at_start] = 0
        return latents[clip[:, None], start[:, None] + torch.arange(size)], start

    # ---- Scoring -----------------------------------------------------------------------------------------------------

    def score(self, batch: Batch) -> Loss:
        """The mean loss of all samples, whatever their shape."""
        parts = [self._terms(cast(VDTSamples, samples)) for samples in batch]
        total = _mean([part.total for part in parts])
        scalars = {"mse": _mean([part.mse for part in parts]), "vb": _mean([part.vb for part in parts])}
        if not self.recipe.pixels:
            return Loss(total=total, scalars=scalars)
        pairs = zip(batch, parts, strict=True)
        pixels = _mean([self._picture_error(cast(VDTSamples, samples), part.x0) for samples, part in pairs])
        return Loss(total=total + self.recipe.pixels * pixels, scalars={**scalars, "pixels": pixels})

    def _picture_error(self, samples: VDTSamples, predicted: Tensor) -> Tensor:
        """Of each sample, (B,), by the share of signal at its step: of pure noise a model knows no picture."""
        assert samples.frame is not None
        seen = self.given(samples).paste(predicted)
        error = picture_error(self.clips.vae, seen, samples.x0, samples.frame, self.module.config.diffusion)
        rows = torch.arange(len(samples.t))
        t = samples.t if samples.t.ndim == 1 else samples.t[rows, samples.frame]
        return error * self.schedule.at(t, error).signal ** 2

    def _terms(self, samples: VDTSamples) -> LossTerms:
        x0, given = samples.x0, self.given(samples)
        if self.recipe.loss == "official":
            return official_loss(self.module, x0, given, samples.t, samples.noise, self.schedule)
        gamma = self.recipe.min_snr_gamma or None
        return masked_hybrid_loss(self.module, x0, given, samples.t, samples.noise, self.schedule, min_snr_gamma=gamma)

    def given(self, samples: VDTSamples) -> Given:
        """What the model is given of samples."""
        text = None if samples.text is None else Text(samples.text, samples.text_mask)
        return make_given(self.module.config.conditioning, samples.x0, samples.mask, text)

    # ---- Showing -----------------------------------------------------------------------------------------------------

    def exported(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """See `Objective.exported`."""
        return weights

    @torch.no_grad()
    def contact_sheet(self, module: nn.Module, device: torch.device) -> list[Row]:
        """The second half of some clips, predicted from the first."""
        rows = []
        for number, clip in enumerate(self.clips.shown[:NUM_SHEET_CLIPS]):
            made, generated = self._predicted(cast(VDT, module), clip, number, device)
            rows.append(Row(label=f"clip {number}", frames=clip))
            rows.append(Row(label="VDT", frames=made, generated=generated))
        return rows

    def _predicted(
        self, module: VDT, clip: np.ndarray, seed: int, device: torch.device
    ) -> tuple[np.ndarray, list[bool]]:
        """Frames of a clip (T, H, W, 3) made from its first half, and which of them are generated."""
        diffusion, vae = module.config.diffusion, self.clips.vae
        clean = scale_latents(vae.encode_video(frames_to_pixels(clip)[None].to(device)), diffusion)
        frame_mask = torch.arange(len(clip)) >= len(clip) // 2
        mask = frame_mask[None, :, None, None].expand(1, *clean.shape[1:2], *clean.shape[3:]).to(device)
        generator = torch.Generator().manual_seed(seed)
        sampled = sample_latents(module, clean, mask, generator=generator, sampling=self.shown_with)
        decoded = vae.decode_video(unscale_latents(sampled, diffusion))[0]
        return pixels_to_frames(decoded.cpu()), frame_mask.tolist()


def _masks(latents: Tensor, tasks: Mapping[str, float] | None, generator: torch.Generator) -> Tensor:
    """A random task for each of some clips (B, T, C, h, w)."""
    batch, frames, _, height, width = latents.shape
    return sample_task_masks(batch, frames, height, width, generator, tasks)


def num_images(recipe: VDTRecipe, batch: int) -> int:
    """How many samples of a batch are single frames."""
    return batch if recipe.mode == "spatial" else round(batch * recipe.images.share)


def check_parts(recipe: Recipe, ranks: Ranks) -> None:
    """ValueError unless all processes can share the batch evenly and take it in equal parts that are large enough."""
    batch, parts = recipe.optim.batch, ranks.world * recipe.optim.accumulate
    images, own = (num_images(recipe, batch), recipe.history.clips(batch)) if isinstance(recipe, VDTRecipe) else (0, 0)
    if batch % parts or images % parts or own % parts:
        others = f"{images} single frames" if images else f"{own} with a history"
        made = f"{batch - images - own} clips and {others}" if images % parts or own % parts else str(batch)
        raise ValueError(
            f"a batch of {made} cannot be shared evenly by {ranks.world} processes in {recipe.optim.accumulate} parts "
            f"each: make batch a multiple of {parts}"
        )
    if isinstance(recipe, VAERecipe) and recipe.equivariance and not recipe.num_changed(batch // parts):
        share, frames = recipe.equivariance, batch // parts
        raise ValueError(f"equivariance = {share:g} is not one of {frames} frames: raise it, or batch")


def with_noise_on_given(x0: Tensor, mask: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """x0 (B,T,C,h,w) with noise on the given cells of half of its clips, each of its own deviation up to `most`.

    The loss reads given cells as the model's input alone, so what is to be generated stays clean (as in cascaded
    diffusion, arXiv 2106.15282).
    """
    noisy = torch.rand(len(x0), generator=generator) < 0.5
    deviation = most * torch.rand(len(x0), generator=generator) * noisy
    noise = draw_noise(x0.shape, generator, x0.device) * deviation.reshape(-1, 1, 1, 1, 1).to(x0.device)
    return torch.where(mask.unsqueeze(2), x0, x0 + noise)


def _mean(values: Sequence[Tensor]) -> Tensor:
    """The mean of values (B,) each."""
    return values[0].mean() if len(values) == 1 else torch.cat(list(values)).mean()
