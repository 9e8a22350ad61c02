"""Compares how heatmaps are trained and decoded, at an equal, short schedule.

    python tools/compare_decoding.py hourglass-300w --data 300W --out runs/decoding

On Gaussians (eq. 3 of the paper), or through a soft-argmax by Wing loss; each then decoded in every
way, on the held-out faces. Small crops leave time. Writes zoo/NAME/decoding.json and the table of
the card. A run that is already in --out is not trained again.
"""

import dataclasses
import functools
import pathlib

import comparing
import index
import keras
from recipes import read_recipe, read_samples

from keras_landmarks import training
from keras_landmarks.layers import HeatmapDecoding
from keras_landmarks.losses import Heatmaps, Wing
from keras_landmarks.training import Stage, averaged_adamw

TRAININGS = {
    "Gaussian heatmaps (eq. 3)": ({"heatmaps": Heatmaps(sigma=1.5, offset=-0.5)}, "centroid"),
    "Wing through a soft-argmax": ({"decoded": Wing(5, 1)}, "soft_argmax"),
}
"""The losses, and the decoding that chooses the epoch."""


def main():
    parser = comparing.parser(__doc__, "an hourglass of zoo/")
    parser.add_argument("--size", type=int, default=64, help="of the crops and maps")
    parser.add_argument("--epochs", type=int, default=15)
    arguments = parser.parse_args()
    recipe, size = read_recipe(arguments.name), arguments.size
    recipe = dataclasses.replace(recipe, size=(size, size))
    samples, held = read_samples(recipe, arguments.data)
    rows = {}
    for name, (losses, chooses) in TRAININGS.items():
        # No scores are trained, by which the dictionary could move points.
        still = dict(trust=0.0, neighbours=1)
        model = functools.partial(recipe.model, size=size, decoding=chooses, **still)
        stages = (Stage(losses, arguments.epochs, averaged_adamw(2e-3)),)
        out = pathlib.Path(arguments.out) / f"{chooses}-{size}-{arguments.epochs}"
        short = dataclasses.replace(recipe, model=model, stages=stages)
        trained = training.train(short, samples, held, out, resume=True)
        maps, rows[name] = trained.get_layer("heatmaps").output, {}
        offset = trained.get_layer("decoded").offset
        for kind in "argmax", "centroid", "soft_argmax":
            # Gaussians reach 1, too little for a softmax of all pixels.
            sharpness = 20.0 if kind == "soft_argmax" and chooses == "centroid" else 1.0
            decoding = HeatmapDecoding(kind, sharpness=sharpness, offset=offset)
            decoded = keras.Model(trained.input, {"landmarks": decoding(maps)})
            rows[name][kind] = comparing.measure(decoded, held)[0]
    comparing.write(arguments.name, "decoding.json", rows)
    index.main()


if __name__ == "__main__":
    main()
