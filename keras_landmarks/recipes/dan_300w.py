"""DAN with two stages, trained one after the other, on 300W.

keras-landmarks train --recipe dan-300w --data 300W --out runs/dan-300w

About four hours on two CPU cores; 3.60 % on 300w/lfpw-test (corners, annotation box), 4.37 % after
stage one. Stage one begins on half the pixels, stage two as a copy of stage one: the card lists all
differences from the paper, and how the published weights came about.
"""

import dataclasses
import functools

import keras
import numpy as np

from keras_landmarks.data import STRONG
from keras_landmarks.losses import NormalisedDistance
from keras_landmarks.models import dan
from keras_landmarks.training import Recipe, Stage
from keras_landmarks.training.optimizers import averaged_adamw


def small(model):
    """Stage one's landmarks from half the pixels: all its layers but the last pooling."""
    x = keras.layers.AveragePooling2D(2)(model.get_layer("stage1_conv1a").input)
    for layer in model.layers:
        if layer.name.startswith("stage1_") and layer.name != "stage1_pool4":
            x = layer(x)
    return x


def start_stage2(model):
    """Stage two starts as stage one is: its new channels are not seen, it hardly moves points."""
    layers = {layer.name: layer for layer in model.layers}
    for name, layer in layers.items():
        twin = layers.get(name.replace("stage1_", "stage2_"))
        if not name.startswith("stage1_") or name.endswith("_fc2") or not (twin and twin.weights):
            continue
        arrays = layer.get_weights()
        if name == "stage1_conv1a":
            arrays[0] = np.pad(arrays[0], ((0, 0), (0, 0), (0, 2), (0, 0)))
        twin.set_weights(arrays)


LIGHTER = dataclasses.replace(
    STRONG,
    rotation=8,
    shift=0.03,
    scale=0.04,
    blur=0.15,
    colour=0.25,
    patches=0.15,
    noise=0.08,
    jpeg=0.08,
)


def stage1(epochs, rate, momentum, output, augmentation=None):
    return Stage(
        loss=NormalisedDistance(),
        epochs=epochs,
        optimizer=averaged_adamw(rate, momentum),
        frozen=("stage2_",),
        output=output,
        augmentation=augmentation,
    )


def stage2(epochs, rate, momentum, start=None, augmentation=None):
    return Stage(
        loss=NormalisedDistance(),
        epochs=epochs,
        optimizer=averaged_adamw(rate, momentum),
        frozen=("stage1_",),
        patience=15,
        start=start,
        augmentation=augmentation,
    )


RECIPE = Recipe(
    model=functools.partial(dan, dropout=0.05, jitter=(3.0, 0.02, 0.025)),
    stages=(
        stage1(36, 1e-3, 0.995, small),
        stage1(8, 5e-4, 0.99, "stage1_landmarks"),
        stage2(47, 5e-4, 0.995, start_stage2),
        # Better crops for stage two, and stage two for them.
        stage1(10, 4e-4, 0.99, "stage1_landmarks", LIGHTER),
        stage2(20, 3e-4, 0.99, None, LIGHTER),
    ),
    size=(112, 112),
    augmentation=STRONG,
    held_out=0.05,
    bins=None,
    batch=16,
    precision="mixed_bfloat16",
    paper="Kowalski et al., Deep Alignment Network, CVPRW 2017",
    paper_nme="3.19 (corners, Common, 3,148 faces)",
)
