"""Resumable checkpoints: weights, average, optimiser moments and random state in one safetensors file, no pickle."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..media.files import save_tensors
from .ema import EMA

FREE = ("optim.steps", "run")  # what may change between a checkpoint and the run that goes on from it


class DivergenceError(ValueError):
    """Training left the finite numbers; the message is one sentence for the user."""


@dataclass(kw_only=True, eq=False)
class TrainState:
    """Everything that decides the next step of a run."""

    model: nn.Module
    ema: EMA
    optimizers: dict[str, torch.optim.Optimizer]  # by kind, such as "adamw"
    generator: torch.Generator  # the one source of randomness: batches, masks, timesteps, noise
    step: int = 0

    def is_finite(self) -> bool:
        """Whether every weight and every average is a number."""
        values = [*self.model.state_dict().values(), *self.ema.shadow.values()]
        return all(bool(torch.isfinite(value).all()) for value in values if value.is_floating_point())

    def save(self, path: Path, recipe: str) -> None:
        """Write atomically; `recipe` is kept so that a resume with another one can be refused.

        Raises DivergenceError, and leaves the file as it was, if a weight is not finite.
        """
        if not self.is_finite():
            raise DivergenceError(
                f"the weights are not finite at step {self.step}, so {path.name} keeps the state before: lower lr, or "
                f"use precision float32, and run the same command again"
            )
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"ema.{name}": value for name, value in self.ema.shadow.items()}
        tensors["generator"] = self.generator.get_state()
        for kind, name, _, moments in self._moments():
            tensors |= {f"optimizer.{kind}/{name}/{key}": torch.as_tensor(value) for key, value in moments.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(tensors, path, {"kind": "training", "step": str(self.step), "recipe": recipe})

    def load(self, path: Path, recipe: str, *, changed: bool = False) -> None:
        """Continue from a file. With `changed`, a recipe that differs in more than FREE is taken all the same.

        Raises ValueError if the file belongs to another model, or to another recipe without `changed`.
        """
        metadata, tensors = _read(path)
        if not changed and (differences := recipe_differences(metadata["recipe"], recipe)):
            raise ValueError(
                f"{path} was made with another recipe ({'; '.join(differences[:4])}): put that back, go on with "
                f"--changed, or start over with --fresh"
            )
        live = {name: value.shape for name, value in self.model.state_dict().items()}
        saved = {name[6:]: value.shape for name, value in tensors.items() if name.startswith("model.")}
        if live != saved:
            raise ValueError(f"{path} holds another model than the recipe asks for: start over with --fresh")
        self.model.load_state_dict({name: tensors[f"model.{name}"] for name in live})
        with torch.no_grad():
            for name, value in self.ema.shadow.items():
                value.copy_(tensors[f"ema.{name}"])
        self._load_moments(tensors)
        self.generator.set_state(tensors["generator"])
        self.step = int(metadata["step"])

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
                kind, name, field = key.removeprefix("optimizer.").split("/")
                saved.setdefault((kind, name), {})[field] = value
        for kind, name, parameter, _ in self._moments():
            if moments := saved.get((kind, name)):
                own = self.optimizers[kind].state[parameter]
                own.clear()
                own.update({field: _placed(value, parameter) for field, value in moments.items()})


def recipe_json(recipe: Any) -> str:
    """A recipe as JSON, for metadata."""
    return json.dumps(dataclasses.asdict(recipe), sort_keys=True)


def recipe_differences(before: str, after: str) -> list[str]:
    """What differs between two recipes in JSON, besides FREE, such as "optim.lr is 0.01, was 0.001"."""
    old, new = (dict(_flat(json.loads(text))) for text in (before, after))
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    names = [name for name in names if not any(name == free or name.startswith(f"{free}.") for free in FREE)]
    return [f"{name} is {new.get(name, 'absent')}, was {old.get(name, 'absent')}" for name in names]


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values by dotted name."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _placed(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """A moment on its parameter's device; step counters stay where optimisers keep them."""
    return value.to(parameter.device) if value.ndim else value


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise ValueError(f"cannot resume from {path}: {error}; delete it or start over with --fresh") from error
    if not {"step", "recipe"} <= metadata.keys():
        raise ValueError(f"{path} is no checkpoint of a training run: delete it or start over with --fresh")
    return metadata, tensors
