"""Damaged checkpoints that are no single file of ours: folders of pieces, and image transformers to begin with."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

from ..mutate import damaged_bytes, mutated
from ..outcomes import check
from .checkpoint_damage import changed_header, odd_tensors
from .material import tiny_model


def damaged_pieces(folder: Path, rng: random.Random) -> str | None:
    """A model in pieces, with a damaged index or piece, or one that is missing."""
    from vdt.checkpoints import describe, load_model, save_sharded, shards

    shutil.rmtree(folder, ignore_errors=True)
    model = tiny_model()
    before, shards.MAX_PIECE = shards.MAX_PIECE, 60_000
    try:
        save_sharded(model.state_dict(), model.config, folder)
    finally:
        shards.MAX_PIECE = before
    index = folder / shards.INDEX
    piece = rng.choice(sorted(folder.glob("*.safetensors")))
    kind = rng.randrange(6)
    if kind == 0:
        index.write_bytes(damaged_bytes(index.read_bytes(), rng))
    elif kind == 1:
        index.write_text(json.dumps(mutated(json.loads(index.read_text()), rng)))
    elif kind == 2:
        piece.unlink()
    elif kind < 5:
        damage = rng.choice((changed_header, odd_tensors, damaged_bytes))
        piece.write_bytes(damage(piece.read_bytes(), rng))
    source = rng.choice((folder, index))
    describe(source)
    check(load_model(source) is not None, "what can be described loads")
    return None


def damaged_dit(folder: Path, rng: random.Random) -> str | None:
    """A DiT, of other sizes, with tensors left out, renamed or of another shape, as safetensors or as a pickle."""
    import torch
    from safetensors.torch import save_file

    from vdt.checkpoints import graft_dit, is_dit

    model = tiny_model()
    weights = {
        name: value.clone()
        for name, value in model.state_dict().items()
        if "temporal_" not in name and "mask" not in name and name != "time_embed"
    }
    for _ in range(rng.randrange(3)):
        _change(weights, rng)
    path = folder / rng.choice(("dit.safetensors", "dit.pt"))
    if path.suffix == ".pt":
        torch.save(rng.choice((weights, {"ema": weights}, {"model": weights, "step": 3})), path)
    else:
        save_file({name: value.contiguous() for name, value in weights.items()}, path)
    if rng.random() < 0.3:
        path.write_bytes(damaged_bytes(path.read_bytes(), rng))
    is_dit(path)
    made = graft_dit(path, _config(model.config, rng))
    check(not made.blocks[0].temporal_fc.weight.any(), "the temporal branch begins as identity")
    return None


def _change(weights: dict[str, Any], rng: random.Random) -> None:
    name = rng.choice(sorted(weights))
    kind = rng.randrange(4)
    if kind == 0:
        del weights[name]
    elif kind == 1:
        weights[f"x.{name}"] = weights.pop(name)
    elif kind == 2:
        weights[name] = weights[name][None]
    else:
        weights[name] = weights[name].flatten()[: rng.randrange(4)]


def _config(config: Any, rng: random.Random) -> Any:
    """The configuration that a recipe gives, mostly one that fits a DiT."""
    import dataclasses

    noise = dataclasses.replace(config.diffusion, prediction=rng.choice(("epsilon", "epsilon", "epsilon", "v")))
    times = rng.choice(("temporal", "temporal", "temporal", config.time_positions))
    return dataclasses.replace(config, time_positions=times, diffusion=noise)
