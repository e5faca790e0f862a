"""The error that an eye would see: pictures decoded from what the model takes clean latents for."""

from __future__ import annotations

import torch
from torch import Tensor

from ...config import DiffusionConfig
from ...diffusion import unscale_latents
from ...models.frame_autoencoder import FrameAutoencoder


def one_generated_frame(mask: Tensor, generator: torch.Generator) -> Tensor:
    """A frame of each clip with something to generate in it, (B,) int64, of masks bool (B, T, h, w) on the CPU."""
    generated = mask.flatten(2).any(2)
    return (torch.rand(generated.shape, generator=generator) + generated.float()).argmax(1)


def picture_error(
    vae: FrameAutoencoder, predicted: Tensor, x0: Tensor, frame: Tensor, diffusion: DiffusionConfig
) -> Tensor:
    """Mean absolute error of the pictures of one frame of each clip, (B,), in [0, 2].

    Args:
        vae: whose decoder makes the pictures; it gets no gradient.
        predicted: scaled latents (B, T, C, h, w), with gradients.
        x0: the true ones.
        frame: which frame of each clip, (B,).
        diffusion: how the latents are scaled.
    """
    rows = torch.arange(len(frame), device=x0.device)
    place = frame.to(x0.device)
    picture = vae.decode(unscale_latents(predicted[rows, place], diffusion))
    with torch.no_grad():
        true = vae.decode(unscale_latents(x0[rows, place], diffusion))
    return (picture - true).abs().mean((1, 2, 3))
