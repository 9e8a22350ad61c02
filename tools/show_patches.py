"""Draws what the stages of a published FFLD see and do, as figures 5 and 13 of the paper.

    python tools/show_patches.py resnet18-ffld-300w --data 300W

Writes zoo/NAME/patches.png (chosen channels around landmarks of a portrait) and zoo/NAME/moves.png
(how far each stage moves the landmarks of lfpw-test).
"""

import argparse

import keras
import numpy as np
from recipes import ZOO
from show_stages import crops_of

from keras_landmarks import data, load
from keras_landmarks.pictures import plots

POINTS = {"jaw": (4, 8, 12), "right eye": (36, 38, 39)}


def draw_patches(model, path):
    """The channels of stage three's first landmarks of the portrait, a line for each landmark."""
    crop = next(crops_of(model))[None]
    chosen = keras.Model(model.input, model.get_layer("stage3_chosen").output)
    patches = chosen.predict_on_batch(crop)[0]  # (8, 8, n * channels)
    patches = patches.reshape(*patches.shape[:2], model.scheme.count, -1)
    points = [(name, i) for name, indices in POINTS.items() for i in indices]
    with plots.figure(path, (5, 1.3 * len(points))) as figure:
        grid = figure.subplots(len(points), patches.shape[-1])
        for line, (name, i) in zip(grid, points):
            for channel, axes in enumerate(line):
                axes.imshow(patches[:, :, i, channel], cmap="grey")
                axes.set(xticks=[], yticks=[])
            line[0].set_ylabel(f"{name}, {i + 1}", fontsize=8)


def draw_moves(model, faces, path):
    """Histograms of the moves of each stage, in pixels of the crop."""
    stages = [layer.name for layer in model.layers if layer.name.endswith("_pixels")]
    crops, _ = data.Samples(faces, model.size, model.margin, model.box).arrays()
    graph = keras.Model(model.input, [model.get_layer(name).output for name in stages])
    with plots.figure(path, (4 * len(stages), 3)) as figure:
        found = graph.predict(crops, batch_size=32, verbose=0)
        for name, moves, axes in zip(stages, found, figure.subplots(1, len(stages))):
            axes.hist(np.ravel(moves), bins=100, density=True)
            axes.set(xlabel="move, px", title=name.removesuffix("_pixels"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", help="a published FFLD")
    parser.add_argument("--data", required=True, help="folder that holds lfpw/testset")
    arguments = parser.parse_args()
    model = load(arguments.name)
    draw_patches(model, ZOO / arguments.name / "patches.png")
    faces = data.read_300w(arguments.data, "300w/lfpw-test")
    draw_moves(model, faces, ZOO / arguments.name / "moves.png")


if __name__ == "__main__":
    main()
