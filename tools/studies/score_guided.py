"""Score-guided alignment: how heatmaps are decoded, what score maps and known shapes add."""

import functools

from keras_landmarks.losses import Heatmaps, ScoreMaps, Wing
from keras_landmarks.recipes import get_recipe
from keras_landmarks.training import Stage, averaged_adamw
from studies.study import Study, replace

STILL = {"trust": 0.0, "neighbours": 1}
"""A dictionary that moves no point."""


def score_decoding():
    recipe, variants = replace(get_recipe("hourglass-300w"), size=(64, 64)), {}
    gaussians = {"heatmaps": Heatmaps(1.5, offset=-0.5)}
    for name, decoding, loss in (
        ("Wing through a soft-argmax", "soft_argmax", {"decoded": Wing(5, 1)}),
        ("Gaussians, highest pixel", "argmax", gaussians),
        ("Gaussians, centroid", "centroid", gaussians),
    ):
        # No scores are trained, by which the dictionary could move points.
        model = functools.partial(recipe.model, size=64, decoding=decoding, **STILL)
        stages = (Stage(loss, 60, averaged_adamw(2e-3)),)
        variants[name] = replace(recipe, model=model, stages=stages)
    return Study("Landmarks are the highest pixels of learnt Gaussians (3.2, eq. 4).", variants)


def score_maps_small():
    """On maps of half the crop's size, whose branches are trained together.

    Without score maps all points have the weight that the untrained branch gives them, a small one:
    the dictionary draws all alike towards known shapes.
    """
    recipe, variants = replace(get_recipe("hourglass-300w"), size=(64, 64), batch=32), {}
    small = functools.partial(recipe.model, size=64, width=32, growth=16, depth=3, stride=2)
    heat = {"decoded": Wing(5, 1)}
    scores = {"scores": ScoreMaps(2.0, stride=2, weight=0.02, offset=0.0)}
    for name, loss, shapes in (
        ("score maps and shapes", heat | scores, {}),
        ("score maps", heat | scores, STILL),
        ("shapes", heat, {}),
        ("neither", heat, STILL),
    ):
        stages = (Stage(loss, 25, averaged_adamw(2e-3)),)
        model = functools.partial(small, **shapes)
        variants[name] = replace(recipe, model=model, stages=stages)
    claim = "Score maps and known shapes together mend hidden points (COFW, section 4.4)."
    return Study(claim, variants, covered=True)
