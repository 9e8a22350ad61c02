"""Landmark validation: expected errors, and batches picked by loss."""

import functools

from keras_landmarks import models
from keras_landmarks.losses import L1, L2, Validation, Wing
from keras_landmarks.recipes import get_recipe
from keras_landmarks.training import Stage, averaged_adamw
from studies.study import Study, replace


def validation_balancing():
    recipe = replace(get_recipe("validation-300w"), size=(48, 48))
    steps = (L2(), 10, 0.2), (L1(), 30, 0.04), (Wing(10, 2), 160, 0.6)
    variants = {}
    for name, lpbb in {"NOBB": None, "NON": None, "BBO": "BBO", "BB": "BB"}.items():
        expects, stages = name != "NON", []
        for coordinates, epochs, weight in steps:
            loss = {"validated": Validation(coordinates, weight=weight)} if expects else coordinates
            stages.append(Stage(loss, epochs, averaged_adamw(1e-3, 0.99)))
        network = functools.partial(models.validation, size=48, expected_error=expects)
        variants[name] = replace(recipe, model=network, stages=tuple(stages), lpbb=lpbb)
    claim = "Expected errors cost a little, batches picked by loss lower the error (tables 1, 2)."
    return Study(claim, variants)
