"""Repeats the Wing paper's comparisons at an equal, short schedule: losses, with and without PDB.

    python tools/compare_losses.py cnn6-300w --data 300W --out runs/compare --epochs 40

Writes zoo/NAME/comparison.json and the table of the card. A run that is already in --out
is not trained again.
"""

import dataclasses
import pathlib

import comparing
import index
import tables
from recipes import read_recipe, read_samples

from keras_landmarks import data, losses, training

VARIANTS = {
    "L2": (losses.L2(), False),
    "L1": (losses.L1(), False),
    "smooth L1": (losses.SmoothL1(), False),
    "Wing": (losses.Wing(10, 2), False),
    "Wing + PDB": (losses.Wing(10, 2), True),
}


def train_variant(recipe, folder, out, loss, balanced, epochs, steps):
    """Trains one variant: its model, the held-out samples and the number of steps."""
    variant = dataclasses.replace(recipe, bins=recipe.bins if balanced else None)
    samples, held_out = read_samples(variant, folder)
    epochs = max(round(epochs * steps / len(samples)), 1)
    stage = dataclasses.replace(recipe.stages[0], loss=loss, epochs=epochs)
    variant = dataclasses.replace(variant, stages=(stage,))
    model = training.train(variant, samples, held_out, out, resume=True, verbose=2)
    return model, held_out, epochs * len(samples)


def main():
    parser = comparing.parser(__doc__, "a folder of zoo/")
    parser.add_argument("--epochs", type=int, default=40, help="of the balanced set")
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.name)
    steps = len(read_samples(recipe, arguments.data)[0])
    faces = data.read_300w(arguments.data, "300w/lfpw-test")
    test = data.Samples(faces, recipe.size, recipe.margin)
    rows = {}
    for name, (loss, balanced) in VARIANTS.items():
        out = pathlib.Path(arguments.out) / f"{name}-{arguments.epochs}".replace(" ", "-")
        model, held_out, taken = train_variant(
            recipe, arguments.data, out, loss, balanced, arguments.epochs, steps
        )
        rows[name] = {
            "steps": taken,
            "validation_percent": comparing.measure(model, held_out)[0],
            **dict(zip(("test_percent", "test_sideways_percent"), comparing.measure(model, test))),
        }
    comparing.write(arguments.name, "comparison.json", rows)
    index.main()
    print(tables.comparison(rows))


if __name__ == "__main__":
    main()
