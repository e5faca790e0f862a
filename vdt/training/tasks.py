"""What the loop trains: a task draws a batch and scores it; everything random comes from the generator it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from einops import rearrange, reduce
from torch import Tensor, nn

from ..autoencoder import AutoencoderKL
from ..diffusion import (
    Schedule,
    corrected_loss,
    official_loss,
    sample_latents,
    scale_latents,
    stratified_timesteps,
    unscale_latents,
)
from ..frames import to_uint8
from ..masks import predict
from ..model import VDT
from ..preview import PreviewProjection
from ..sheet import Row
from .mask_mix import sample_task_masks
from .recipe import VAERecipe, VDTRecipe

NUM_SHEET_CLIPS = 4


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What to minimise, and what to plot."""

    total: Tensor
    scalars: dict[str, Tensor]


class Task(Protocol):
    """The part of a training run that differs between models."""

    @property
    def module(self) -> nn.Module:
        """What is trained."""
        ...

    def loss(self, batch: int, generator: torch.Generator, device: torch.device) -> Loss:
        """Draw a batch and score it."""
        ...

    def sheet(self, device: torch.device) -> list[Row]:
        """Rows of a contact sheet that shows what the model can do now."""
        ...


class VAETask:
    """Single frames through the autoencoder; what moves or stands out in colour weighs more."""

    def __init__(self, module: AutoencoderKL, clips: np.ndarray, recipe: VAERecipe, shown: np.ndarray) -> None:
        self.module = module
        self.clips = torch.from_numpy(clips)  # uint8 (N, T, H, W, 3)
        self.shown = torch.from_numpy(shown)
        self.recipe = recipe

    def loss(self, batch: int, generator: torch.Generator, device: torch.device) -> Loss:
        num_clips, num_frames = self.clips.shape[:2]
        clip = torch.randint(num_clips, (batch,), generator=generator)
        frame = torch.randint(num_frames, (batch,), generator=generator)
        flip = torch.rand(batch, generator=generator) < (0.5 if self.recipe.data.flip else 0)
        noise_seed = int(torch.randint(2**62, (), generator=generator))
        pixels = _pixels(self.clips[clip, frame]).to(device)  # (B, 3, H, W)
        weight = saliency(pixels, _pixels(self.clips[clip, ::4].float().mean(1)).to(device), self.recipe.saliency)
        pixels, weight = (torch.where(flip.to(device)[:, None, None, None], v.flip(-1), v) for v in (pixels, weight))
        posterior = self.module.encode(pixels.contiguous(memory_format=torch.channels_last))
        latents = posterior.sample(torch.Generator().manual_seed(noise_seed))
        difference = (self.module.decode(latents).float() - pixels) * 1.0
        l1, mse = (weight * difference.abs()).mean(), (weight * difference**2).mean()
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        total = self.recipe.l1 * l1 + self.recipe.mse * mse + self.recipe.kl * kl
        psnr = -10 * (difference.detach() ** 2 / 4).mean((1, 2, 3)).clamp(min=1e-10).log10().mean()
        return Loss(total=total, scalars={"l1": l1, "mse": mse, "kl": kl, "psnr": psnr})

    @torch.no_grad()
    def sheet(self, device: torch.device) -> list[Row]:
        rows = []
        for number, clip in enumerate(self.shown[:NUM_SHEET_CLIPS]):
            decoded = self.module.decode(self.module.encode(_pixels(clip).to(device)).mean)
            rows.append(Row(label=f"clip {number}", frames=clip.numpy()))
            rows.append(Row(label="VAE", frames=to_uint8(decoded.cpu())))
        return rows


