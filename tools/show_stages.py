"""Draws what stage two of a published DAN sees, as figure 3 of the paper: zoo/NAME/stages.png.

python tools/show_stages.py dan-300w
"""

import argparse
import pathlib

import keras
import numpy as np
from matplotlib import cbook
from recipes import ZOO

from keras_landmarks import Detection, draw, geometry, load
from keras_landmarks.faces.boxes import convert_boxes
from keras_landmarks.pictures import images, plots

PORTRAITS = (
    pathlib.Path(__file__).resolve().parent.parent / "tutorials" / "astronaut.jpg",
    cbook.get_sample_data("grace_hopper.jpg", asfileobj=False),
)
LAYERS = ("stage2_warp", "stage2_heatmap", "stage2_feature_image")
TITLES = ("crop", "normalised", "heatmap", "feature image", "stage two")


def crops_of(model, degrees=30.0):
    """The crops of the portraits, upright and turned."""
    for path in PORTRAITS:
        picture = images.read_image(path)
        found = convert_boxes(model.detect(picture)[0].box, "blazeface", model.box)
        box = geometry.square_box(found, model.margin)
        for angle in (0.0, degrees):
            transform = geometry.box_transform(np.float64(box), model.size)
            centre = (model.size[1] - 1) / 2, (model.size[0] - 1) / 2
            turn = geometry.similarity_transform(1.0, angle, centre)
            yield images.warp(picture, geometry.compose(turn, transform), model.size)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", help="a published model with two stages")
    name = parser.parse_args().name
    model = load(name)
    crops = np.stack(list(crops_of(model)))
    outputs = [model.get_layer(layer).output for layer in LAYERS]
    found = keras.Model(model.input, [*outputs, model.output["landmarks"]]).predict_on_batch(crops)
    with plots.figure(ZOO / name / "stages.png", (10, 2.05 * len(crops))) as figure:
        for row, axes in enumerate(figure.subplots(len(crops), len(TITLES))):
            points = Detection(found[3][row], None, model.scheme.name)
            pictures = [crops[row], *(maps[row] for maps in found[:3]), draw(crops[row], [points])]
            for title, picture, ax in zip(TITLES, pictures, axes):
                ax.imshow(picture, cmap="grey")
                ax.set_axis_off()
                if row == 0:
                    ax.set_title(title)


if __name__ == "__main__":
    main()
