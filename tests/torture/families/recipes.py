"""Damaged recipes: read, and what they ask for checked as far as no training is needed."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

from ..family import Family
from ..mutate import damaged_bytes, mutated
from ..outcomes import check
from .material import RECIPES

MOST_LEVELS = 150  # that are written, each some frames of Python's stack
MORE = """
kind = "vdt"
[model]
name = "VDT-Tiny/2"
num_frames = 4
diffusion = { prediction = "v", zero_terminal_snr = true }
[data]
source = "folder"
folder = "videos"
[tasks]
predict = 1.0
spatial = 0.5
[distill]
steps = 2
substeps = 3
"""


class Recipes(Family):
    name = "recipes: read"
    small = 800
    full = 9000
    piece = 4500

    def prepare(self, folder: Path) -> Any:
        import vdt.training.state  # noqa: F401 - everything is loaded before the first case
        from vdt.training.toml import tomllib

        texts = [path.read_text(encoding="utf-8") for path in RECIPES] + [MORE]
        return folder / "recipe.toml", texts, [tomllib.loads(text) for text in texts]

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        path, texts, tables = shared
        if rng.random() < 0.3:
            path.write_bytes(damaged_bytes(rng.choice(texts).encode(), rng, most=3))
        else:
            text = toml(mutated(rng.choice(tables), rng, most=3))
            path.write_bytes(text.encode(errors="surrogatepass"))
        self._read(path)
        return None

    def _read(self, path: Path) -> None:
        from vdt.training.recipe import read_recipe
        from vdt.training.state import recipe_differences, recipe_json

        recipe = read_recipe(path)
        text = recipe_json(recipe)
        check(json.loads(text) is not None and not recipe_differences(text, text), "a recipe is equal to itself")
        check(dataclasses.replace(recipe) == recipe, "a recipe that was read is valid")


def toml(table: Any) -> str:
    """Any nested value as TOML, as far as that can hold it; what it cannot is written as it comes."""
    if not isinstance(table, dict):
        return _value(table)
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in table.items())


def _key(key: Any) -> str:
    return json.dumps(str(key), ensure_ascii=False)


def _value(value: Any, level: int = 0) -> str:
    if level > MOST_LEVELS:
        return "0"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item, level + 1)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item, level + 1) for item in value) + "]"
    if isinstance(value, float):
        return {"inf": "inf", "-inf": "-inf", "nan": "nan"}.get(str(value), repr(value))
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 10_000:
        return "9" * 5000
    return json.dumps(value, ensure_ascii=False) if value is not None else "none"
