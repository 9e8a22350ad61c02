"""How the models of the zoo are made: one file a model, `RECIPE` in it; what people decided.

A file is named as its model, with `_` for `-`: `cnn6_300w.py` makes `cnn6-300w`. `VARIANTS` in it
are other ways to make such a model, as the paper has it above all: `cnn6-300w@paper`.
"""

import importlib
import pkgutil
import typing

from keras_landmarks.names import known_name

if typing.TYPE_CHECKING:
    from keras_landmarks.training import Recipe


def list_recipes() -> list[str]:
    """The names of the models that have a recipe, sorted."""
    return sorted(file.name.replace("_", "-") for file in pkgutil.iter_modules(__path__))


def get_recipe(name: str) -> "Recipe":
    """The recipe of a model.

    Args:
        name: of the model, one of `list_recipes()`; with `@` and the name of a variant, that.

    Returns:
        A `training.Recipe`.

    Raises:
        ValueError: if there is none of that name; the message names the close ones.

    Example:
        recipe = keras_landmarks.recipes.get_recipe("cnn6-300w")
        print(recipe.stages[0].epochs, recipe.licence)
    """
    name, _, variant = str(name).partition("@")
    known_name("recipe", name, list_recipes())
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    variants = getattr(module, "VARIANTS", {})
    if not variant:
        return module.RECIPE
    return variants[known_name(f"variant of {name}", variant, variants)]
