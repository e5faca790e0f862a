"""`comfy.model_patcher`: a model, the device it computes on, and the options that travel with a graph's MODEL."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn


class ModelPatcher:
    """Holds a model for others; clones share the weights. Patches of weights are not supported here."""

    def __init__(
        self,
        model: nn.Module,
        load_device: torch.device,
        offload_device: torch.device,
        size: int = 0,
        weight_inplace_update: bool = False,
    ) -> None:
        self.model = model
        self.load_device = load_device
        self.offload_device = offload_device
        self.model_options: dict[str, Any] = {"transformer_options": {}}
        self.attachments: dict[str, Any] = {}
        self.object_patches: dict[str, Any] = {}
        self.size = size

    @property
    def current_device(self) -> torch.device:
        parameter = next(self.model.parameters(), None)
        return self.offload_device if parameter is None else parameter.device

    def current_loaded_device(self) -> torch.device:
        return self.current_device

    def clone(self) -> ModelPatcher:
        other = copy.copy(self)
        other.model_options = copy.deepcopy(self.model_options)
        other.attachments = dict(self.attachments)
        other.object_patches = dict(self.object_patches)
        return other

    def is_clone(self, other: Any) -> bool:
        return getattr(other, "model", None) is self.model

    def load(self, device: torch.device) -> None:
        if self.current_device != device:
            self.model.to(device)

    def detach(self, unpatch_all: bool = True) -> nn.Module:
        self.load(self.offload_device)
        return self.model

    def model_size(self) -> int:
        """Bytes of parameters and buffers."""
        if not self.size:
            tensors = [*self.model.parameters(), *self.model.buffers()]
            self.size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return self.size

    def loaded_size(self) -> int:
        return self.model_size()

    def model_dtype(self) -> torch.dtype | None:
        get_dtype: Any = getattr(self.model, "get_dtype", None)
        return get_dtype() if get_dtype else next((p.dtype for p in self.model.parameters()), None)

    def memory_required(self, input_shape: Any) -> float:
        model: Any = self.model
        return model.memory_required(input_shape=input_shape)

    def get_model_object(self, name: str) -> Any:
        """An attribute of the model by its dotted name, or what was put in its place."""
        if name in self.object_patches:
            return self.object_patches[name]
        value: Any = self.model
        for part in name.split("."):
            value = getattr(value, part)
        return value

    def add_object_patch(self, name: str, obj: Any) -> None:
        self.object_patches[name] = obj

    def set_attachments(self, key: str, attachment: Any) -> None:
        self.attachments[key] = attachment

    def get_attachment(self, key: str) -> Any:
        return self.attachments.get(key)


CoreModelPatcher = ModelPatcher
