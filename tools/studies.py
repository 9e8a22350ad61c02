"""What the papers claim, as comparisons that can be trained: the variants of each study."""

import dataclasses
import functools
from collections.abc import Callable

from keras_landmarks import losses, models
from keras_landmarks.losses import L1, L2, Align, Heatmaps, IodL2, SmoothL1, Validation, Wing
from keras_landmarks.recipes import get_recipe
from keras_landmarks.recipes.dan_300w import start_stage
from keras_landmarks.training import Recipe, Stage, averaged_adamw


@dataclasses.dataclass(frozen=True)
class Study:
    """A comparison of trainings that differ in one thing.

    Args:
        claim: what the paper says, with its table.
        variants: `{name: Recipe}`.
        baseline: `Recipe` of what all start from, trained once for each seed; None starts from
            nothing.
        equal_steps: whether what is trained has as many steps as the first variant; else each has
            its own epochs.
    """

    claim: str
    variants: dict[str, Recipe]
    baseline: Recipe | None = None
    equal_steps: bool = True


replace = dataclasses.replace


def untaught(recipe):
    """A recipe without the stages that a teacher takes part in; without teachers if all are so."""
    stages = tuple(stage for stage in recipe.stages if not stage.teacher)
    alone = tuple(replace(stage, teacher=None) for stage in recipe.stages)
    return replace(recipe, stages=stages or alone)


def with_loss(recipe, loss):
    """An untaught recipe with another loss in all its stages."""
    stages = (replace(stage, loss=loss) for stage in untaught(recipe).stages)
    return replace(recipe, stages=tuple(stages))


def wing_losses():
    recipe, variants = get_recipe("cnn6-300w"), {}
    known = {"L2": L2(), "L1": L1(), "smooth L1": SmoothL1(), "Wing": Wing(10, 2)}
    for name, loss in known.items():
        variants[f"{name} + PDB"] = with_loss(recipe, loss)
        variants[name] = replace(variants[f"{name} + PDB"], bins=None)
    claim = "Wing < L1, smooth L1 < L2 in error, with and without balancing (CNN-6; AFLW)."
    return Study(claim, variants)


def wing_losses_small():
    """On a network that learns in two minutes: w and epsilon are halved with the crop's size."""
    recipe, variants = get_recipe("tiny-ibug68"), {}
    for name, loss in {"Wing": Wing(5, 1), "L1": L1(), "smooth L1": SmoothL1(), "L2": L2()}.items():
        variants[name] = with_loss(recipe, loss)
    variants["Wing + PDB"] = replace(recipe, bins=9, most=4)
    return Study("Wing < L1, smooth L1 < L2 in error, less with balancing (tables 1, 3).", variants)


def wing_parameters():
    recipe = get_recipe("cnn6-300w")
    variants = {
        f"w {w}, epsilon {epsilon:g}": with_loss(recipe, Wing(w, epsilon))
        for w in (10, 4, 6, 8, 12, 14)
        for epsilon in (2, 0.5, 1, 3)
    }
    return Study("w 10 and epsilon 2 are best, others close (table 2; AFLW).", variants)


def wing_networks():
    names = {"CNN-6": "cnn6-300w", "CNN-6/7": "cnn6-7-300w", "ResNet-50": "resnet50-300w"}
    variants = {n: replace(untaught(get_recipe(r)), held_out=0.05) for n, r in names.items()}
    claim = "CNN-6 > CNN-6/7 (on the published CNN-6) > ResNet-50 in error (table 5)."
    return Study(claim, variants, equal_steps=False)


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


def of_stages(recipe, alone, last, kinds):
    """FFLD by the losses of its stages: the network alone is trained once, then all together."""
    variants = {}
    for words, switches in kinds:
        found = [{"L2": L2, "L1": L1, "Align": Align}[kind]() for kind in words.split()]
        named = {f"stage{i}_landmarks": loss for i, loss in enumerate([IodL2(), *found])}
        name = ", ".join([words or "no stages", *(f"not {key}" for key in switches)])
        variants[name] = replace(
            recipe,
            model=functools.partial(recipe.model, stages=len(found), **switches),
            stages=(replace(last, loss=named),),
        )
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


def ffld_losses_small():
    recipe = small_ffld()
    last = Stage({"stage0_landmarks": IodL2()}, 10, averaged_adamw(1e-3))
    return of_stages(recipe, recipe.stages, last, OF_STAGES[:2] + OF_STAGES[4:9])


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


STUDIES: dict[str, Callable[[], Study]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        wing_losses,
        wing_losses_small,
        wing_parameters,
        wing_networks,
        dan_stages,
        dan_stages_small,
        ffld_losses,
        ffld_losses_small,
        ffld_baseline,
        ffld_baseline_small,
        validation_balancing,
        score_decoding,
    )
}
