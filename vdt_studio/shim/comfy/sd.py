"""`comfy.sd`: the VAE that stock nodes encode and decode with, over the library's own AutoencoderKL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from . import model_management
from .model_patcher import ModelPatcher

if TYPE_CHECKING:
    from vdt import AutoencoderKL

# T frames, H x W pixels, h x w latent cells. IMAGE is (T, H, W, 3) in [0, 1], latents are raw, (T, 4, h, w).

_CHUNK = 8  # frames at a time


class VAE:
    """A frame autoencoder in LDM structure; the shapes of its weights say all that `config` could.

    The class of the module is that of `vdt` as this package imports it; the pack has a copy of its own, and its
    nodes bring their own module (attribute `vdt_handle`), so no object crosses between the two.
    """

    def __init__(
        self,
        sd: Mapping[str, Tensor] | None = None,
        device: torch.device | None = None,
        config: Mapping[str, Any] | None = None,
        dtype: torch.dtype | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        if not sd:
            raise ValueError("the VAE has no weights")
        self.device = device or model_management.vae_device()
        self.output_device = model_management.intermediate_device()
        self.vae_dtype = dtype or model_management.vae_dtype()
        self.first_stage_model = _build(sd).to(self.vae_dtype)
        self.latent_channels = self.first_stage_model.config.z_channels
        self.latent_dim = 2
        self.downscale_ratio = self.upscale_ratio = self.first_stage_model.config.downscale
        self.patcher = ModelPatcher(self.first_stage_model, self.device, model_management.vae_offload_device())

    def throw_exception_if_invalid(self) -> None:
        """There are no invalid VAEs here: the constructor refuses them."""

    def get_sd(self) -> dict[str, Tensor]:
        return self.first_stage_model.state_dict()

    def spacial_compression_encode(self) -> int:
        return self.downscale_ratio

    def spacial_compression_decode(self) -> int:
        return self.upscale_ratio

    def temporal_compression_decode(self) -> None:
        return None

    def encode(self, pixel_samples: Tensor) -> Tensor:
        """Most likely raw latents (T, 4, h, w) of images (T, H, W, 3+), cut to whole cells around the centre."""
        pixels = self._whole_cells(pixel_samples[..., :3]).movedim(-1, 1)  # (T, 3, H, W)
        return self._in_chunks(lambda part: _latents(self.first_stage_model.encode(part * 2 - 1)), pixels)

    def decode(self, samples_in: Tensor, vae_options: Mapping[str, Any] | None = None) -> Tensor:
        """Images (T, H, W, 3) in [0, 1] of raw latents (T, 4, h, w)."""
        if samples_in.ndim != 4:
            raise ValueError(f"got latents {tuple(samples_in.shape)}, expected (T, {self.latent_channels}, h, w)")
        pixels = self._in_chunks(self.first_stage_model.decode, samples_in)  # (T, 3, H, W)
        return ((pixels + 1) / 2).clamp(0, 1).movedim(1, -1)

    def decode_tiled(self, samples: Tensor, **tiling: Any) -> Tensor:
        """As decode: frames go through one at a time already."""
        return self.decode(samples)

    def encode_tiled(self, pixel_samples: Tensor, **tiling: Any) -> Tensor:
        return self.encode(pixel_samples)

    def _whole_cells(self, images: Tensor) -> Tensor:
        height, width = (side // self.downscale_ratio * self.downscale_ratio for side in images.shape[1:3])
        if not height or not width:
            size = f"{images.shape[2]}x{images.shape[1]}"
            raise ValueError(f"got images of {size}, expected at least {self.downscale_ratio} pixels a side")
        top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
        return images[:, top : top + height, left : left + width]

    def _in_chunks(self, function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
        model_management.load_models_gpu([self.patcher])
        done = []
        for part in batch.split(_CHUNK):
            model_management.throw_exception_if_processing_interrupted()
            done.append(function(part.to(self.device, self.vae_dtype)).float().to(self.output_device))
        return torch.cat(done)


def _latents(found: Any) -> Tensor:
    """Of a posterior the most likely ones; networks that nodes put in the place of ours make latents, as in ComfyUI."""
    return found if isinstance(found, Tensor) else found.mean


def _build(state: Mapping[str, Tensor]) -> AutoencoderKL:
    from vdt.checkpoints.vae_keys import infer_vae_config, normalise_keys
    from vdt.models.autoencoder import AutoencoderKL
    from vdt.models.initialisation import without_memory

    state = normalise_keys(dict(state))
    with without_memory():
        module = AutoencoderKL(infer_vae_config(state))
    module.load_state_dict(state, strict=True, assign=True)
    return module.eval().requires_grad_(False)
