"""`comfy.conds`: containers of what conditions a model; they matter only to samplers, of which this runner has none."""

from __future__ import annotations

from typing import Any


class CONDRegular:
    """A tensor, one row per clip."""

    def __init__(self, cond: Any) -> None:
        self.cond = cond


class CONDNoiseShape(CONDRegular):
    """A tensor that is cut as the noise is."""


class CONDCrossAttn(CONDRegular):
    """A sequence of tokens."""


class CONDConstant(CONDRegular):
    """A value that is the same for all."""


class CONDList(CONDRegular):
    """A list of tensors."""