class VDTTask:
    """Clips of latents under a random task each; given cells are clean, only generated ones are scored."""

    def __init__(
        self,
        module: VDT,
        latents: Tensor,
        recipe: VDTRecipe,
        vae: AutoencoderKL,
        shown: np.ndarray,
        preview: PreviewProjection,
    ) -> None:
        self.module = module
        self.latents = latents  # scaled, (N, T, C, h, w)
        self.recipe = recipe
        self.vae = vae
        self.shown = shown  # uint8 (M, T, H, W, 3)
        self.preview = preview
        self.schedule = Schedule.from_config(module.config.diffusion)
        self.shown_as: dict[str, Any] = {}  # how sheets are sampled, where not by default

    def loss(self, batch: int, generator: torch.Generator, device: torch.device) -> Loss:
        x0, mask = self._drawn(batch, generator)
        t = stratified_timesteps(batch, self.schedule.num_steps, generator)
        noise = torch.randn(x0.shape, generator=generator)
        if self.recipe.given_noise:
            x0 = with_noise_on_given(x0, mask, self.recipe.given_noise, generator)
        x0, mask, noise = x0.to(device), mask.to(device), noise.to(device)
        if self.recipe.loss == "official":
            terms = official_loss(self.module, x0, mask, t, noise, self.schedule)
        else:
            gamma = self.recipe.min_snr_gamma or None
            terms = corrected_loss(self.module, x0, mask, t, noise, self.schedule, min_snr_gamma=gamma)
        return Loss(total=terms.total.mean(), scalars={"mse": terms.mse.mean(), "vb": terms.vb.mean()})

    def _drawn(self, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Scaled latents (B, T, C, h, w) and masks of random tasks (B, T, h, w)."""
        clip = torch.randint(len(self.latents), (batch,), generator=generator)
        x0 = self._windows(clip, generator).float()
        _, num_frames, _, height, width = x0.shape
        return x0, sample_task_masks(batch, num_frames, height, width, generator, self.recipe.tasks or None)

    def _windows(self, clip: Tensor, generator: torch.Generator) -> Tensor:
        """Of each chosen clip as many frames as the model sees, (B, T, C, h, w)."""
        size = min(self.module.config.num_frames, self.latents.shape[1])
        spare = self.latents.shape[1] - size
        if not spare:
            return self.latents[clip]
        start = torch.randint(spare + 1, clip.shape, generator=generator)
        start[torch.rand(clip.shape, generator=generator) < self.recipe.data.at_start] = 0
        return self.latents[clip[:, None], start[:, None] + torch.arange(size)]

    @torch.no_grad()
    def sheet(self, device: torch.device) -> list[Row]:
        rows = []
        diffusion = self.module.config.diffusion
        for number, clip in enumerate(self.shown[:NUM_SHEET_CLIPS]):
            raw = self.vae.encode_video(_pixels(torch.from_numpy(clip))[None].to(device))
            given = scale_latents(raw, diffusion)
            mask = predict(*given.shape[1:2], *given.shape[3:], given=max(1, given.shape[1] // 2))
            generator = torch.Generator().manual_seed(number)
            sampled = sample_latents(self.module, given, mask[None].to(device), generator=generator, **self.shown_as)
            decoded = self.vae.decode_video(unscale_latents(sampled, diffusion))[0]
            rows.append(Row(label=f"clip {number}", frames=clip))
            rows.append(Row(label="VDT", frames=to_uint8(decoded.cpu()), generated=mask.flatten(1).any(1).tolist()))
        return rows


def with_noise_on_given(x0: Tensor, mask: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """x0 (B,T,C,h,w) with noise on the given cells of half of its clips, each of its own deviation up to `most`.

    The loss reads given cells as the model's input alone, so what is to be generated stays clean (as in cascaded
    diffusion, arXiv 2106.15282).
    """
    noisy = torch.rand(len(x0), generator=generator) < 0.5
    deviation = most * torch.rand(len(x0), generator=generator) * noisy
    noise = torch.randn(x0.shape, generator=generator) * deviation.reshape(-1, 1, 1, 1, 1)
    return torch.where(mask.unsqueeze(2), x0, x0 + noise)


def saliency(pixels: Tensor, still: Tensor, strength: float) -> Tensor:
    """Weights (B,1,H,W) of mean 1 per frame: more where a frame differs from its clip's mean or is vivid in colour."""
    moves = reduce((pixels - still).abs(), "b c h w -> b 1 h w", "max")
    vivid = pixels.amax(1, keepdim=True) - pixels.amin(1, keepdim=True)
    vivid = vivid - vivid.mean((2, 3), keepdim=True)
    weight = 1 + strength * (2 * moves + vivid).clamp(0, 1)
    return weight / weight.mean((1, 2, 3), keepdim=True)


def _pixels(frames: Tensor) -> Tensor:
    """Frames (N, H, W, 3) in 0..255 to pixels (N, 3, H, W) in [-1, 1]."""
    return rearrange(frames.float() / 127.5 - 1, "n h w c -> n c h w")
