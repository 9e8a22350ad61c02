"""Recipes by name, for the other tools."""

import importlib.util
import pathlib

ZOO = pathlib.Path(__file__).resolve().parent.parent / "zoo"


def names():
    """The models that have a recipe, by name."""
    return sorted(path.parent.name for path in ZOO.glob("*/recipe.py"))


def read_recipe(name):
    """The `RECIPE` of `zoo/NAME/recipe.py`, or of a path to such a file."""
    path = pathlib.Path(name) if name.endswith(".py") else ZOO / name / "recipe.py"
    if not path.is_file():
        raise SystemExit(f"No recipe at {path}. Known: {', '.join(names())}.")
    spec = importlib.util.spec_from_file_location("recipe", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.RECIPE
