"""ResNet-50 with Wing loss and pose-based data balancing on 300W, first on half the pixels.

keras-landmarks train --recipe resnet50-300w --data 300W --more 300W-more --out runs/resnet50-300w

Two and a half hours on two CPU cores, and the last nine epochs four more on slower ones; 3.19 %
on 300w/lfpw-test (corners, annotation box). `unet-300w` teaches it beside the annotation.
"""

import dataclasses
import functools

from keras_landmarks import geometry
from keras_landmarks.data import LIGHT, STRONG, Augmentation
from keras_landmarks.losses import Wing
from keras_landmarks.models import resnet
from keras_landmarks.training import Recipe, Stage, Teacher, at_half_size
from keras_landmarks.training.optimizers import averaged_adamw, falling_sgd


def small(model):
    """The landmarks from half the pixels."""
    return geometry.resize_points(at_half_size(model, model.output["landmarks"]), 2)


WING = Wing(w=15, epsilon=3)
TEACHER = Teacher(("unet-300w",), WING, mirrored=False)
FINE = dataclasses.replace(LIGHT, sigma=2.0)


def fixed(epochs, rate):
    """A last stage, in which batch normalisation has the statistics that it ends with."""
    return Stage(
        WING,
        epochs,
        averaged_adamw(rate),
        frozen=("*_norm",),
        augmentation=FINE,
        teacher=TEACHER,
        batch=16,
    )


RECIPE = Recipe(
    model=functools.partial(resnet, depth=50, heatmaps=True),
    stages=(
        Stage(WING, 14, averaged_adamw(1e-3), output=small, teacher=TEACHER),
        Stage(WING, 7, averaged_adamw(7e-4), augmentation=FINE, teacher=TEACHER),
        fixed(4, 4e-4),
        fixed(5, 3e-4),
    ),
    size=(224, 224),
    augmentation=dataclasses.replace(STRONG, sigma=2.0),
    held_out=0.05,
    bins=9,
    most=2,
    batch=32,
    precision="mixed_bfloat16",
    paper="Feng et al., Wing Loss, CVPR 2018, section 7.3",
    paper_nme="3.01 (pupils, Common, 3,148 faces, ImageNet)",
)

VARIANTS = {
    "paper": dataclasses.replace(
        RECIPE,
        model=functools.partial(resnet, depth=50, pixels=True),
        stages=(Stage(WING, 134, falling_sgd(1e-5, 1e-7, terms=2 * 68, momentum=0.9, decay=5e-4)),),
        augmentation=Augmentation(rotation=10, mirror=0.5, shift=0.05, blur=0.5, sigma=1.0),
        held_out=0,
        bins=9,
        most=None,
        batch=8,
        precision="float32",
    )
}
"""Section 7.3: the layer after the mean over places puts out the landmarks. The paper gives batch,
momentum, decay and steps (those of the 2,977 faces that `--more 300W-more` makes of 2,014) for all
networks; rates and augmentation are those of CNN-7, and its ImageNet weights are not here. Not
run."""
