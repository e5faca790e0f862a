"""What the names and shapes of official VDT weights tell: where they lie in a file and which configuration they fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..config import VDT_CONFIGS, VDTConfig

FIRST_KEY = "x_embedder.proj.weight"  # tells a VDT from every other kind of file
CONTAINERS = ("ema", "model", "state_dict")  # where training scripts keep the weights, best first
HEADS_OF_WIDTH = {1152: 16, 384: 6, 768: 12, 1024: 16}  # the DiT family
NAMED_KEYS = 10  # how many keys an error lists


def find_weights(content: Any) -> tuple[dict[str, Tensor], str]:
    """The weights in what a .pt file held, and where they were: "bare state dict" or the name of the entry."""
    if not isinstance(content, Mapping):
        raise ValueError(f"got a {type(content).__name__}, expected a dict of weights")
    entry = next((key for key in CONTAINERS if isinstance(content.get(key), Mapping)), None)
    weights = content if entry is None else content[entry]
    state = {str(key).removeprefix("module."): value for key, value in weights.items() if isinstance(value, Tensor)}
    return state, entry or "bare state dict"


def infer_vdt_config(state: Mapping[str, Tensor], num_heads: int | None = None) -> VDTConfig:
    """Configuration of official weights, read from their shapes.

    num_heads leaves no trace in the shapes: by default that of the DiT model of the same width.
    Raises ValueError when the keys that carry the sizes are missing or no number of heads is known.
    """
    width, in_channels, patch, _ = _shape(state, FIRST_KEY, 4)
    _, patches, _ = _shape(state, "pos_embed", 3)
    _, num_frames, _ = _shape(state, "time_embed", 3)
    num_labels, _ = _shape(state, "y_embedder.embedding_table.weight", 2)
    mlp_width, _ = _shape(state, "blocks.0.mlp.fc1.weight", 2)
    outputs, _ = _shape(state, "final_layer.linear.weight", 2)
    num_heads = HEADS_OF_WIDTH.get(width) if num_heads is None else num_heads
    if num_heads is None:
        raise ValueError(
            f"weights do not tell their number of attention heads, and width {width} is none of "
            f"{sorted(HEADS_OF_WIDTH)}: pass --num-heads"
        )
    if num_heads < 1:
        raise ValueError(f"the number of attention heads must be positive, got {num_heads}")
    return VDTConfig(
        hidden_size=width,
        depth=len({key.split(".")[1] for key in state if key.startswith("blocks.")}),
        num_heads=num_heads,
        patch_size=patch,
        in_channels=in_channels,
        num_frames=num_frames,
        input_size=math.isqrt(patches) * patch,
        mlp_ratio=mlp_width / width,
        learn_sigma=outputs == 2 * in_channels * patch**2,
        num_labels=num_labels,
    )


def architecture_name(config: VDTConfig) -> str:
    """Public name such as "VDT-L/2", else "custom"; native size, labels and noise process are not part of a name."""
    for name, known in VDT_CONFIGS.items():
        same = replace(
            config,
            num_frames=known.num_frames,
            input_size=known.input_size,
            num_labels=known.num_labels,
            diffusion=known.diffusion,
        )
        if same == known:
            return name
    return "custom"


def first_keys(keys: Mapping[str, Any] | list[str]) -> str:
    """The first few of many keys, for an error message."""
    keys = list(keys)
    return ", ".join(keys[:NAMED_KEYS]) + (", ..." if len(keys) > NAMED_KEYS else "")


def _shape(state: Mapping[str, Tensor], key: str, ndim: int) -> tuple[int, ...]:
    if key not in state:
        raise ValueError(f"no VDT: missing key {key}; found {first_keys(list(state)) or 'no weights'}")
    if state[key].ndim != ndim:
        raise ValueError(f"no VDT: {key} has shape {tuple(state[key].shape)}, expected {ndim} axes")
    return tuple(state[key].shape)
