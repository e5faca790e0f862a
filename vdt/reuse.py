"""Steps that reuse what the last one computed, while the network's input hardly changes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .layers import modulate
from .model import VDT, VDTBlock


class ReusingModel(nn.Module):
    """A VDT for one run of a sampler, whose blocks are skipped until their input has changed enough.

    As in TeaCache (arXiv 2411.19108): the change is the relative L1 distance of the first block's modulated input from
    one call to the next, summed until it reaches `threshold`; a skipped call adds what the blocks added last time.
    """

    def __init__(self, model: VDT, threshold: float) -> None:
        super().__init__()
        if not threshold > 0:
            raise ValueError(f"the threshold of reuse must be above 0, got {threshold}: 0 means a plain model")
        self.model = model
        self.config = model.config
        self.threshold = threshold
        self.calls, self.skipped = 0, 0
        self._signal: Tensor | None = None
        self._residual: Tensor | None = None
        self._change = 0.0

    def forward(self, x: Tensor, t: Tensor, mask: Tensor | None = None) -> Tensor:
        """As `VDT.forward`; a call of another shape than the last is never skipped."""
        c = self.model.time_condition(t)  # (B, 1 or T, 1, D)
        tokens = self.model.embed(x, mask)  # (B, T, N, D)
        self.calls += 1
        if self._may_skip(self._modulated(tokens, c)):
            self.skipped += 1
        else:
            self._residual = self.model.transform(tokens, c) - tokens
            self._change = 0.0
        assert self._residual is not None
        return self.model.head(tokens + self._residual, c, (x.shape[-2], x.shape[-1]))

    def _modulated(self, tokens: Tensor, c: Tensor) -> Tensor:
        block = self.model.blocks[0]
        assert isinstance(block, VDTBlock)
        shift, scale = block.adaLN_modulation(c).chunk(6, dim=-1)[:2]
        return modulate(block.norm1(tokens), shift, scale)

    def _may_skip(self, signal: Tensor) -> bool:
        last, self._signal = self._signal, signal
        if last is None or last.shape != signal.shape:
            return False
        change = (signal - last).abs().mean() / last.abs().mean().clamp(min=torch.finfo(last.dtype).tiny)
        self._change += float(change)
        return self._change < self.threshold
