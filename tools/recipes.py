"""Recipes by name or path, for the other tools."""

import importlib.util
import pathlib

from keras_landmarks import recipes

ZOO = pathlib.Path(__file__).resolve().parent.parent / "zoo"
names = recipes.list_recipes


def read_recipe(name):
    """The recipe of a name of the zoo, or the `RECIPE` of a Python file at a path."""
    path = pathlib.Path(name)
    if path.suffix == ".py" and path.is_file():
        spec = importlib.util.spec_from_file_location("recipe", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.RECIPE
    try:
        return recipes.get_recipe(name)
    except ValueError as error:
        raise SystemExit(str(error)) from None
