"""Repeats FFLD's tables 5 and 6 at an equal, short schedule: losses of the stages, and gradients.

    python tools/compare_stages.py resnet18-ffld-300w --data 300W --out runs/stages

All variants start from one baseline (the network alone at full size, trained once in
--out), and are trained for as many epochs. Writes zoo/NAME/comparison.json and the
table of the card. A run that is already in --out is not trained again.
"""

import dataclasses
import functools
import pathlib

import comparing
import index
from recipes import read_recipe, read_samples

from keras_landmarks import data, losses, training, weights

NORM, L2, L1, ALIGN = losses.IodL2(), losses.L2(), losses.L1(), losses.Align()
VARIANTS = {
    "baseline": ((NORM,), {}),
    "L2, L2": ((NORM, L2, L2), {}),
    "L2, L1": ((NORM, L2, L1), {}),
    "L2, L2, L2": ((NORM, L2, L2, L2), {}),
    "L1, L1, L1": ((NORM, L1, L1, L1), {}),
    "L2, L1, L1": ((NORM, L2, L1, L1), {}),
    "L2, L1, Align": ((NORM, L2, L1, ALIGN), {}),
    "L2, L1, Align; no gradient to maps": ((NORM, L2, L1, ALIGN), {"learn_maps": False}),
    "L2, L1, Align; none to places": ((NORM, L2, L1, ALIGN), {"learn_places": False}),
    "L2, L1, Align; to neither": (
        (NORM, L2, L1, ALIGN),
        {"learn_maps": False, "learn_places": False},
    ),
}


def train_baseline(recipe, folder, out, epochs):
    """The weights of the network alone, by the recipe's last stage that has one loss."""
    alone = [stage for stage in recipe.stages if not isinstance(stage.loss, dict)][-1]
    recipe = dataclasses.replace(recipe, stages=(dataclasses.replace(alone, epochs=epochs),))
    training.train(recipe, *read_samples(recipe, folder), out, resume=True, verbose=2)
    return out / "best.safetensors"


def train_variant(recipe, folder, out, baseline, stage_losses, switches, epochs):
    """One variant, from the baseline on."""

    def start(model):
        arrays, _ = weights.load_arrays(baseline)
        known = {variable.path for variable in model.weights}
        weights.set_weights(model, {k: v for k, v in arrays.items() if k in known})

    stage = next(stage for stage in recipe.stages if isinstance(stage.loss, dict))
    loss = {f"stage{i}_landmarks": loss for i, loss in enumerate(stage_losses)}
    stage = dataclasses.replace(stage, loss=loss, epochs=epochs, start=start)
    model = functools.partial(recipe.model, stages=len(stage_losses) - 1, **switches)
    recipe = dataclasses.replace(recipe, model=model, stages=(stage,))
    samples, held_out = read_samples(recipe, folder)
    trained = training.train(recipe, samples, held_out, out, resume=True, verbose=2)
    return trained, held_out, epochs * len(samples)


def main():
    parser = comparing.parser(__doc__, "an FFLD of zoo/")
    parser.add_argument("--epochs", type=int, default=5, help="of every variant")
    parser.add_argument("--baseline", type=int, default=20, help="epochs of the network alone")
    arguments = parser.parse_args()
    recipe, out = read_recipe(arguments.name), pathlib.Path(arguments.out)
    baseline = train_baseline(
        recipe, arguments.data, out / f"baseline-{arguments.baseline}", arguments.baseline
    )
    faces = data.read_300w(arguments.data, "300w/lfpw-test")
    test, rows = data.Samples(faces, recipe.size, recipe.margin), {}
    for name, (stage_losses, switches) in VARIANTS.items():
        folder = out / f"{name}-{arguments.epochs}".replace(" ", "-").replace(";", "")
        model, held_out, steps = train_variant(
            recipe, arguments.data, folder, baseline, stage_losses, switches, arguments.epochs
        )
        rows[name] = {
            "steps": steps,
            "validation_percent": comparing.measure(model, held_out)[0],
            **dict(zip(("test_percent", "test_sideways_percent"), comparing.measure(model, test))),
        }
        comparing.write(arguments.name, "comparison.json", rows)
    index.main()


if __name__ == "__main__":
    main()
