"""A grid file: which runs are compared, what each changes of one recipe, and the budget that all of them get."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..bounds import MAX_CLIPS, MAX_SEED, MAX_STEPS, bounded, check_fields, shown
from ..media.files import write_text
from ..training.recipe import read_recipe
from ..training.toml import read_toml, to_toml

MAX_RUNS = 10_000
FIRST = "first"  # folder of a run's first stage, in its own
# Of each run's record: the error of the prediction, then what `vdt evaluate` measures.
METRICS = (
    "v_error",
    "centroid_px",
    "present",
    "psnr",
    "ssim",
    "contact_accuracy",
    "ball_iou",
    "target_iou",
    "ball_delta_e",
)


@dataclass(frozen=True, kw_only=True)
class FirstStage:
    """A share of the budget that trains another recipe first; the run starts from its weight."""

    share: float
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.share, bool) or not isinstance(self.share, (int, float)) or not 0 < self.share < 1:
            raise ValueError(f"share must be between 0 and 1, got {shown(self.share)}: of the run's budget")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row of the table: what it changes of the recipe, by dotted names such as "model.depth"."""

    name: str
    group: str = ""  # rows of one group are compared with each other
    changes: dict[str, Any] = field(default_factory=dict)
    first: FirstStage | None = None

    def __post_init__(self) -> None:
        if not self.name or not all(letter.isalnum() or letter in "-_." for letter in self.name):
            raise ValueError(f"a run's name is of letters, digits, -, _ and ., got {shown(self.name)}")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """That one variant has a better value than another; the report says whether the runs show it."""

    says: str
    better: str
    than: str
    metric: str = "v_error"

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ValueError(f"a claim's metric is one of {', '.join(METRICS)}, got {shown(self.metric)}")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A variant with one seed."""

    variant: Variant
    seed: int

    @property
    def name(self) -> str:
        """Its folder, such as "mask-s0"."""
        return f"{self.variant.name}-s{self.seed}"

    def share(self, *, first: bool) -> float:
        """The part of its budget that the first stage takes, or the part that is left for the run itself."""
        stage = self.variant.first
        if stage is None:
            return 1.0
        return stage.share if first else 1 - stage.share


@dataclass(frozen=True, kw_only=True)
class Grid:
    """All runs of a comparison; each gets the same budget, either minutes or steps."""

    title: str
    about: str = ""  # one paragraph above its table
    recipe: str  # relative to the grid file
    minutes: float = bounded(0, default=0)  # of each run
    steps: int = bounded(0, MAX_STEPS, 0)  # of each run
    variants: tuple[Variant, ...]
    claims: tuple[Claim, ...] = ()
    clock: Literal["wall", "cpu"] = "wall"  # cpu: the process' own time, for machines that do other work too
    seeds: tuple[int, ...] = bounded(0, MAX_SEED, (0,))
    count: int = bounded(1, MAX_CLIPS, 64)  # held-out clips on which each run is measured

    def __post_init__(self) -> None:
        check_fields(self)
        names = [variant.name for variant in self.variants]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the grid has several runs named {shown(repeated[0])}: each needs a name of its own")
        if bool(self.minutes) == bool(self.steps):
            raise ValueError("either minutes or steps must be above 0: the budget of each run")
        for claim in self.claims:
            if missing := {claim.better, claim.than} - set(names):
                raise ValueError(f"a claim is about {shown(missing.pop())}, expected some of {', '.join(names)}")
        if not 1 <= len(self.variants) * len(self.seeds) <= MAX_RUNS:
            raise ValueError(f"a grid has 1 to {MAX_RUNS:,} runs, got {len(self.variants)} x {len(self.seeds)} seeds")

    @property
    def runs(self) -> list[Run]:
        """Every variant with the first seed, then with the next: a grid that is stopped has compared all variants."""
        return [Run(variant=variant, seed=seed) for seed in self.seeds for variant in self.variants]


def read_grid(path: Path) -> Grid:
    """The grid in a TOML file; ValueError names what is unknown or out of place."""
    values = read_toml(path)
    runs = values.pop("runs", None)
    if not isinstance(runs, list) or not runs:
        raise ValueError(f"{path} has no [[runs]]: each names a run and what it changes")
    claims = values.pop("claims", [])
    known = [name for name in Grid.__dataclass_fields__ if name not in ("variants", "claims")]
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"{path}: unknown setting {shown(unknown[0])}, expected some of {', '.join(known)}")
    if missing := [name for name in ("title", "recipe") if name not in values]:
        raise ValueError(f"{path} needs {missing[0]}")
    seeds = values.pop("seeds", [0])
    try:
        return Grid(
            **values,
            seeds=tuple(seeds) if isinstance(seeds, list) else seeds,
            variants=tuple(_variant(run) for run in runs),
            claims=tuple(_record(Claim, claim, "a claim") for claim in claims),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_run_recipe(grid: Grid, grid_path: Path, run: Run, folder: Path, *, first: bool = False) -> Path:
    """The recipe of one run, or of its first stage, as a file; ValueError if it is none."""
    values = read_toml(grid_path.parent / grid.recipe)
    changes: dict[str, Any] = {**run.variant.changes, "run.seed": run.seed, "run.clock": grid.clock}
    stage = run.variant.first
    if stage and first:
        changes |= stage.changes
    elif stage:
        changes["init"] = f"{FIRST}/recipe.safetensors"
    if grid.steps:
        changes["optim.steps"] = max(1, round(grid.steps * run.share(first=first)))
    for name, value in changes.items():
        _set(values, name.split("."), value)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.toml"
    write_text(to_toml(values), path)
    read_recipe(path)
    return path


def _set(values: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise ValueError(f"{'.'.join(path)}: {name} is no table")
    values[path[-1]] = value


def _variant(run: Any) -> Variant:
    if not isinstance(run, dict) or not isinstance(run.get("name"), str):
        raise ValueError(f"each of [[runs]] needs a name, got {shown(run)}")
    if unknown := sorted(set(run) - {"name", "group", "set", "first"}):
        raise ValueError(f"run {run['name']}: unknown setting {shown(unknown[0])}, expected name, group, set or first")
    first = None
    if "first" in run:
        stage = dict(run["first"]) if isinstance(run["first"], dict) else {}
        own = _changes(run["name"], stage)
        first = _record(FirstStage, {**stage, "changes": own}, f"run {run['name']}: first")
    changes = _changes(run["name"], run)
    return Variant(name=run["name"], group=str(run.get("group", "")), changes=changes, first=first)


def _changes(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """What a run or its first stage sets."""
    changes = values.pop("set", {})
    if not isinstance(changes, dict):
        raise ValueError(f'run {name}: set must be a table such as {{"model.depth" = 12}}, got {shown(changes)}')
    return changes


def _record(kind: type[Any], values: Any, what: str) -> Any:
    """A record of the values of a table; ValueError for a name it does not have or lacks."""
    try:
        return kind(**values)
    except TypeError as error:
        names = ", ".join(kind.__dataclass_fields__).replace("changes", "set")
        raise ValueError(f"{what} is a table of {names}, got {shown(values)}") from error
