"""What the loop minimises: an objective draws a batch and scores it.

Everything random comes from the generator that it is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..diffusion import (
    EVEN_DDIM,
    LossTerms,
    SamplingConfig,
    Schedule,
    make_given,
    masked_hybrid_loss,
    official_loss,
    sample_latents,
    scale_latents,
    stratified_timesteps,
    unscale_latents,
)
from ..masks.sampling import sample_task_masks
from ..media.frames import frames_to_pixels, pixels_to_frames
from ..models.autoencoder import AutoencoderKL
from ..models.transformer import VDT
from ..visualize.contact_sheet import Row
from ..visualize.latent_preview import PreviewProjection
from .recipe import VDTRecipe

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

    def loss(self, batch: int, generator: torch.Generator, device: torch.device) -> Loss:
        """Draw a batch and score it."""
        ...

    def contact_sheet(self, device: torch.device) -> list[Row]:
        """Rows of a contact sheet that shows what the model can do now."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentClips:
    """Clips encoded once, with what is needed to show them.

    latents are scaled, (N, T, C, h, w); shown are frames uint8 (M, T, H, W, 3) for contact sheets.
    """

    latents: Tensor
    vae: AutoencoderKL
    shown: np.ndarray
    preview: PreviewProjection


class VDTObjective:
    """Clips of latents under a random task each; given cells are clean, only generated ones are scored."""

    def __init__(
        self, module: VDT, clips: LatentClips, recipe: VDTRecipe, *, shown_with: SamplingConfig = EVEN_DDIM
    ) -> None:
        self.module = module
        self.clips = clips
        self.recipe = recipe
        self.schedule = Schedule.from_config(module.config.diffusion)
        self.shown_with = shown_with  # how contact sheets are sampled

    def loss(self, batch: int, generator: torch.Generator, device: torch.device) -> Loss:
        """Draw clips, tasks, timesteps and noise, and score the model's prediction."""
        x0, mask = self.draw(batch, generator)
        t = stratified_timesteps(batch, self.schedule.num_steps, generator)
        noise = torch.randn(x0.shape, generator=generator)
        if self.recipe.given_noise:
            x0 = with_noise_on_given(x0, mask, self.recipe.given_noise, generator)
        terms = self._terms(x0.to(device), mask.to(device), t, noise.to(device))
        return Loss(total=terms.total.mean(), scalars={"mse": terms.mse.mean(), "vb": terms.vb.mean()})

    def draw(self, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Scaled latents (B, T, C, h, w) and masks of random tasks (B, T, h, w)."""
        clip = torch.randint(len(self.clips.latents), (batch,), generator=generator)
        x0 = self._windows(clip, generator).float()
        _, num_frames, _, height, width = x0.shape
        return x0, sample_task_masks(batch, num_frames, height, width, generator, self.recipe.tasks or None)

    def _terms(self, x0: Tensor, mask: Tensor, t: Tensor, noise: Tensor) -> LossTerms:
        given = make_given(self.module.config.conditioning, x0, mask)
        if self.recipe.loss == "official":
            return official_loss(self.module, x0, given, t, noise, self.schedule)
        gamma = self.recipe.min_snr_gamma or None
        return masked_hybrid_loss(self.module, x0, given, t, noise, self.schedule, min_snr_gamma=gamma)

    def _windows(self, clip: Tensor, generator: torch.Generator) -> Tensor:
        """Of each chosen clip as many frames as the model sees, (B, T, C, h, w)."""
        latents = self.clips.latents
        size = min(self.module.config.num_frames, latents.shape[1])
        spare = latents.shape[1] - size
        if not spare:
            return latents[clip]
        start = torch.randint(spare + 1, clip.shape, generator=generator)
        start[torch.rand(clip.shape, generator=generator) < self.recipe.data.at_start] = 0
        return latents[clip[:, None], start[:, None] + torch.arange(size)]

    @torch.no_grad()
    def contact_sheet(self, device: torch.device) -> list[Row]:
        """The second half of some clips, predicted from the first."""
        rows = []
        for number, clip in enumerate(self.clips.shown[:NUM_SHEET_CLIPS]):
            made, generated = self._predicted(clip, number, device)
            rows.append(Row(label=f"clip {number}", frames=clip))
            rows.append(Row(label="VDT", frames=made, generated=generated))
        return rows

    def _predicted(self, clip: np.ndarray, seed: int, device: torch.device) -> tuple[np.ndarray, list[bool]]:
        """Frames of a clip (T, H, W, 3) made from its first half, and which of them are generated."""
        diffusion, vae = self.module.config.diffusion, self.clips.vae
        clean = scale_latents(vae.encode_video(frames_to_pixels(clip)[None].to(device)), diffusion)
        frame_mask = torch.arange(len(clip)) >= max(1, len(clip) // 2)
        mask = frame_mask[None, :, None, None].expand(1, *clean.shape[1:2], *clean.shape[3:]).to(device)
        generator = torch.Generator().manual_seed(seed)
        sampled = sample_latents(self.module, clean, mask, generator=generator, sampling=self.shown_with)
        decoded = vae.decode_video(unscale_latents(sampled, diffusion))[0]
        return pixels_to_frames(decoded.cpu()), frame_mask.tolist()


def with_noise_on_given(x0: Tensor, mask: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """x0 (B,T,C,h,w) with noise on the given cells of half of its clips, each of its own deviation up to `most`.

    The loss reads given cells as the model's input alone, so what is to be generated stays clean (as in cascaded
    diffusion, arXiv 2106.15282).
    """
    noisy = torch.rand(len(x0), generator=generator) < 0.5
    deviation = most * torch.rand(len(x0), generator=generator) * noisy
    noise = torch.randn(x0.shape, generator=generator) * deviation.reshape(-1, 1, 1, 1, 1)
    return torch.where(mask.unsqueeze(2), x0, x0 + noise)
