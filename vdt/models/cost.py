"""What a model costs: its parameters, and the operations of one pass, counted and not estimated."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..config import VDTConfig
from .conditioning import Conditioning
from .initialisation import without_memory
from .transformer import VDT


@dataclass(frozen=True, kw_only=True)
class ModelCost:
    """Parameters, and multiplications and additions in the matrix products of one pass over one clip."""

    parameters: int
    flops: int

    def describe(self) -> str:
        """Such as "7.9 M parameters, 2.1 GFLOPs a pass"."""
        return f"{self.parameters / 1e6:.1f} M parameters, {self.flops / 1e9:.1f} GFLOPs a pass"


def count_cost(config: VDTConfig, *, frames: int = 0, rows: int = 0, columns: int = 0) -> ModelCost:
    """The cost for a clip of so many frames and latent cells, 0 = the model's own; nothing is allocated."""
    with without_memory():
        model = VDT(config).requires_grad_(False)
        side = config.input_size
        shape = (1, frames or config.num_frames, config.in_channels, rows or side, columns or side)
        x = torch.empty(shape)
        mask = torch.empty(1, shape[1], *shape[3:], dtype=torch.bool)
        t = torch.empty(1)
    spec = config.text
    text = None if spec is None else torch.empty(1, 16, spec.width, device="meta")
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(x, t, Conditioning(mask=mask, frames=x, text=text))
    parameters = sum(value.numel() for value in model.parameters())
    return ModelCost(parameters=parameters, flops=counter.get_total_flops())
