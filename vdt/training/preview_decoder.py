"""How the bundled decoder of previews was made: it learns the pictures that the VAE makes of latents."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.initialisation import uniform_convolutions
from ..models.preview_decoder import PreviewDecoder

# N frames, C channels, h x w cells, H x W pixels.

PEAK_LR = 5e-3
BATCH = 32


def distill_preview(latents: Tensor, pixels: Tensor, *, steps: int, seed: int, width: int = 64) -> PreviewDecoder:
    """A decoder trained by squared error, in float32 on the device of the latents, on random batches of frames.

    Args:
        latents: raw (N, C, h, w), of the clips that previews will show.
        pixels: (N, 3, H, W) in [-1, 1], what the VAE makes of them.
        steps: of AdamW, with one cycle of the learning rate.
        seed: of weights and batches.
        width: channels of the convolutions.

    Raises:
        ValueError: latents and pixels are not of the same frames.
    """
    factor = pixels.shape[-1] // latents.shape[-1]
    if len(latents) != len(pixels) or pixels.shape[-1] != factor * latents.shape[-1]:
        raise ValueError(f"latents {tuple(latents.shape)} and pixels {tuple(pixels.shape)} are not of the same frames")
    generator = torch.Generator().manual_seed(seed)
    decoder = PreviewDecoder(latents.shape[1], width, factor)
    uniform_convolutions(decoder, generator)  # He's larger weights end 15 % further from the VAE's pictures
    decoder = decoder.to(latents.device)
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=PEAK_LR, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_LR, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(latents), (BATCH,), generator=generator).to(latents.device)
        loss = (decoder(latents[chosen]) - pixels[chosen]).square().mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return decoder.eval().requires_grad_(False)
