"""Recipes: TOML in, frozen dataclasses out, anything unknown refused."""

from importlib.resources import files
from pathlib import Path

import pytest

from vdt.config import VAE_CONFIGS, VDT_CONFIGS
from vdt.training import VAERecipe, VDTRecipe, read_recipe


def write(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_shipped_recipes_are_valid():
    recipes = [Path(str(entry)) for entry in files("vdt.training").joinpath("recipes").iterdir()]
    assert {type(read_recipe(path)) for path in recipes if path.suffix == ".toml"} == {VAERecipe, VDTRecipe}


def test_named_size_with_changes(tmp_path):
    recipe = read_recipe(
        write(tmp_path, 'kind = "vdt"\n[model]\nname = "VDT-S/2"\ndepth = 3\ndiffusion = {prediction = "v"}\n')
    )
    assert recipe.model.depth == 3 and recipe.model.hidden_size == VDT_CONFIGS["VDT-S/2"].hidden_size
    assert recipe.model.diffusion.prediction == "v"
    assert read_recipe(write(tmp_path, 'kind = "vae"\n')).model == VAE_CONFIGS["small"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'needs kind = "vae" or kind = "vdt"'),
        ("kind = ", "not valid TOML"),
        ('kind = "vae"\nspeed = 3', "unknown setting 'speed'"),
        ('kind = "vae"\n[optim]\nstep = 3', "optim: unknown setting 'step'"),
        ('kind = "vae"\n[optim]\nsteps = "many"', "optim: steps is 'many', expected int"),
        ('kind = "vae"\n[optim]\nprecision = "int8"', "expected one of 'float32', 'bfloat16'"),
        ('kind = "vdt"\n[model]\nname = "VDT-XXL"', "no size 'VDT-XXL'"),
        ('kind = "vdt"\n[model]\nhidden_size = 64', "missing"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_recipe(write(tmp_path, text))


def test_missing_recipe_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="no recipe at"):
        read_recipe(tmp_path / "none.toml")
