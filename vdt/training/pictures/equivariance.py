"""What a decoder should follow: mirrored or smaller latents are those of mirrored or smaller pictures.

A network that learns to make latents has less to learn where they change as pictures do (EQ-VAE, arXiv 2502.09509).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Change:
    """Mirrored left to right, and smaller: as many whole latent cells as `scale` leaves of each side, at least one."""

    mirror: bool = False
    scale: float = 1.0

    def __call__(self, values: Tensor, cell: int = 1) -> Tensor:
        """Change latents (N, C, h, w), or pictures (N, C, H, W) of `cell` pixels along the side of a latent cell."""
        values = values.flip(3) if self.mirror else values
        if self.scale == 1:
            return values
        height, width = (max(1, int(side // cell * self.scale)) * cell for side in values.shape[2:])
        return F.interpolate(values, (height, width), mode="bilinear", antialias=True)


CHANGES = (Change(mirror=True), Change(scale=0.5), Change(scale=0.75))


def draw_change(generator: torch.Generator) -> Change:
    """One of them, each as probable."""
    return CHANGES[int(torch.randint(len(CHANGES), (), generator=generator))]
