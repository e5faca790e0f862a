"""Resumable checkpoints: weights, average, optimiser moments and random state in one safetensors file, no pickle."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from .. import ranks
from ..config import FastVAEConfig, VAEConfig, VDTConfig
from ..media.files import save_tensors
from .optim.ema import EMA, local
from .recipe import VAERecipe, VDTRecipe

# What may change between a checkpoint and the run that goes on from it.
FREE = ("optim.steps", "optim.accumulate", "optim.activation_checkpointing", "optim.compile", "optim.recover", "run")
AVERAGES = ("ema", "ema_long")


class DivergenceError(ValueError):
    """Training left the finite numbers; the message is one sentence for the user."""


class NoCheckpointError(ValueError):
    """A file that no training run has written; the message is one sentence for the user."""


@dataclass(kw_only=True, eq=False)
class TrainState:
    """Everything that decides the next step of a run."""

    model: nn.Module
    ema: EMA
    optimizers: dict[str, torch.optim.Optimizer]  # by kind, such as "adamw"
    generator: torch.Generator  # the one source of randomness: batches, masks, timesteps, noise
    step: int = 0
    seconds: float = 0.0  # trained for so far
    ema_long: EMA | None = None
    rate: float = 1.0  # of the recipe's learning rate: less after the run has gone back from a jump

    @property
    def averages(self) -> dict[str, EMA]:
        """The averages that are kept, by name."""
        return {name: average for name in AVERAGES if (average := getattr(self, name)) is not None}

    def follow(self) -> None:
        """Bring the averages up to date after an optimiser step, and count it."""
        for average in self.averages.values():
            average.update(self.step)
        self.step += 1

    def is_finite(self) -> bool:
        """Whether every weight and every average is a number, in the part that this process holds."""
        averages = [value for average in self.averages.values() for value in average.shadow.values()]
        values = [local(value) for value in (*self.model.state_dict().values(), *averages)]
        return all(bool(torch.isfinite(value).all()) for value in values if value.is_floating_point())

    # ---- Out ---------------------------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name, sharded where the model is."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for kind, average in self.averages.items():
            tensors |= {f"{kind}.{name}": value for name, value in average.shadow.items()}
        tensors["generator"] = self.generator.get_state()
        for kind, name, _, moments in self._moments():
            tensors |= {f"optimizer.{kind}/{name}/{key}": torch.as_tensor(value) for key, value in moments.items()}
        return tensors

    def metadata(self, recipe: str) -> dict[str, str]:
        """What is kept beside the tensors; `recipe` so that a resume with another one can be refused."""
        counted = {"step": str(self.step), "seconds": repr(self.seconds), "rate": repr(self.rate)}
        return {"kind": "training", **counted, "recipe": recipe}

    def check_finite(self, name: str) -> None:
        """Raise DivergenceError if a weight or an average is not finite in any process; `name` is the checkpoint's."""
        if ranks.largest(float(not self.is_finite()))[0]:
            raise DivergenceError(
                f"the weights are not finite at step {self.step}, so {name} keeps the state before: lower lr, or "
                f"use precision float32, and run the same command again"
            )

    def save(self, path: Path, recipe: str) -> None:
        """Write one file atomically.

        Raises DivergenceError, and leaves the file as it was, if a weight is not finite.
        """
        self.check_finite(path.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(self.tensors(), path, self.metadata(recipe))

    # ---- In ----------------------------------------------------------------------------------------------------------

    def load(self, path: Path, recipe: str, *, changed: bool = False) -> None:
        """Continue from a file. With `changed`, a recipe that differs in more than FREE is taken all the same.

        Raises ValueError if the file belongs to another model, or to another recipe without `changed`.
        """
        metadata, tensors = _read(path)
        shapes = {name: value.shape for name, value in tensors.items()}
        with _damaged(path):
            self.check(path, metadata["recipe"], shapes, recipe, changed=changed)
            self.restore(metadata, tensors)

    def check(
        self, path: Path, before: str, shapes: Mapping[str, torch.Size], recipe: str, *, changed: bool = False
    ) -> None:
        """ValueError unless a checkpoint of the recipe `before` with tensors of these shapes may be gone on from."""
        if not changed and (differences := recipe_differences(before, recipe)):
            raise ValueError(
                f"{path} was made with another recipe ({'; '.join(differences[:4])}): put that back, go on with "
                f"--changed, or start over with --fresh"
            )
        live = {name: value.shape for name, value in self.model.state_dict().items()}
        saved = {name[6:]: shape for name, shape in shapes.items() if name.startswith("model.")}
        if live != saved:
            raise ValueError(f"{path} holds another model than the recipe asks for: start over with --fresh")

    @torch.no_grad()
    def restore(self, metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> None:
        """Take over the tensors of a checkpoint that `check` has passed."""
        live = self.model.state_dict()
        self.model.load_state_dict({name: placed(tensors[f"model.{name}"], like) for name, like in live.items()})
        for kind, average in self.averages.items():
            for name, value in average.shadow.items():
                saved = tensors.get(f"{kind}.{name}", tensors[f"ema.{name}"])  # a new average begins with the old one
                if saved.shape != value.shape:
                    raise KeyError(f"{kind}.{name}")
                value.copy_(placed(saved, value))
        self._load_moments(tensors)
        self.generator.set_state(tensors["generator"])
        self.step = int(metadata["step"])
        self.seconds = float(metadata.get("seconds", 0.0))
        self.rate = float(metadata.get("rate", 1.0))

    def _moments(self) -> Iterator[tuple[str, str, nn.Parameter, Mapping[str, Any]]]:
        """(optimiser, parameter's name, parameter, its moments) of all that is trained."""
        names = {parameter: name for name, parameter in self.model.named_parameters()}
        for kind, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    yield kind, names[parameter], parameter, optimizer.state.get(parameter, {})

    def _load_moments(self, tensors: Mapping[str, Tensor]) -> None:
        """Give each parameter the moments that this kind of optimiser had for it; others start anew."""
        saved: dict[tuple[str, str], dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                kind, _, rest = key.removeprefix("optimizer.").partition("/")
                name, _, field = rest.partition("/")
                saved.setdefault((kind, name), {})[field] = value
        for kind, name, parameter, _ in self._moments():
            if moments := saved.get((kind, name)):
                if wrong := [
                    field for field, value in moments.items() if value.ndim and value.shape != parameter.shape
                ]:
                    raise KeyError(f"{wrong[0]} of {name}")
                own = self.optimizers[kind].state[parameter]
                own.clear()
                own.update({field: placed(value, parameter) for field, value in moments.items()})


def recipe_json(recipe: Any) -> str:
    """A recipe as JSON, for metadata."""
    return json.dumps({**dataclasses.asdict(recipe), "model": recipe.model.to_dict()}, sort_keys=True)


def recipe_differences(before: str, after: str) -> list[str]:
    """What differs between two recipes in JSON, besides FREE, such as "optim.lr is 0.01, was 0.001"."""
    old, new = (dict(_flat(_completed(json.loads(text)))) for text in (before, after))
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    names = [name for name in names if not any(name == free or name.startswith(f"{free}.") for free in FREE)]
    return [f"{name} is {new.get(name, 'absent')}, was {old.get(name, 'absent')}" for name in names]


def _completed(values: dict[str, Any]) -> dict[str, Any]:
    """A recipe of an older version with the settings that it could not have yet: they hold their defaults."""
    if not {"model", "optim"} <= values.keys():
        return values  # no recipe of ours
    kind: type[VAERecipe] | type[VDTRecipe] = VAERecipe if "kl" in values else VDTRecipe
    whole = _over(json.loads(recipe_json(kind())), values)
    found = values["model"]
    config = VDTConfig if kind is VDTRecipe else FastVAEConfig if "widths" in found else VAEConfig
    for spec in found.get("conditioning", []):  # masked modelling was the only scheme that did not say so
        if isinstance(spec, dict):
            spec.setdefault("kind", "mask")
    with contextlib.suppress(ValueError):  # a model of another version, which is not equal then
        whole["model"] = json.loads(config.from_dict(found).to_json())
    return whole


def _over(defaults: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Defaults with these values in their place, table by table; the mix of tasks is one value."""
    merged = {**defaults, **values}
    for name, value in defaults.items():
        if isinstance(value, dict) and value and isinstance(values.get(name), dict):
            merged[name] = _over(value, values[name])
    return merged


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values by dotted name."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def placed(value: Tensor, like: Tensor) -> Tensor:
    """A tensor on another one's device, sharded as that is; step counters stay where optimisers keep them."""
    if not value.ndim or hasattr(value, "to_local"):
        return value
    if not hasattr(like, "to_local") or value.shape != like.shape:
        return value.to(local(like).device)
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    return distribute_tensor(value.to(local(like).device), like.device_mesh, like.placements)


@contextlib.contextmanager
def _damaged(path: Path) -> Iterator[None]:
    """Entries that a checkpoint lacks, or that are of another kind or shape, as one sentence."""
    try:
        yield
    except (LookupError, RuntimeError, TypeError, AttributeError) as error:
        said = " ".join(str(error).split())[:200]
        raise ValueError(
            f"cannot resume from {path}: it is damaged ({said}); delete it or start over with --fresh"
        ) from error


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise ValueError(f"cannot resume from {path}: {error}; delete it or start over with --fresh") from error
    check_metadata(path, metadata)
    return metadata, tensors


def check_metadata(path: Path, metadata: Any) -> None:
    """NoCheckpointError unless step, seconds, rate and recipe are what a run writes."""
    if not isinstance(metadata, dict) or not {"step", "recipe"} <= metadata.keys() or not _is_readable(metadata):
        raise NoCheckpointError(f"{path} is no checkpoint of a training run: delete it or start over with --fresh")


def _is_readable(metadata: Mapping[str, str]) -> bool:
    """Whether values that are there can be read."""
    try:
        return (
            int(metadata["step"]) >= 0 <= float(metadata.get("seconds", 0))
            and isinstance(json.loads(metadata["recipe"]), dict)
            and 0 < float(metadata.get("rate", 1)) <= 1
        )
    except (ValueError, TypeError, RecursionError):
        return False


def read_metadata(path: Path) -> dict[str, str]:
    """What a file says of itself; ValueError where it cannot be read."""
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"cannot resume from {path}: {error}; delete it or start over with --fresh") from error
