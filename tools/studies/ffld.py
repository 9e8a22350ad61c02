"""FFLD: the losses of its stages and of its network, where their gradient goes, its patches."""

import functools

from keras_landmarks.losses import L1, L2, Align, IodL2
from keras_landmarks.recipes import get_recipe
from keras_landmarks.training import Stage, averaged_adamw
from studies.study import Study, replace, with_loss

OF_STAGES = (
    ("L2 L1 Align", {}),
    ("", {}),
    ("L2 L2", {}),
    ("L2 L1", {}),
    ("L2 L2 L2", {}),
    ("L1 L1 L1", {}),
    ("L2 L1 L1", {}),
    ("Align Align Align", {}),
    ("L2 L1 Align", {"learn_maps": False}),
    ("L2 L1 Align", {"learn_places": False}),
    ("L2 L1 Align", {"learn_maps": False, "learn_places": False}),
)
"""The losses of FFLD's stages, and where their gradient does not go (tables 5, 6)."""


def with_stages(recipe, last, words, **arguments):
    """FFLD with all its stages trained together, by the losses of these names."""
    found = [{"L2": L2, "L1": L1, "Align": Align}[kind]() for kind in words.split()]
    named = {f"stage{i}_landmarks": loss for i, loss in enumerate([IodL2(), *found])}
    model = functools.partial(recipe.model, stages=len(found), **arguments)
    return replace(recipe, model=model, stages=(replace(last, loss=named),))


def of_stages(recipe, alone, last, kinds):
    """FFLD by the losses of its stages: the network alone is trained once, then all together."""
    variants = {}
    for words, switches in kinds:
        name = ", ".join([words or "no stages", *(f"not {key}" for key in switches)])
        variants[name] = with_stages(recipe, last, words, **switches)
    claim = "L2, L1, Align in three stages is best; stages teach the maps (tables 5, 6)."
    return Study(claim, variants, replace(recipe, stages=alone))


def ffld_losses():
    recipe = get_recipe("resnet18-ffld-300w")
    alone = tuple(stage for stage in recipe.stages if not isinstance(stage.loss, dict))
    last = next(stage for stage in recipe.stages if isinstance(stage.loss, dict))
    return of_stages(recipe, alone, last, OF_STAGES)


def small_ffld():
    """FFLD on a fifth of the pixels, and its network alone, which learns in minutes."""
    recipe = get_recipe("resnet18-ffld-300w")
    blurred = replace(recipe.augmentation, sigma=1.0)
    model = functools.partial(recipe.model, size=96)
    alone = Stage(IodL2(), 30, averaged_adamw(2e-3), output="stage0_landmarks")
    return replace(recipe, model=model, size=(96, 96), augmentation=blurred, stages=(alone,))


LAST = Stage({"stage0_landmarks": IodL2()}, 10, averaged_adamw(1e-3))
"""All stages of the small one; `with_stages` adds their losses."""


def ffld_losses_small():
    recipe = small_ffld()
    return of_stages(recipe, recipe.stages, LAST, OF_STAGES[:2] + OF_STAGES[4:9])


def ffld_patches_small():
    """Of the map of stage 1, 12 x 12 pixels here, the largest patches are the whole."""
    recipe, variants = small_ffld(), {}
    for patch in (8, 4, 6, 12):
        name = f"{patch} x {patch}"
        variants[name] = with_stages(recipe, LAST, "L2 L1 Align", patch=patch)
    claim = "Patches of 8 x 8, which are not compared with others (section 3.2)."
    return Study(claim, variants, recipe)


def of_baseline(recipe):
    """FFLD's network alone by its loss."""
    variants = {"IOD-L2": recipe, "L2": with_loss(recipe, L2())}
    return Study("Errors over the eyes' distance are learnt better (section 6.4).", variants)


def ffld_baseline():
    recipe = get_recipe("resnet18-ffld-300w")
    alone = tuple(stage for stage in recipe.stages if not isinstance(stage.loss, dict))
    return of_baseline(replace(recipe, stages=alone))


def ffld_baseline_small():
    return of_baseline(small_ffld())
