"""What a study is, and how the recipes that it compares are made."""

import dataclasses

from keras_landmarks.training import Recipe


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
        covered: whether all are also measured on faces that are covered in part.
    """

    claim: str
    variants: dict[str, Recipe]
    baseline: Recipe | None = None
    equal_steps: bool = True
    covered: bool = False


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
