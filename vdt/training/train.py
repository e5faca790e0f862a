"""From a recipe to a trained file: `vdt train RECIPE.toml`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from .. import ranks
from .build import build_objective
from .export import Exporter, current_commit
from .loop import Loop, new_state
from .objectives import Objective, check_parts
from .parallel import checkpoints
from .parallel.network import Network, check_sharding, prepare, without_temporal
from .recipe import Recipe, RunRecipe, read_recipe
from .scoring import scores_of
from .state import recipe_json

__all__ = ["TrainResult", "current_commit", "train_from_recipe"]


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """Where a run left its files."""

    folder: Path
    weight: Path
    step: int
    finished: bool
    seconds: float  # trained for, by the clock of the recipe, earlier parts of the run included


def train_from_recipe(
    path: str | Path,
    *,
    output: Path | None = None,
    device: str = "cpu",
    resume: bool = True,
    changed: bool = False,
    progress: bool = True,
    minutes: float | None = None,
    weights_every: float | None = None,
    cache: Path | None = None,
) -> TrainResult:
    """Train what a recipe describes, from where an earlier run of it stopped unless `resume` is off.

    Everything is written to `output` (default runs/<recipe name>): a checkpoint to resume from, contact sheets,
    TensorBoard scalars, and the averaged weights as <recipe name>.safetensors. `minutes` and `weights_every` (seconds)
    stand in the place of what [run] says. Encoded clips are kept in `cache` (default: `output`). Under `torchrun` all
    processes train one model together. A checkpoint of another recipe is refused unless only `steps` or [run] differ,
    or `changed` is on. ValueError for a bad recipe or state, for a run that diverges, whose last good checkpoint is
    kept, and where another process is gone.
    """
    path = Path(path)
    recipe = _with(read_recipe(path), minutes=minutes, weights_every=weights_every)
    folder = output or Path("runs") / path.stem
    device = ranks.device_of(ranks.current(), device)
    check_parts(recipe, ranks.current())
    check_sharding(recipe.optim, recipe.run, ranks.current())
    ranks.join(device)
    objective = build_objective(recipe, path, cache or folder, device, progress=progress)
    return _train(objective, recipe, folder, path.stem, resume=resume, changed=changed, progress=progress)


def _train(
    objective: Objective, recipe: Recipe, folder: Path, name: str, *, resume: bool, changed: bool, progress: bool
) -> TrainResult:
    """Train what was built; its files have that name."""
    module = objective.module
    if getattr(recipe, "mode", "") == "spatial":
        without_temporal(module, fresh=not recipe.init)
    prepare(module, recipe.optim)
    network = Network(objective, ranks.current(), recipe.optim, recipe.run)
    state = new_state(module, recipe.optim, recipe.run.seed)
    found = checkpoints.newest(folder) if resume else None
    if found is not None:
        checkpoints.load(state, found, recipe_json(recipe), changed=changed)
    exporter = Exporter(objective, state, recipe, folder, name)
    loop = Loop(
        objective,
        state,
        recipe.optim,
        recipe.run,
        folder,
        recipe_json(recipe),
        network=network,
        publish=exporter.publish,
        scores=scores_of(objective, recipe, folder, state.step, ranks.current()),
        keep_best=exporter.keep_best,
    )
    finished = loop.run(progress=progress)
    weight = exporter.export()
    return TrainResult(folder=folder, weight=weight, step=state.step, finished=finished, seconds=state.seconds)


def _with(recipe: Recipe, **settings: float | None) -> Recipe:
    """The recipe with these settings of [run]; ValueError where one is out of its bounds."""
    given = {name: float(value) for name, value in settings.items() if value is not None}
    run: RunRecipe = dataclasses.replace(recipe.run, **given)  # type: ignore[arg-type]
    return dataclasses.replace(recipe, run=run)
