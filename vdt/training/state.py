"""Resumable checkpoints: weights, average, optimiser moments and random state in one safetensors file, no pickle."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..files import save_tensors
from .ema import EMA


@dataclass(kw_only=True, eq=False)
class TrainState:
    """Everything that decides the next step of a run."""

    model: nn.Module
    ema: EMA
    optimizers: tuple[torch.optim.Optimizer, ...]
    generator: torch.Generator  # the one source of randomness: batches, masks, timesteps, noise
    step: int = 0

    def save(self, path: Path, recipe: str) -> None:
        """Write atomically; `recipe` is kept so that a resume with another one can be told."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"ema.{name}": value for name, value in self.ema.shadow.items()}
        tensors["generator"] = self.generator.get_state()
        for which, optimizer in enumerate(self.optimizers):
            for index, values in optimizer.state_dict()["state"].items():
                key = f"optimizer.{which}.{index}"
                tensors |= {f"{key}.{name}": torch.as_tensor(value) for name, value in values.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(tensors, path, {"kind": "training", "step": str(self.step), "recipe": recipe})

    def load(self, path: Path) -> str:
        """Continue from a file; returns the recipe it was made with. ValueError if it belongs to another model."""
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except (SafetensorError, OSError) as error:
            raise ValueError(f"cannot resume from {path}: {error}; delete it or start over with --fresh") from error
        live = {name: value.shape for name, value in self.model.state_dict().items()}
        saved = {name[6:]: value.shape for name, value in tensors.items() if name.startswith("model.")}
        if live != saved:
            raise ValueError(f"{path} holds another model than the recipe asks for: start over with --fresh")
        self.model.load_state_dict({name: tensors[f"model.{name}"] for name in live})
        with torch.no_grad():
            for name, value in self.ema.shadow.items():
                value.copy_(tensors[f"ema.{name}"])
        self._load_optimizers(tensors)
        self.generator.set_state(tensors["generator"])
        self.step = int(metadata["step"])
        return metadata["recipe"]

    def _load_optimizers(self, tensors: dict[str, Tensor]) -> None:
        moments: list[dict[int, dict[str, Any]]] = [{} for _ in self.optimizers]
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, which, index, name = key.split(".")
                moments[int(which)].setdefault(int(index), {})[name] = value
        for optimizer, state in zip(self.optimizers, moments, strict=True):
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def recipe_json(recipe: Any) -> str:
    """A recipe as JSON, for metadata."""
    return json.dumps(dataclasses.asdict(recipe), sort_keys=True)
