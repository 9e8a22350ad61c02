"""Score-guided alignment: how heatmaps are learnt and decoded."""

import functools

from keras_landmarks.losses import Heatmaps, Wing
from keras_landmarks.recipes import get_recipe
from keras_landmarks.training import Stage, averaged_adamw
from studies.study import Study, replace


def score_decoding():
    recipe, variants = replace(get_recipe("hourglass-300w"), size=(64, 64)), {}
    gaussians, still = {"heatmaps": Heatmaps(1.5, offset=-0.5)}, dict(trust=0.0, neighbours=1)
    for name, decoding, loss in (
        ("Wing through a soft-argmax", "soft_argmax", {"decoded": Wing(5, 1)}),
        ("Gaussians, highest pixel", "argmax", gaussians),
        ("Gaussians, centroid", "centroid", gaussians),
    ):
        # No scores are trained, by which the dictionary could move points.
        model = functools.partial(recipe.model, size=64, decoding=decoding, **still)
        stages = (Stage(loss, 60, averaged_adamw(2e-3)),)
        variants[name] = replace(recipe, model=model, stages=stages)
    return Study("Landmarks are the highest pixels of learnt Gaussians (3.2, eq. 4).", variants)
