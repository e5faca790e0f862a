"""From the specs of a configuration to the conditioners of a transformer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...config import MaskSpec, VDTConfig
from .base import Conditioner
from .mask import MaskConditioner

BUILDERS: dict[type[Any], Callable[[Any, VDTConfig], Conditioner]] = {MaskSpec: MaskConditioner}


def build_conditioners(config: VDTConfig) -> list[Conditioner]:
    """One conditioner for each spec, in the order of the configuration."""
    return [BUILDERS[type(spec)](spec, config) for spec in config.conditioning]
