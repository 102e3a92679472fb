"""Recipes: one file per task, from data to model file (`pyseq train --list`)."""

from pyseq.recipes.configuration import configured
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.recipes.running import evaluate, find_recipe, recipe_names, roc, train

__all__ = [
    "Recipe",
    "RecipeConfig",
    "configured",
    "evaluate",
    "find_recipe",
    "option",
    "recipe_names",
    "roc",
    "train",
]
