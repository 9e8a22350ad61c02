"""The Deep Alignment Network: its stages."""

import functools

from keras_landmarks import losses
from keras_landmarks.recipes import get_recipe
from keras_landmarks.recipes.dan_300w import start_stage
from keras_landmarks.training import Stage, averaged_adamw
from studies.study import Study, replace, untaught


def dan_stages():
    recipe = untaught(get_recipe("dan-300w"))
    first = tuple(stage for stage in recipe.stages if stage.output)
    one = replace(recipe, model=functools.partial(recipe.model, stages=1), stages=first)
    one = replace(one, stages=tuple(replace(stage, frozen=()) for stage in first))
    variants = {"two": recipe, "one": one}
    return Study("A second stage lowers the error (table 5).", variants, equal_steps=False)


def dan_stages_small():
    """On a third of the pixels and half the channels: each stage is trained behind the one before.

    That with one stage learns on for as long as the second of two does.
    """
    recipe = get_recipe("dan-300w")
    model = functools.partial(recipe.model, size=64, filters=(32, 64, 128, 256))
    recipe = replace(recipe, model=functools.partial(model, stages=3), size=(64, 64))

    def stage(number, epochs, rate, count):
        return Stage(
            losses.NormalisedDistance(),
            epochs,
            averaged_adamw(rate, 0.99),
            frozen=tuple(f"stage{other}_" for other in range(1, count + 1) if other != number),
            output=f"stage{number}_landmarks",
            start=functools.partial(start_stage, number) if number > 1 else None,
        )

    def stages(count, *trained):
        trained = tuple(stage(*words, count) for words in trained)
        return replace(recipe, model=functools.partial(model, stages=count), stages=trained)

    second, third = (2, 40, 1e-3), (3, 40, 1e-3)
    variants = {
        "two": stages(2, second),
        "one": stages(1, (1, 40, 1e-3)),
        "three": stages(3, second, third),
    }
    baseline = stages(3, (1, 60, 2e-3))
    claim = "A second stage lowers the error, a third adds nothing (table 5)."
    return Study(claim, variants, baseline, equal_steps=False)
