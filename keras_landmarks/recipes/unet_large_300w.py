"""The U-Net that teaches `unet-300w`, with more channels, on 300W.

keras-landmarks train --recipe unet-large-300w --data 300W --more 300W-more --out runs/unet-large

Four minutes on an H200 GPU. The card tells the error and how the published run differs.
"""

import functools

from keras_landmarks.data import HARD
from keras_landmarks.losses import Validation, Wing
from keras_landmarks.models import unet
from keras_landmarks.training import Recipe, Stage
from keras_landmarks.training.optimizers import averaged_adamw

LOSSES = {"validated": Validation(Wing(10, 2), "euclidean", 0.2)}

RECIPE = Recipe(
    model=functools.partial(unet, widths=(64, 96, 160, 224, 288), side=112),
    stages=(Stage(LOSSES, 82, averaged_adamw(2e-3, 0.999)),),
    size=(128, 128),
    augmentation=HARD,
    held_out=0.05,
    most=3,
    repeat=3,
    batch=128,
    precision="mixed_bfloat16",
)
