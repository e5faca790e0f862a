"""A grid file: which runs are compared, what each changes of one recipe, and the budget that all of them get."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..bounds import MAX_CLIPS, MAX_SEED, bounded, check_fields, shown
from ..media.files import write_text
from ..training.recipe import read_recipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_RUNS = 10_000


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row of the table: what it changes of the recipe, by dotted names such as "model.depth"."""

    name: str
    group: str = ""  # rows of one group are compared with each other
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or not all(letter.isalnum() or letter in "-_." for letter in self.name):
            raise ValueError(f"a run's name is of letters, digits, -, _ and ., got {shown(self.name)}")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A variant with one seed."""

    variant: Variant
    seed: int

    @property
    def name(self) -> str:
        """Its folder, such as "mask-s0"."""
        return f"{self.variant.name}-s{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Grid:
    """All runs of a comparison; each gets the same budget."""

    title: str
    recipe: str  # relative to the grid file
    minutes: float = bounded(0)  # of each run
    variants: tuple[Variant, ...]
    clock: Literal["wall", "cpu"] = "wall"  # cpu: the process' own time, for machines that do other work too
    seeds: tuple[int, ...] = bounded(0, MAX_SEED, (0,))
    count: int = bounded(1, MAX_CLIPS, 64)  # held-out clips on which each run is measured

    def __post_init__(self) -> None:
        check_fields(self)
        names = [variant.name for variant in self.variants]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the grid has several runs named {shown(repeated[0])}: each needs a name of its own")
        if not self.minutes:
            raise ValueError("minutes must be above 0: the budget of each run")
        if not 1 <= len(self.variants) * len(self.seeds) <= MAX_RUNS:
            raise ValueError(f"a grid has 1 to {MAX_RUNS:,} runs, got {len(self.variants)} x {len(self.seeds)} seeds")

    @property
    def runs(self) -> list[Run]:
        """Every variant with the first seed, then with the next: a grid that is stopped has compared all variants."""
        return [Run(variant=variant, seed=seed) for seed in self.seeds for variant in self.variants]


def read_grid(path: Path) -> Grid:
    """The grid in a TOML file; ValueError names what is unknown or out of place."""
    values = _read_toml(path)
    runs = values.pop("runs", None)
    if not isinstance(runs, list) or not runs:
        raise ValueError(f"{path} has no [[runs]]: each names a run and what it changes")
    known = [name for name in Grid.__dataclass_fields__ if name != "variants"]
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"{path}: unknown setting {shown(unknown[0])}, expected some of {', '.join(known)}")
    if missing := [name for name in ("title", "recipe", "minutes") if name not in values]:
        raise ValueError(f"{path} needs {missing[0]}")
    seeds = values.pop("seeds", [0])
    try:
        variants = tuple(_variant(run) for run in runs)
        return Grid(**values, seeds=tuple(seeds) if isinstance(seeds, list) else seeds, variants=variants)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_run_recipe(grid: Grid, grid_path: Path, run: Run, folder: Path) -> Path:
    """The recipe of one run as a file; ValueError if it is none."""
    base = grid_path.parent / grid.recipe
    values = _read_toml(base)
    for name, value in {**run.variant.changes, "run.seed": run.seed, "run.clock": grid.clock}.items():
        _set(values, name.split("."), value)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.toml"
    write_text(to_toml(values), path)
    read_recipe(path)
    return path


def to_toml(values: Mapping[str, Any]) -> str:
    """TOML of tables, lists, texts, numbers and truth values."""
    return "".join(f"{_text(key)} = {_value(value)}\n" for key, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)} = {_value(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return repr(value)


def _text(value: str) -> str:
    quoted = "".join(f"\\u{ord(each):04x}" if each in '"\\' or not 32 <= ord(each) != 127 else each for each in value)
    return f'"{quoted}"'


def _set(values: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise ValueError(f"{'.'.join(path)}: {name} is no table")
    values[path[-1]] = value


def _variant(run: Any) -> Variant:
    if not isinstance(run, dict) or not isinstance(run.get("name"), str):
        raise ValueError(f"each of [[runs]] needs a name, got {shown(run)}")
    if unknown := sorted(set(run) - {"name", "group", "set"}):
        raise ValueError(f"run {run['name']}: unknown setting {shown(unknown[0])}, expected name, group or set")
    changes = run.get("set", {})
    if not isinstance(changes, dict):
        raise ValueError(f'run {run["name"]}: set must be a table such as {{"model.depth" = 12}}, got {shown(changes)}')
    return Variant(name=run["name"], group=str(run.get("group", "")), changes=changes)


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"no file at {path}: expected TOML")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid TOML: {str(error).partition(';')[0]}") from error
