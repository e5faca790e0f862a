"""Clips in memory as latents, in one or more lengths and shapes, with their captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...config import DiffusionConfig
from ...diffusion import scale_latents
from ...models.frame_autoencoder import FrameAutoencoder
from ...visualize.latent_preview import PreviewProjection

# N clips, T frames, C channels, h x w cells.


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentSet:
    """Clips of one length and shape: latents (N, T, C, h, w), and the phrasings of their captions, if any.

    A clip has as many captions as it has windows, one after another: a model that sees fewer frames than the clip has
    reads what those show. The last one holds for all later windows.
    """

    latents: Tensor
    captions: Sequence[Sequence[str]] = ()
    windows: int = 1
    weight: float = 1.0

    def captions_of(self, clip: Tensor, start: Tensor) -> list[Sequence[str]]:
        """The phrasings for windows of clips (B,) that begin at frames (B,)."""
        if not self.captions:
            return [()] * len(clip)
        return [self.captions[place] for place in (clip * self.windows + start.clamp(max=self.windows - 1)).tolist()]


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentClips:
    """Clips encoded once, with what is needed to show them.

    latents are (N, T, C, h, w), raw if `diffusion` says how a model scales them, else scaled already; shown are frames
    uint8 (M, T, H, W, 3) for contact sheets. `others` are clips of other lengths and shapes, `images` single frames
    (N, 1, C, h, w) in the place of frames of the clips.
    """

    latents: Tensor
    vae: FrameAutoencoder
    shown: np.ndarray
    preview: PreviewProjection
    diffusion: DiffusionConfig | None = None
    captions: Sequence[Sequence[str]] = ()
    windows: int = 1  # see LatentSet
    weight: float = 1.0
    others: tuple[LatentSet, ...] = ()
    images: LatentSet | None = None

    @property
    def sets(self) -> tuple[LatentSet, ...]:
        """All clips, by length and shape."""
        first = LatentSet(latents=self.latents, captions=self.captions, windows=self.windows, weight=self.weight)
        return (first, *self.others)

    def draw_set(self, generator: torch.Generator) -> LatentSet:
        """The clips of one length and shape, drawn by weight."""
        sets = self.sets
        if len(sets) == 1:
            return sets[0]
        weights = torch.tensor([each.weight for each in sets])
        return sets[int(torch.multinomial(weights, 1, generator=generator))]

    def start_at(self, step: int) -> None:
        """Whoever goes on from a step says so before the first draw; here all steps are alike."""

    def scaled(self, latents: Tensor) -> Tensor:
        """Latents (..., C, h, w) as float32, scaled as the model takes them."""
        return latents.float() if self.diffusion is None else scale_latents(latents.float(), self.diffusion)
