"""Damaged checkpoint files: headers, configurations, tensors, pickles; loaded, described, converted."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from ..family import Family
from ..mutate import damaged_bytes
from ..outcomes import LostError, check
from .checkpoint_damage import (
    changed_config,
    changed_header,
    foreign_names,
    odd_official,
    odd_pickle,
    odd_scales,
    odd_tensors,
)
from .material import save_tiny, tiny_model, tiny_vae
from .other_checkpoints import damaged_dit, damaged_pieces

KINDS = (
    *("header", "config", "bytes", "tensors", "pickle", "convert"),
    *("resume", "foreign", "convert", "scales", "pieces", "dit"),
)


class Checkpoints(Family):
    name = "checkpoints: loaded, converted"
    small = 180
    full = 4000
    piece = 2000

    def prepare(self, folder: Path) -> Any:
        import torch

        from vdt.checkpoints import change_dtype
        from vdt.training.loop import new_state
        from vdt.training.recipe import OptimRecipe

        model, vae = save_tiny(folder)
        small = [path.with_name(f"{path.stem}-int8.safetensors") for path in (model, vae)]
        for path, target in zip((model, vae), small, strict=True):
            change_dtype(path, target, "int8")
        official = {key: value for key, value in tiny_model().state_dict().items() if "mask" not in key}
        torch.save({"ema": official, "args": 5, "step": 3}, folder / "official.pt")
        state = new_state(tiny_model(), OptimRecipe(), 0)
        state.save(folder / "state.safetensors", "{}")
        return {
            "folder": folder,
            "files": [model, vae, *small],
            "small": small,
            "official": official,
            "canary": folder / "executed",
            "state": state,
            "saved": (folder / "state.safetensors").read_bytes(),
            "vae": tiny_vae().state_dict(),
        }

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        kind = KINDS[number % len(KINDS)]
        path = shared["folder"] / "case.safetensors"
        source = rng.choice(shared["files"])
        if kind == "header":
            path.write_bytes(changed_header(source.read_bytes(), rng))
        elif kind == "config":
            path.write_bytes(changed_config(source.read_bytes(), rng))
        elif kind == "bytes":
            path.write_bytes(damaged_bytes(source.read_bytes(), rng))
        elif kind == "tensors":
            path.write_bytes(odd_tensors(source.read_bytes(), rng))
        elif kind == "scales":
            source = rng.choice(shared["small"])
            path.write_bytes(odd_scales(source.read_bytes(), rng))
        elif kind == "pickle":
            return self._convert(shared, odd_pickle(shared, rng), rng)
        elif kind == "resume":
            return _resume(shared, path, rng)
        elif kind == "foreign":
            return _foreign(shared, path, rng)
        elif kind == "pieces":
            return damaged_pieces(shared["folder"] / "pieces", rng)
        elif kind == "dit":
            return damaged_dit(shared["folder"], rng)
        else:
            return self._convert(shared, odd_official(shared, rng), rng)
        return _load(path, source, rng)

    def _convert(self, shared: Any, source: Path, rng: random.Random) -> str | None:
        """Convert onto a good file, which stays as it was unless it is replaced by another good one."""
        from vdt.checkpoints import convert_official, load_model

        target = shared["folder"] / "out.safetensors"
        before = shared["files"][0].read_bytes()
        target.write_bytes(before)
        try:
            convert_official(source, target, num_heads=rng.choice((None, 2, 4, 0, -1, 3, 10**30)))
        except ValueError:
            if target.read_bytes() != before:
                raise LostError("the file that was there is no longer as it was") from None
            raise
        finally:
            check(not shared["canary"].exists(), "nothing within a pickle is executed")
        load_model(target)
        return None


def _load(path: Path, source: Path, rng: random.Random) -> str | None:
    from vdt.checkpoints import describe, load_model, load_vae

    described = None
    try:
        described = describe(path)
    finally:
        load = load_vae if source.name.startswith("vae") == (rng.random() < 0.9) else load_model
        module = load(path)
    check(described is not None and module is not None, "what loads can be described")
    return None


def _foreign(shared: Any, path: Path, rng: random.Random) -> str | None:
    """A VAE as other programs name it."""
    from safetensors.torch import save_file

    from vdt.checkpoints import describe, load_vae

    named = foreign_names(shared["vae"], rng)
    save_file({name: value.contiguous() for name, value in named.items()}, path)
    describe(path)
    vae = load_vae(path, num_groups=rng.choice((None, None, 8, 4, 0, -1, 7)))
    check(vae.config.z_channels > 0, "a VAE that loads has channels")
    return None


def _resume(shared: Any, path: Path, rng: random.Random) -> str | None:
    """A damaged state of a training run."""
    kind = rng.random()
    data = shared["saved"]
    damaged = changed_header if kind < 0.4 else odd_tensors if kind < 0.8 else damaged_bytes
    path.write_bytes(damaged(data, rng))
    shared["state"].load(path, "{}", changed=rng.random() < 0.5)
    return None
