"""`comfy.supported_models_base`: what is said about an architecture beside its weights."""

from __future__ import annotations

from typing import Any

import torch

from . import latent_formats


class BASE:
    """Base of model configurations; subclasses override the class attributes."""

    unet_config: dict[str, Any] = {}  # noqa: RUF012 - this is the interface
    unet_extra_config: dict[str, Any] = {}  # noqa: RUF012
    required_keys: dict[str, Any] = {}  # noqa: RUF012
    sampling_settings: dict[str, Any] = {}  # noqa: RUF012
    optimizations: dict[str, bool] = {"fp8": False}  # noqa: RUF012
    supported_inference_dtypes = (torch.float16, torch.bfloat16, torch.float32)
    latent_format: Any = latent_formats.LatentFormat
    vae_key_prefix = ("first_stage_model.",)
    memory_usage_factor = 2.0
    manual_cast_dtype: torch.dtype | None = None
    custom_operations: Any = None
    scaled_fp8: Any = None

    def __init__(self, unet_config: dict[str, Any]) -> None:
        self.unet_config = {**unet_config, **self.unet_extra_config}
        self.sampling_settings = dict(self.sampling_settings)
        self.latent_format = self.latent_format()
        self.optimizations = dict(self.optimizations)

    def set_inference_dtype(self, dtype: torch.dtype, manual_cast_dtype: torch.dtype | None) -> None:
        self.unet_config["dtype"] = dtype
        self.manual_cast_dtype = manual_cast_dtype
