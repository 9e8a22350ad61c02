"""A U-Net of heatmaps that knows its errors, taught by a larger one, on 300W.

keras-landmarks train --recipe unet-300w --data 300W --more 300W-more --out runs/unet-300w

Four minutes on an H200 GPU that trained others too. The card tells the error and how the published
run differs.
"""

from keras_landmarks.data import HARD
from keras_landmarks.losses import Validation, Wing
from keras_landmarks.models import unet
from keras_landmarks.training import Recipe, Stage, Teacher
from keras_landmarks.training.optimizers import averaged_adamw

LOSSES = {"validated": Validation(Wing(10, 2), "euclidean", 0.2)}
TEACHER = Teacher(("unet-large-300w",), Wing(10, 2), mirrored=False)

RECIPE = Recipe(
    model=unet,
    stages=(Stage(LOSSES, 94, averaged_adamw(2e-3, 0.999), teacher=TEACHER),),
    size=(128, 128),
    augmentation=HARD,
    held_out=0.05,
    most=3,
    repeat=3,
    batch=128,
    precision="mixed_bfloat16",
)
