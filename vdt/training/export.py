"""The files that a run leaves: averaged weights in half precision, whole or in small pieces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from ..checkpoints import save_model, save_sharded, save_vae
from ..inference.prompt import WORDS_KEY, Vocabulary
from ..ranks import current
from ..visualize.latent_preview import PREVIEW_KEY
from .objectives import Objective, VDTObjective
from .parallel.network import whole
from .recipe import Recipe
from .state import TrainState, recipe_json
from .vae_objective import VAEObjective

NAMES = {"ema": "", "ema_long": "-long"}  # what the file of each average has after its name


class Exporter:
    """Writes the averages of a run; every process calls it, the first one writes."""

    def __init__(self, objective: Objective, state: TrainState, recipe: Recipe, folder: Path, name: str) -> None:
        self.objective, self.state, self.recipe = objective, state, recipe
        self.folder, self.name = folder, name
        self.is_first = current().is_first

    def export(self) -> Path:
        """Every average as a file of its own; where the first one lies."""
        for kind, average in self.state.averages.items():
            weights = whole(average.state_dict())
            if self.is_first:
                self._write(weights, self.folder / f"{self.name}{NAMES[kind]}.safetensors", self._save)
        return self.folder / f"{self.name}.safetensors"

    def publish(self) -> None:
        """The first average in pieces below 16 MiB, in a folder that `load_model` reads at any time."""
        weights = whole(self.state.ema.state_dict())
        if self.is_first:
            self._write(weights, self.folder / f"{self.name}-weights", save_sharded)

    def keep_best(self) -> None:
        """The first average as it is now, as NAME-best.safetensors."""
        self._write(whole(self.state.ema.state_dict()), self.folder / f"{self.name}-best.safetensors", self._save)

    def _write(self, weights: dict[str, Tensor], path: Path, save: Callable[..., None]) -> None:
        metadata = {
            "recipe": recipe_json(self.recipe),
            "step": str(self.state.step),
            "seconds": f"{self.state.seconds:.0f}",
            "seed": str(self.recipe.run.seed),
            "commit": current_commit(),
        }
        halves = {name: value.half() for name, value in self.objective.exported(weights).items()}
        if isinstance(self.objective, VDTObjective):
            metadata[PREVIEW_KEY] = self.objective.clips.preview.to_json()
            if (captions := self.objective.captions) is not None:
                metadata[WORDS_KEY] = Vocabulary.of(captions.texts).to_json()
        save(halves, self.objective.module.config, path, metadata)

    def _save(self, *arguments: object) -> None:
        save = save_vae if isinstance(self.objective, VAEObjective) else save_model
        save(*arguments)  # type: ignore[arg-type]


def current_commit() -> str:
    """The commit of the checkout that this file lies in, read without git; "unknown" outside of one."""
    git = next((folder / ".git" for folder in Path(__file__).resolve().parents if (folder / ".git").is_dir()), None)
    try:
        head = (git / "HEAD").read_text(encoding="ascii").strip() if git else ""
        name = head.removeprefix("ref: ")
        if git is None or name == head:
            return head or "unknown"
        if (git / name).is_file():
            return (git / name).read_text(encoding="ascii").strip()
        lines = (git / "packed-refs").read_text(encoding="utf-8").splitlines()
        return next((line.split()[0] for line in lines if line.endswith(f" {name}")), "unknown")
    except (OSError, UnicodeDecodeError):
        return "unknown"
