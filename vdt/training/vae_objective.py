"""What a VAE is trained on: single frames there and back, with more weight on what moves or stands out in colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import torch
from einops import reduce
from torch import Tensor, nn

from ..media.frames import levels_to_pixels, pixels_to_frames
from ..models.frame_autoencoder import FrameAutoencoder, Posterior
from ..visualize.contact_sheet import Row
from .data.batches import Batch, Samples, draw_noise
from .objectives import NUM_SHEET_CLIPS, Loss
from .pictures.equivariance import Change, draw_change
from .recipe import VAERecipe


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameSamples(Samples):
    """Frames uint8 (B, H, W, 3), the mean of each one's clip in float32, and noise (B, Z, h, w) of the posterior.

    `change` is that of the latents and pictures of a share of them, if the recipe asks for one.
    """

    frames: Tensor
    still: Tensor
    noise: Tensor
    change: Change | None = None


class VAEObjective:
    """Weighted L1 and squared errors of single frames, and a small KL term.

    clips are uint8 (N, T, H, W, 3); shown, of the same kind, are those of contact sheets.
    """

    def __init__(self, module: FrameAutoencoder, clips: np.ndarray, recipe: VAERecipe, shown: np.ndarray) -> None:
        self.module = module
        self.clips = torch.from_numpy(clips)
        self.shown = torch.from_numpy(shown)
        self.recipe = recipe

    def start_at(self, step: int) -> None:
        """All steps draw from the same clips."""

    def draw(self, batch: int, generator: torch.Generator, device: torch.device) -> Batch:
        """Frames, half of them mirrored, and the posterior's noise."""
        num_clips, num_frames = self.clips.shape[:2]
        clip = torch.randint(num_clips, (batch,), generator=generator)
        frame = torch.randint(num_frames, (batch,), generator=generator)
        flip = torch.rand(batch, generator=generator) < (0.5 if self.recipe.data.flip else 0)
        frames, still = self.clips[clip, frame], self.clips[clip, ::4].float().mean(1)
        frames, still = (torch.where(flip[:, None, None, None], each.flip(2), each) for each in (frames, still))
        config = self.module.config
        cells = (side // config.downscale for side in frames.shape[1:3])
        noise = draw_noise(torch.Size((batch, config.z_channels, *cells)), generator, device)
        change = draw_change(generator) if self.recipe.equivariance else None
        return [FrameSamples(frames=frames, still=still, noise=noise, change=change)]

    def score(self, batch: Batch) -> Loss:
        """The error of the reconstruction."""
        (samples,) = cast(Sequence[FrameSamples], batch)
        pixels = _pixels(samples)
        posterior = self.module.encode(pixels)
        pictures = self._pictures(samples, pixels, posterior)
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        return Loss(total=pictures.total + self.recipe.kl * kl, scalars={**pictures.scalars, "kl": kl})

    def _pictures(self, samples: FrameSamples, pixels: Tensor, posterior: Posterior) -> Loss:
        """The error of what the decoder makes of a draw from a posterior."""
        weight = saliency(pixels, levels_to_pixels(samples.still), self.recipe.saliency)
        latents = posterior.mean + (0.5 * posterior.logvar).exp() * samples.noise.to(posterior.mean)
        count, cell = self.recipe.num_changed(len(pixels)), self.module.config.downscale
        plain = self._decoded(latents[count:], pixels[count:], weight[count:])
        if samples.change is None:
            return plain
        change = partial(samples.change, cell=cell)
        changed = self._decoded(samples.change(latents[:count]), change(pixels[:count]), change(weight[:count]))
        total = torch.lerp(plain.total, changed.total, count / len(pixels))
        return Loss(total=total, scalars={**plain.scalars, "psnr_changed": changed.scalars["psnr"]})

    def _decoded(self, latents: Tensor, pixels: Tensor, weight: Tensor) -> Loss:
        """The weighted error of the pictures of latents."""
        difference = self.module.decode(latents).float() - pixels
        l1, mse = (weight * difference.abs()).mean(), (weight * difference**2).mean()
        psnr = -10 * (difference.detach() ** 2 / 4).mean((1, 2, 3)).clamp(min=1e-10).log10().mean()
        total = self.recipe.l1 * l1 + self.recipe.mse * mse
        return Loss(total=total, scalars={"l1": l1, "mse": mse, "psnr": psnr})

    def exported(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """See `Objective.exported`."""
        return weights

    @torch.no_grad()
    def contact_sheet(self, module: nn.Module, device: torch.device) -> list[Row]:
        """Some clips, and what the VAE makes of them."""
        rows, vae = [], cast(FrameAutoencoder, module)
        for number, clip in enumerate(self.shown[:NUM_SHEET_CLIPS]):
            decoded = vae.decode(vae.encode(levels_to_pixels(clip).to(device)).mean)
            rows.append(Row(label=f"clip {number}", frames=clip.numpy()))
            rows.append(Row(label="VAE", frames=pixels_to_frames(decoded.cpu())))
        return rows


class VAECopyObjective(VAEObjective):
    """The latents of a teacher, which a VDT knows, and the true pictures from draws of its posterior.

    What an encoder is off by counts in the teacher's own deviations: the KL divergence of two posteriors of one spread.
    """

    def __init__(
        self,
        module: FrameAutoencoder,
        teacher: FrameAutoencoder,
        clips: np.ndarray,
        recipe: VAERecipe,
        shown: np.ndarray,
    ) -> None:
        super().__init__(module, clips, recipe, shown)
        config, other = module.config, teacher.config
        if (config.downscale, config.z_channels) != (other.downscale, other.z_channels):
            raise ValueError(
                f"the teacher makes latents of {other.z_channels} channels and {other.downscale} pixels a cell, the "
                f"model of the recipe {config.z_channels} and {config.downscale}: they must be the same"
            )
        self.teacher = teacher.eval().requires_grad_(False)

    def score(self, batch: Batch) -> Loss:
        """The error of the latents and that of the pictures."""
        (samples,) = cast(Sequence[FrameSamples], batch)
        pixels = _pixels(samples)
        with torch.no_grad():
            posterior = self.teacher.encode(pixels)
        pictures = self._pictures(samples, pixels, posterior)
        error = self.module.encode(pixels).mean - posterior.mean
        apart = 0.5 * (error**2 / posterior.logvar.exp()).mean()
        return Loss(total=pictures.total + apart, scalars={**pictures.scalars, "apart": apart})


def _pixels(samples: FrameSamples) -> Tensor:
    return levels_to_pixels(samples.frames).contiguous(memory_format=torch.channels_last)


def saliency(pixels: Tensor, still: Tensor, strength: float) -> Tensor:
    """Weights (B,1,H,W) of mean 1 per frame: more where a frame differs from its clip's mean or is vivid in colour."""
    moves = reduce((pixels - still).abs(), "b c h w -> b 1 h w", "max")
    vivid = pixels.amax(1, keepdim=True) - pixels.amin(1, keepdim=True)
    vivid = vivid - vivid.mean((2, 3), keepdim=True)
    weight = 1 + strength * (2 * moves + vivid).clamp(0, 1)
    return weight / weight.mean((1, 2, 3), keepdim=True)
