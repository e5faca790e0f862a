"""`comfy.latent_formats`: how latents on the wire relate to those a model computes with."""

from __future__ import annotations

from torch import Tensor


class LatentFormat:
    """Scales raw latents for the model and back."""

    scale_factor: float = 1.0
    latent_channels: int = 4
    latent_dimensions: int = 2
    latent_rgb_factors: list[list[float]] | None = None
    latent_rgb_factors_bias: list[float] | None = None
    taesd_decoder_name: str | None = None

    def process_in(self, latent: Tensor) -> Tensor:
        return latent * self.scale_factor

    def process_out(self, latent: Tensor) -> Tensor:
        return latent / self.scale_factor


class SD15(LatentFormat):
    """The format of Stable Diffusion 1.x and of the official VDT."""

    def __init__(self, scale_factor: float = 0.18215) -> None:
        self.scale_factor = scale_factor
