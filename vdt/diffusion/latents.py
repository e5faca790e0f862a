"""Between raw VAE latents, which files and ComfyUI carry, and the scaled ones a model was trained on."""

from __future__ import annotations

from torch import Tensor

from ..config import DiffusionConfig


def scale_latents(raw: Tensor, config: DiffusionConfig) -> Tensor:
    """(raw - shift) * scale for latents (..., C, h, w)."""
    return (raw - _per_channel(config.latent_shift, raw)) * _per_channel(config.latent_scale, raw)


def unscale_latents(scaled: Tensor, config: DiffusionConfig) -> Tensor:
    """The inverse of `scale_latents`."""
    return scaled / _per_channel(config.latent_scale, scaled) + _per_channel(config.latent_shift, scaled)


def _per_channel(value: float | tuple[float, ...], like: Tensor) -> Tensor | float:
    if isinstance(value, (int, float)):
        return value
    if len(value) != like.shape[-3]:
        raise ValueError(f"the model scales latents of {len(value)} channels, got {like.shape[-3]}: use its own VAE")
    return like.new_tensor(value).reshape(-1, 1, 1)
