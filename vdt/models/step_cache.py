"""Steps that repeat what the last one computed, while the network's input hardly changes (TeaCache)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .block import VDTBlock
from .conditioning import Conditioning
from .conditioning.record import NOTHING
from .transformer import VDT


class CachedModel(nn.Module):
    """A VDT for one run of a sampler, whose blocks are skipped until their input has changed enough.

    As in TeaCache (arXiv 2411.19108): the change is the relative L1 distance of the first block's modulated input from
    one call to the next, summed until it reaches `threshold`; a skipped call adds what the blocks added last time.
    """

    def __init__(self, model: VDT, threshold: float) -> None:
        super().__init__()
        if not threshold > 0:
            raise ValueError(f"the threshold of the step cache must be above 0, got {threshold}: 0 means a plain model")
        self.model = model
        self.config = model.config
        self.threshold = threshold
        self.calls, self.skipped = 0, 0
        self._signal: Tensor | None = None
        self._residual: Tensor | None = None
        self._change = 0.0

    def forward(self, x: Tensor, t: Tensor, conditioning: Conditioning = NOTHING) -> Tensor:
        """As `VDT.forward`; a call of another shape than the last is never skipped."""
        c = self.model.time_condition(t, conditioning)  # (B, 1 or T, 1, D)
        tokens = self.model.embed(x, conditioning)  # (B, T, N, D)
        block = self.model.blocks[0]
        assert isinstance(block, VDTBlock)
        self.calls += 1
        if self._may_skip(block.signal(tokens, c)):
            self.skipped += 1
        else:
            self._residual = self.model.transform(tokens, c, self.model.context(conditioning)) - tokens
            self._change = 0.0
        assert self._residual is not None
        return self.model.head(tokens + self._residual, c, (x.shape[-2], x.shape[-1]))

    def _may_skip(self, signal: Tensor) -> bool:
        last, self._signal = self._signal, signal
        if last is None or last.shape != signal.shape:
            return False
        change = (signal - last).abs().mean() / last.abs().mean().clamp(min=torch.finfo(last.dtype).tiny)
        self._change += float(change)
        return self._change < self.threshold
