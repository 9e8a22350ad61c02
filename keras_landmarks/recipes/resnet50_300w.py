"""ResNet-50 with Wing loss and pose-based data balancing on 300W, first on half the pixels.

keras-landmarks train --recipe resnet50-300w --data 300W --out runs/resnet50-300w
"""

import dataclasses
import functools

from keras_landmarks import geometry
from keras_landmarks.data import LIGHT, STRONG
from keras_landmarks.losses import Wing
from keras_landmarks.models import resnet
from keras_landmarks.training import Recipe, Stage, at_half_size
from keras_landmarks.training.optimizers import averaged_adamw


def small(model):
    """The landmarks from half the pixels."""
    return geometry.resize_points(at_half_size(model, model.output["landmarks"]), 2)


WING = Wing(w=15, epsilon=3)

RECIPE = Recipe(
    model=functools.partial(resnet, depth=50, heatmaps=True),
    stages=(
        Stage(WING, 18, averaged_adamw(1e-3), output=small),
        Stage(WING, 10, averaged_adamw(7e-4), augmentation=dataclasses.replace(LIGHT, sigma=2.0)),
    ),
    size=(224, 224),
    augmentation=dataclasses.replace(STRONG, sigma=2.0),
    held_out=0.05,
    bins=9,
    most=2,
    batch=16,
    precision="mixed_bfloat16",
    paper="Feng et al., Wing Loss, CVPR 2018, section 7.3",
    paper_nme="3.01 (pupils, Common, 3,148 faces, ImageNet)",
)
