"""Sizes that a configuration states, compared with those of the weights before anything is built from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ..config import FastVAEConfig, VAEConfig, VDTConfig
from .header import CheckpointError
from .official_keys import FIRST_KEY
from .vae_keys import FIRST_KEY as VAE_FIRST_KEY
from .vae_keys import count_numbers


def check_vdt_sizes(config: VDTConfig, shapes: Mapping[str, Tensor], path: Path) -> None:
    """Raise CheckpointError unless the weights have the blocks, width, channels and tables that are stated."""
    blocks = count_numbers(shapes, r"blocks\.(\d+)\.")
    _check(path, {"depth": (config.depth, blocks, f"blocks.{blocks}.")})
    patch = (config.hidden_size, config.in_channels, config.patch_size, config.patch_size)
    tokens = (config.input_size // config.patch_size) ** 2
    _check_shapes(
        path,
        shapes,
        {
            FIRST_KEY: patch,
            "pos_embed": (1, tokens, config.hidden_size),
            "time_embed": (1, config.num_frames, config.hidden_size),
            "y_embedder.embedding_table.weight": (config.num_labels, config.hidden_size),
            "blocks.0.mlp.fc1.weight": (int(config.hidden_size * config.mlp_ratio), config.hidden_size),
        },
    )


def check_vae_sizes(config: VAEConfig | FastVAEConfig, shapes: Mapping[str, Tensor], path: Path) -> None:
    """Raise CheckpointError unless the weights have the levels, blocks and channels that are stated."""
    if isinstance(config, FastVAEConfig):
        _check_fast_vae_sizes(config, shapes, path)
        return
    levels = count_numbers(shapes, r"encoder\.down\.(\d+)\.")
    blocks = count_numbers(shapes, r"encoder\.down\.0\.block\.(\d+)\.")
    _check(
        path,
        {
            "levels": (len(config.ch_mult), levels, f"encoder.down.{levels}."),
            "num_res_blocks": (config.num_res_blocks, blocks, f"encoder.down.0.block.{blocks}."),
        },
    )
    _check_shapes(path, shapes, {VAE_FIRST_KEY: (config.ch, 3, 3, 3)})


def _check_fast_vae_sizes(config: FastVAEConfig, shapes: Mapping[str, Tensor], path: Path) -> None:
    for part, blocks in (("encoder", config.encoder_blocks), ("decoder", config.decoder_blocks)):
        found = sum(key.startswith(f"{part}.") and key.endswith(".conv1.weight") for key in shapes)
        _check(path, {f"{part}_blocks": (sum(blocks), found, f"{part}...conv1.weight")})


def _check(path: Path, sizes: Mapping[str, tuple[int, int, str]]) -> None:
    """Numbers of parts as stated and as found, with the first key that is missing; what is too many is listed later."""
    for name, (stated, found, missing) in sizes.items():
        if stated > found:
            raise CheckpointError(
                f"{path} is a checkpoint of another architecture: its configuration says {name} {stated}, its weights "
                f"have {found} (missing: {missing}...)"
            )


def _check_shapes(path: Path, shapes: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]) -> None:
    for key, shape in expected.items():
        if key in shapes and tuple(shapes[key].shape) != shape:  # missing keys are all listed later
            raise CheckpointError(
                f"{path} is a checkpoint of another architecture: {key} has shape {tuple(shapes[key].shape)}, its "
                f"configuration says {shape}"
            )
