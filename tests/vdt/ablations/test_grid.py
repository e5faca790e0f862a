"""Grid files: what they expand to, how they are written down, and what is refused."""

from pathlib import Path

import pytest

from vdt.ablations.grid import read_grid, write_run_recipe
from vdt.training.recipe import read_recipe

RECIPE = """
kind = "vdt"
[model]
name = "VDT-Tiny/2"
[optim]
batch = 4
"""
GRID = """
title = "Schemes"
recipe = "base.toml"
minutes = 0.5
clock = "cpu"
seeds = [0, 3]
[[runs]]
name = "mask"
group = "scheme"
[[runs]]
name = "adaln"
group = "scheme"
set = { "model.conditioning" = [{ kind = "adaln" }], "model.depth" = 3 }
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "base.toml").write_text(RECIPE)
    (tmp_path / "grid.toml").write_text(GRID)
    return tmp_path / "grid.toml"


def test_every_variant_has_its_first_seed_before_any_has_its_second(path):
    grid = read_grid(path)
    assert [run.name for run in grid.runs] == ["mask-s0", "adaln-s0", "mask-s3", "adaln-s3"]
    assert (grid.minutes, grid.clock, grid.count) == (0.5, "cpu", 64)


def test_a_run_is_the_recipe_with_its_changes(path, tmp_path):
    grid = read_grid(path)
    base = read_recipe(tmp_path / "base.toml")
    for run in grid.runs:
        recipe = read_recipe(write_run_recipe(grid, path, run, tmp_path / run.name))
        assert recipe.run.seed == run.seed and recipe.optim == base.optim
        assert recipe.model.depth == (3 if run.variant.name == "adaln" else base.model.depth)
        assert [spec.kind for spec in recipe.model.conditioning] == [run.variant.name]


def test_what_makes_no_sense_is_refused_in_a_sentence(path):
    for old, new, words in (
        ('name = "adaln"', 'name = "mask"', "several runs named"),
        ('name = "adaln"', 'name = "../x"', "letters, digits"),
        ("minutes = 0.5", "minutes = 0", "above 0"),
        ("minutes = 0.5", "minutes = 1\nsteps = 9", "either minutes or steps"),
        ("set = {", "first = { share = 2 }\nset = {", "share must be between 0 and 1"),
        ("set = {", "first = { part = 0.5 }\nset = {", "table of share, set"),
        ("[[runs]]", '[[claims]]\nsays = "x"\nbetter = "adaln"\nthan = "none"\n[[runs]]', "about 'none'"),
        ("[[runs]]", '[[claims]]\nsays = "x"\n[[runs]]', "table of says, better, than, metric"),
        ("[[runs]]", '[[claims]]\nsays = ""\nbetter = "mask"\nthan = "mask"\nmetric = "x"\n[[runs]]', "metric is"),
        ("minutes = 0.5", "hours = 1", "unknown setting 'hours'"),
        ("seeds = [0, 3]", "seeds = [-1]", "seeds"),
        ("seeds = [0, 3]", "seeds = 7", "seeds"),
        ('clock = "cpu"', 'clock = "sun"', "'wall' or 'cpu'"),
        ('title = "Schemes"', "", "needs title"),
        ("set = {", "sets = {", "unknown setting 'sets'"),
    ):
        path.write_text(GRID.replace(old, new))
        with pytest.raises(ValueError, match=words):
            read_grid(path)
    path.write_text("title = 1")
    with pytest.raises(ValueError, match=r"\[\[runs\]\]"):
        read_grid(path)
    path.write_text(GRID.replace('"model.depth" = 3', '"kind.depth" = 3'))
    grid = read_grid(path)
    with pytest.raises(ValueError, match="kind is no table"):
        write_run_recipe(grid, path, grid.runs[1], path.parent / "x")


def test_a_first_stage_takes_its_share_of_the_steps_and_the_run_starts_from_its_weight(path, tmp_path):
    text = GRID.replace("minutes = 0.5", "steps = 10")
    path.write_text(text + 'first = { share = 0.4, set = { mode = "spatial", "model.depth" = 2 } }\n')
    grid = read_grid(path)
    run = grid.runs[1]
    first = read_recipe(write_run_recipe(grid, path, run, tmp_path / "run" / "first", first=True))
    then = read_recipe(write_run_recipe(grid, path, run, tmp_path / "run"))
    assert (first.optim.steps, first.mode, first.model.depth, first.init) == (4, "spatial", 2, "")
    assert (then.optim.steps, then.mode, then.model.depth) == (6, "joint", 3)
    assert then.init == "first/recipe.safetensors"
    whole = read_recipe(write_run_recipe(grid, path, grid.runs[0], tmp_path / "mask"))
    assert (whole.optim.steps, whole.init) == (10, "")


def test_the_grids_of_the_docs_are_valid(tmp_path):
    paths = sorted((Path(__file__).parents[3] / "docs" / "ablations").glob("*.toml"))
    assert len(paths) >= 4
    for path in paths:
        grid = read_grid(path)
        for run in grid.runs:
            for first in (False, True) if run.variant.first else (False,):
                write_run_recipe(grid, path, run, tmp_path / path.stem / run.name, first=first)
