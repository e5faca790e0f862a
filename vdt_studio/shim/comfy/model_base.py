"""`comfy.model_base`: a network as ComfyUI's samplers see it. This runner has none of them: only the frame is here."""

from __future__ import annotations

from enum import Enum
from typing import Any, NoReturn

import torch
from torch import Tensor, nn


class ModelType(Enum):
    """What a network predicts."""

    EPS = 1
    V_PREDICTION = 2
    V_PREDICTION_EDM = 3
    FLOW = 6


class BaseModel(nn.Module):
    """Carries the network as `diffusion_model` with its configuration; subclasses set the network themselves."""

    def __init__(
        self, model_config: Any, model_type: ModelType = ModelType.EPS, device: Any = None, unet_model: Any = None
    ) -> None:
        super().__init__()
        self.model_config = model_config
        self.model_type = model_type
        self.latent_format = model_config.latent_format
        self.manual_cast_dtype = model_config.manual_cast_dtype
        self.memory_usage_factor = model_config.memory_usage_factor
        self.device = device

    def get_dtype(self) -> torch.dtype:
        network: Any = self.diffusion_model
        return network.dtype

    def process_latent_in(self, latent: Tensor) -> Tensor:
        return self.latent_format.process_in(latent)

    def process_latent_out(self, latent: Tensor) -> Tensor:
        return self.latent_format.process_out(latent)

    def extra_conds(self, **kwargs: Any) -> dict[str, Any]:
        return {}

    def memory_required(self, input_shape: Any, cond_shapes: Any = None) -> float:
        """Rough bytes for one call on a batch (N, C, h, w)."""
        size = torch.finfo(self.get_dtype()).bits // 8
        return input_shape[0] * input_shape[-1] * input_shape[-2] * size * 10 * self.memory_usage_factor

    def apply_model(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError("this runner has no stock samplers: use the node VDTSampler, or run it in ComfyUI")
