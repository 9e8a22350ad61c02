"""Repeats the validation paper's tables 1, 2 and 5 at an equal, short schedule, over several seeds.

    python tools/compare_balancing.py validation-300w --data 300W --out runs/balancing

NON: no expected errors, batches picked evenly. NOBB: with them. BBO and BB: batches picked by loss,
online and renewed each tenth of an epoch. Small crops leave time for the seeds. Writes
zoo/NAME/balancing.json and the table of the card. A run that is already in --out is not trained
again.
"""

import dataclasses
import functools
import pathlib

import comparing
import index
import numpy as np
from recipes import read_recipe, read_samples

from keras_landmarks import Landmarker, data, evaluation, models, training
from keras_landmarks.losses import L1, L2, Validation, Wing
from keras_landmarks.training import Stage, averaged_adamw

VARIANTS = {"NON": (False, None), "NOBB": (True, None), "BBO": (True, "BBO"), "BB": (True, "BB")}


STEPS = (L2(), 0.05, 0.2), (L1(), 0.15, 0.04), (Wing(10, 2), 0.8, 0.6)
"""The paper's three losses, the share of the epochs of each, and the expected errors' weight."""


def shortened(recipe, epochs, expects, lpbb, seed):
    """The network of the paper at a short schedule."""
    stages = []
    for coordinates, share, weight in STEPS:
        loss = {"validated": Validation(coordinates, weight=weight)} if expects else coordinates
        # Few steps: weights are averaged over the last hundred only.
        stages.append(Stage(loss, max(round(share * epochs), 1), averaged_adamw(1e-3, 0.99)))
    network = functools.partial(models.validation, size=recipe.size[0], expected_error=expects)
    return dataclasses.replace(recipe, model=network, stages=tuple(stages), lpbb=lpbb, seed=seed)


def discarded(model, recipe, faces):
    """NME in percent without the least sure 10, 20 and 30 % of the points."""
    facts = {"margin": recipe.margin, "box": recipe.box}
    found = evaluation.evaluate(
        Landmarker(model.input, model.output, **facts), faces, recipe.box, verbose=0
    )
    rng = None if found.expected_error is not None else np.random.default_rng(0)
    return [100 * found.discarded(f, "corners", rng).mean() for f in (0.1, 0.2, 0.3)]


def main():
    parser = comparing.parser(__doc__, "whose faces and augmentation it takes")
    parser.add_argument("--size", type=int, default=48, help="of the crops")
    parser.add_argument("--epochs", type=int, default=24, help="of every variant and seed")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.name)
    recipe = dataclasses.replace(recipe, size=(arguments.size, arguments.size))
    samples, held = read_samples(recipe, arguments.data)  # for all seeds the same faces
    faces = data.read_300w(arguments.data, "300w/lfpw-test")
    test, rows = data.Samples(faces, recipe.size, recipe.margin), {}
    for name, (expects, lpbb) in VARIANTS.items():
        numbers = []
        for seed in range(arguments.seeds):
            short = shortened(recipe, arguments.epochs, expects, lpbb, seed)
            reseeded = samples.replace(seed=seed)
            out = pathlib.Path(arguments.out) / f"{name}-{arguments.size}-{arguments.epochs}-{seed}"
            model = training.train(short, reseeded, held, out, resume=True, verbose=2)
            numbers.append(
                [
                    comparing.measure(model, held)[0],
                    *comparing.measure(model, test),
                    *discarded(model, recipe, faces),
                ]
            )
        mean, spread = np.mean(numbers, axis=0).round(3), np.std(numbers, axis=0).round(3)
        keys = "validation", "test", "test_sideways", "without_10", "without_20", "without_30"
        rows[name] = {key: [*pair] for key, pair in zip(keys, zip(mean.tolist(), spread.tolist()))}
        comparing.write(arguments.name, "balancing.json", rows)
    index.main()


if __name__ == "__main__":
    main()
