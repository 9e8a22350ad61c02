"""Recipes by name or path and their samples, for the other tools."""

import pathlib

from keras_landmarks import data, recipes
from keras_landmarks.cli.train import read_recipe

ZOO = pathlib.Path(__file__).resolve().parent.parent / "zoo"
names = recipes.list_recipes

__all__ = ["ZOO", "names", "read_recipe", "read_samples"]


def read_samples(recipe, folder, skip_broken=False, more=None):
    """A recipe's `Samples`, and those held out, from a folder of faces and perhaps another."""
    faces = data.read_300w(folder, recipe.split, skip_broken)
    more = data.read_300w(more, recipe.split, skip_broken) if more else ()
    return recipe.samples(faces, skip_broken, more)
