"""From the specs of a configuration to the conditioners of a transformer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...config import AdaLNSpec, CrossAttentionSpec, MaskSpec, TokenConcatSpec, VDTConfig
from .base import Conditioner
from .frames import AdaLNConditioner, CrossAttentionConditioner, TokenConcatConditioner
from .mask import MaskConditioner
from .text import TextConditioner

BUILDERS: dict[type[Any], Callable[[Any, VDTConfig], Conditioner]] = {
    MaskSpec: MaskConditioner,
    AdaLNSpec: AdaLNConditioner,
    CrossAttentionSpec: lambda spec, config: SOURCES[spec.source](spec, config),
    TokenConcatSpec: TokenConcatConditioner,
}
SOURCES: dict[str, Callable[[CrossAttentionSpec, VDTConfig], Conditioner]] = {
    "frames": CrossAttentionConditioner,
    "text": TextConditioner,
}


def build_conditioners(config: VDTConfig) -> list[Conditioner]:
    """One conditioner for each spec, in the order of the configuration."""
    return [BUILDERS[type(spec)](spec, config) for spec in config.conditioning]


def reads_context(config: VDTConfig) -> bool:
    """Whether blocks need cross-attention."""
    return any(isinstance(spec, CrossAttentionSpec) for spec in config.conditioning)
