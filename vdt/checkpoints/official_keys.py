"""What the names and shapes of official VDT weights tell: where they lie in a file and which configuration they fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..config import VDT_CONFIGS, VDTConfig
from ..models.layers import spatial_table, temporal_table
from .wrappers import find_networks, find_shadows, find_tensor, list_entries

FIRST_KEY = "x_embedder.proj.weight"  # tells a VDT from every other kind of file
TABLES = ("pos_embed", "time_embed")  # stored, never trained: what a file lacks is computed
HEADS_OF_WIDTH = {1152: 16, 384: 6, 768: 12, 1024: 16}  # the DiT family
NAMED_KEYS = 10  # how many keys an error lists


def find_weights(content: Any) -> list[tuple[dict[str, Tensor], str]]:
    """All VDT weights in what a file held, best first, each with where it was; see `wrappers`.

    Position tables that lie elsewhere in the file are among them. ValueError lists the entries of a file without any.
    """
    if not isinstance(content, (Mapping, list, tuple)):
        raise ValueError(f"got a {type(content).__name__}, expected a dict of weights")
    networks = find_networks(content, FIRST_KEY)
    if not networks and not isinstance(content, Mapping):
        raise ValueError(f"got a {type(content).__name__}, expected a dict of weights")
    if not networks:
        raise ValueError(
            f"no VDT: no entry holds {FIRST_KEY}, under any prefix; found {list_entries(content)}, so no weights of one"
        )
    shadows = [
        (named, ".".join(path))
        for path, tensors in find_shadows(content)
        if (named := _named(tensors, [network.tensors for network in networks]))
    ]
    found = [(dict(network.tensors), network.name) for network in networks]
    averaged = sum(network.averaged for network in networks)
    tables = {key: table for key in TABLES if (table := find_tensor(content, key, ndim=3)) is not None}
    return [({**tables, **state}, name) for state, name in [*found[:averaged], *shadows, *found[averaged:]]]


def _named(tensors: list[Tensor], like: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor] | None:
    """Parameters without names under those of weights beside them that have the same shapes, tables or not."""
    shapes = [each.shape for each in tensors]
    for state in like:
        for keys in (list(state), [key for key in state if key not in TABLES]):
            if [state[key].shape for key in keys] == shapes:
                return dict(zip(keys, tensors, strict=True))
    return None


def with_tables(state: Mapping[str, Tensor], config: VDTConfig) -> dict[str, Tensor]:
    """The weights, with position tables computed where they have none."""
    side = config.input_size // config.patch_size
    like = state[FIRST_KEY]
    whole = dict(state)
    if "pos_embed" not in whole:
        whole["pos_embed"] = spatial_table(side, side, config.hidden_size).to(like)
    if "time_embed" not in whole:
        whole["time_embed"] = temporal_table(config.num_frames, config.hidden_size).to(like)
    return whole


def infer_vdt_config(state: Mapping[str, Tensor], num_heads: int | None = None) -> VDTConfig:
    """Configuration of official weights, read from their shapes.

    num_heads leaves no trace in the shapes: by default that of the DiT model of the same width. The native size of
    weights without tables is that of the released models.
    Raises ValueError when the keys that carry the sizes are missing or no number of heads is known.
    """
    width, in_channels, patch, _ = _shape(state, FIRST_KEY, 4)
    native = VDTConfig(hidden_size=1, depth=1, num_heads=1)  # without tables: the sizes of the released models
    _, patches, _ = _shape(state, "pos_embed", 3) if "pos_embed" in state else (1, (native.input_size // 2) ** 2, 0)
    _, num_frames, _ = _shape(state, "time_embed", 3) if "time_embed" in state else (1, native.num_frames, 0)
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
        mlp_ratio=mlp_width / max(width, 1),
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
