"""How the models of the zoo are made: one file a model, `RECIPE` in it; what people decided.

A file is named as its model, with `_` for `-`: `cnn6_300w.py` makes `cnn6-300w`. `VARIANTS` in it
are other ways to make such a model, as the paper has it above all: `cnn6-300w@paper`.
"""

import difflib
import importlib
import pkgutil
from typing import Any


def list_recipes() -> list[str]:
    """The names of the models that have a recipe, sorted."""
    return sorted(file.name.replace("_", "-") for file in pkgutil.iter_modules(__path__))


def get_recipe(name: str) -> Any:
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
    known, (name, _, variant) = list_recipes(), str(name).partition("@")
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(close)}? " if close else ""
        raise ValueError(f"No recipe {name!r}. {hint}Known: {', '.join(known)}.")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    variants = getattr(module, "VARIANTS", {})
    if variant and variant not in variants:
        raise ValueError(
            f"{name} has no variant {variant!r}. Known: {', '.join(variants) or None}."
        )
    return variants[variant] if variant else module.RECIPE
