"""DAN with two stages, trained one after the other, on 300W.

keras-landmarks train --recipe dan-300w --data 300W --more 300W-more --out runs/dan-300w

About four hours on two CPU cores, and five more for the last 28 epochs on slower ones; 3.34 % on
300w/lfpw-test (corners, annotation box), 3.94 % after stage one. Stage one begins on half the
pixels, stage two as a copy of stage one; at last `unet-300w` teaches both beside the annotation.
The card lists all differences from the paper, and how the published weights came about.
"""

import dataclasses
import functools

import keras
import numpy as np

from keras_landmarks import weights, zoo
from keras_landmarks.data import LIGHT, STRONG, Augmentation
from keras_landmarks.losses import NormalisedDistance
from keras_landmarks.models import dan
from keras_landmarks.training import Recipe, Stage, Teacher
from keras_landmarks.training.optimizers import averaged_adamw


def small(model):
    """Stage one's landmarks from half the pixels: all its layers but the last pooling."""
    x = keras.layers.AveragePooling2D(2)(model.get_layer("stage1_conv1a").input)
    for layer in model.layers:
        if layer.name.startswith("stage1_") and layer.name != "stage1_pool4":
            x = layer(x)
    return x


def start_stage(number, model):
    """A stage starts as the one before: new channels are not seen, it hardly moves points."""
    layers = {layer.name: layer for layer in model.layers}
    before, own = f"stage{number - 1}_", f"stage{number}_"
    for name, layer in layers.items():
        twin = layers.get(name.replace(before, own))
        if not name.startswith(before) or name.endswith("_fc2") or not (twin and twin.weights):
            continue
        arrays = layer.get_weights()
        if name == "stage1_conv1a":
            arrays[0] = np.pad(arrays[0], ((0, 0), (0, 0), (0, 2), (0, 0)))
        twin.set_weights(arrays)


def start_stage2(model):
    """Stage two as a copy of stage one."""
    start_stage(2, model)


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


def taught(epochs, rate, momentum, *frozen, output=None):
    """A stage with a teacher, and with the statistics that it has by then."""
    return Stage(
        loss=NormalisedDistance(),
        epochs=epochs,
        optimizer=averaged_adamw(rate, momentum),
        frozen=(*frozen, "*_norm"),
        output=output,
        augmentation=LIGHT,
        teacher=Teacher(("unet-300w",), NormalisedDistance(), mirrored=False),
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
        taught(10, 4e-4, 0.99, "stage1_"),
        taught(5, 4e-4, 0.99, "stage2_", output="stage1_landmarks"),
        taught(4, 3e-4, 0.99, "stage1_"),
        # What is seen in the finest maps stays, at three quarters of the cost.
        taught(9, 5e-4, 0.995, "stage1_", "stage2_conv1", "stage2_conv2"),
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


def start_stage3(model):
    """The published stages one and two, and stage three as a copy of stage two."""
    weights.set_weights(model, zoo.read_weights("dan-300w"), except_for="stage3_")
    start_stage(3, model)


def adam(steps):
    return keras.optimizers.Adam(0.001)


def until_it_stops(frozen, output):
    """A stage as in the paper, until its error stops falling; 100 epochs at most is ours."""
    return Stage(
        NormalisedDistance(kind="pupils"),
        100,
        adam,
        frozen,
        output,
        patience=10,
    )


VARIANTS = {
    # Sections 3.5 and 4. How many epochs without a better one are a stop, the rate of dropout and
    # the sigmas of the normal distributions are ours, as is eq. 4 with a mean of distances for the
    # norm of all coordinates. Ten images of each face are one pass there,
    # and 100 of 3,148 faces are held out, a share of those that are there.
    "paper": dataclasses.replace(
        RECIPE,
        model=functools.partial(dan, stages=2, dropout=0.5),
        stages=(
            until_it_stops(("stage2_",), "stage1_landmarks"),
            until_it_stops(("stage1_",), None),
        ),
        augmentation=Augmentation(normal=True, rotation=12, shift=0.04, scale=0.06, blur=0),
        held_out=100 / 3148,
        repeat=10,
        batch=64,
        precision="float32",
    ),
    # Section 4.3 compares one to three stages: the third is said to add nothing of note.
    "three-stages": dataclasses.replace(
        RECIPE,
        model=functools.partial(RECIPE.model, stages=3),
        stages=(
            Stage(
                NormalisedDistance(),
                20,
                averaged_adamw(3e-4, 0.99),
                frozen=("stage1_", "stage2_"),
                start=start_stage3,
                augmentation=LIGHTER,
            ),
        ),
    ),
}
"""As the paper has it, and a third stage on the published two; neither was run."""
