"""Training from recipes: `train_from_recipe` is the whole of it."""

from .recipe import VAERecipe, VDTRecipe, read_recipe
from .train import TrainResult, train_from_recipe

__all__ = ["TrainResult", "VAERecipe", "VDTRecipe", "read_recipe", "train_from_recipe"]
