"""Training from recipes: `train_from_recipe` is the whole of it.

Whatever touches an optimiser lives here. Nothing that only samples or decodes does.
"""

from .recipe import VAERecipe, VDTRecipe, read_recipe
from .state import DivergenceError
from .train import TrainResult, train_from_recipe

__all__ = ["DivergenceError", "TrainResult", "VAERecipe", "VDTRecipe", "read_recipe", "train_from_recipe"]
