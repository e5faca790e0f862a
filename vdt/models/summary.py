"""What a model is, in a few words: for `vdt info` and for the node that loads it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache

from ..config import ConditioningSpec, CrossAttentionSpec, VDTConfig
from .cost import ModelCost, count_cost


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """How a model is told what is given, what attends to what, which text it reads, and what one pass costs."""

    scheme: str
    attention: str
    text: str
    cost: str

    def describe(self) -> str:
        """Such as "mask scheme, factorized attention, no text, 7.9 M parameters, 4.0 GFLOPs a pass over ..."."""
        text = "no text" if self.text == "none" else f"text: {self.text}"
        return f"{self.scheme} scheme, {self.attention} attention, {text}, {self.cost}"


@lru_cache(maxsize=16)
def summarize(config: VDTConfig) -> ModelSummary:
    """A model in words; the cost is counted for a clip of its own size."""
    return ModelSummary(
        scheme=", ".join(_scheme(spec) for spec in config.conditioning if spec is not config.text) or "none",
        attention=config.attention,
        text=_text(config.text),
        cost=_cost_in_words(config),
    )


def _cost_in_words(config: VDTConfig) -> str:
    """Also of a configuration that nothing can be built of: files may hold one."""
    try:
        cost = _cost(config).describe()
    except (ValueError, RuntimeError):  # of torch, where a size overflows
        return "a size that cannot be built"
    return f"{cost} over {config.num_frames} frames of {config.input_size}x{config.input_size} cells"


def _cost(config: VDTConfig) -> ModelCost:
    """As `count_cost` counts it, from one block and two: all blocks are alike, and a large model has many."""
    one, two = (count_cost(replace(config, depth=depth)) for depth in (1, 2))
    more = config.depth - 1
    return ModelCost(
        parameters=one.parameters + more * (two.parameters - one.parameters),
        flops=one.flops + more * (two.flops - one.flops),
    )


def _scheme(spec: ConditioningSpec) -> str:
    """Its kind, and which of its options are on."""
    options = [field.name for field in fields(spec) if getattr(spec, field.name) is True]
    return f"{spec.kind} ({', '.join(options)})" if options else spec.kind


def _text(spec: CrossAttentionSpec | None) -> str:
    if spec is None:
        return "none"
    return f"{spec.encoder or 'embeddings'} of width {spec.width}"
