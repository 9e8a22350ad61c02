"""A small U-Net for phones and for many faces, on 300W.

keras-landmarks train --recipe unet-fast-300w --data 300W --more 300W-more --out runs/unet-fast-300w

Seven minutes on an H200 GPU that trained others too; two CPU cores take half a minute an epoch,
some three hours. The card tells the error and how the published run differs.
"""

import functools

from keras_landmarks.data import HARD, LIGHT
from keras_landmarks.losses import Validation, Wing
from keras_landmarks.models import unet
from keras_landmarks.training import Recipe, Stage
from keras_landmarks.training.optimizers import averaged_adamw

LOSSES = {"validated": Validation(Wing(7.5, 1.5), "euclidean", 0.2)}

RECIPE = Recipe(
    model=functools.partial(unet, size=96, widths=(16, 32, 64, 128), depth=1, side=32, places=32),
    stages=(
        Stage(LOSSES, 309, averaged_adamw(2e-3, 0.999)),
        Stage(LOSSES, 8, averaged_adamw(4e-4, 0.99), augmentation=LIGHT),
    ),
    size=(96, 96),
    augmentation=HARD,
    held_out=0.05,
    most=3,
    repeat=3,
    batch=128,
    precision="mixed_bfloat16",
)
