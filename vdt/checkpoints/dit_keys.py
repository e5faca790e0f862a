"""DiT image checkpoints as the spatial half of a VDT (arXiv 2212.09748): their keys and what they mean are the same.

A DiT has no temporal branch and no table of frames, and its table of labels has a row for each class of ImageNet and
one for none, which is the one that a VDT takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..config import VDTConfig
from ..models.block import VDTBlock
from ..models.transformer import VDT
from .header import PICKLES, CheckpointError, check_exists, open_checkpoint
from .load import misfits
from .official_keys import FIRST_KEY, TABLES
from .wrappers import find_networks

LABELS = "y_embedder.embedding_table.weight"
TEMPORAL = "temporal_"


def is_dit(path: str | Path) -> bool:
    """Whether a file holds the weights of an image transformer: the keys of one, and no temporal branch."""
    path = Path(path)
    check_exists(path)
    if path.suffix.lower() in PICKLES:
        return any(_is_spatial(each.tensors) for each in find_networks(_unpickled(path), FIRST_KEY))
    with open_checkpoint(path) as file:
        if (file.metadata() or {}).get("format") == "vdt":
            return False
        names = {key: torch.empty(0) for key in file.keys()}  # noqa: SIM118 - not a dict
    return any(_is_spatial(each.tensors) for each in find_networks(names, FIRST_KEY))


def graft_dit(path: str | Path, config: VDTConfig, generator: torch.Generator | None = None) -> VDT:
    """A VDT whose spatial weights are a DiT's and whose temporal branch begins as identity.

    Every frame of what it makes is then what the image model makes of that frame. For that the places of frames are
    told to the temporal branch alone (`time_positions = "temporal"`). Raises CheckpointError where the weights and the
    configuration do not fit each other.
    """
    path = Path(path)
    check_exists(path)
    content = _unpickled(path) if path.suffix.lower() in PICKLES else _tensors(path)
    networks = [each for each in find_networks(content, FIRST_KEY) if _is_spatial(each.tensors)]
    if not networks:
        raise CheckpointError(
            f"{path} holds no image transformer with the keys of a DiT: expected {FIRST_KEY} and others"
        )
    if config.time_positions != "temporal" or config.diffusion.prediction != "epsilon":
        raise CheckpointError(
            f'{path} is a DiT, which predicts noise and knows no frames: set time_positions = "temporal" and '
            f'diffusion = {{ prediction = "epsilon" }} in [model], got "{config.time_positions}" and '
            f'"{config.diffusion.prediction}"'
        )
    model = VDT(config, generator)
    _fill(model, _spatial_weights(networks[0].tensors, config), path)
    for block in (each for each in model.blocks if isinstance(each, VDTBlock)):
        nn.init.zeros_(block.temporal_fc.weight)
        nn.init.zeros_(block.temporal_fc.bias)
    return model


def _spatial_weights(state: Mapping[str, Tensor], config: VDTConfig) -> dict[str, Tensor]:
    """The weights by the names of a VDT; the tables of places are computed, and of the labels "none" is taken."""
    weights = {key: value for key, value in state.items() if key not in TABLES}
    if LABELS in weights and weights[LABELS].ndim == 2:  # of any other the shape is refused
        weights[LABELS] = weights[LABELS][-1:].expand(config.num_labels, -1)
    return weights


@torch.no_grad()
def _fill(model: VDT, weights: Mapping[str, Tensor], path: Path) -> None:
    """Copy weights into a model; CheckpointError unless all of its spatial ones are there, and no others."""
    own = dict(model.named_parameters())
    new = tuple(f"{each.module_name}." for each in model.conditioners)  # what a DiT does not have
    needed = {
        name: value
        for name, value in own.items()
        if TEMPORAL not in name and "cross_" not in name and not name.startswith(new)
    }
    if lists := misfits(needed, weights, own):
        raise CheckpointError(f"{path} does not fit the model of the recipe: {lists}")
    for name in needed:
        own[name].copy_(weights[name])


def _is_spatial(tensors: Mapping[str, Any]) -> bool:
    return "blocks.0.attn.qkv.weight" in tensors and not any(TEMPORAL in name for name in tensors)


def _tensors(path: Path) -> dict[str, Tensor]:
    with open_checkpoint(path) as file:
        return {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 - not a dict


def _unpickled(path: Path) -> Any:
    """A pickle of tensors; nothing in it is run."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"{path} cannot be read as weights ({type(error).__name__}): get it again") from error
