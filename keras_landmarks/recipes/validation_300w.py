"""The landmark validation network, which knows its own errors, on batches picked by loss.

keras-landmarks train --recipe validation-300w --data 300W --out runs/validation-300w

About 100 minutes on two CPU cores. The published weights came about in another way, which the
card tells: 3.79 % on 300w/lfpw-test (corners, annotation box), 2.97 % without the 30 % of the
points that they trust least.
"""

import functools

from keras_landmarks.data import LIGHT, STRONG
from keras_landmarks.losses import L1, L2, Validation, Wing
from keras_landmarks.models import validation
from keras_landmarks.training import Recipe, Stage
from keras_landmarks.training.optimizers import averaged_adamw

WING, ADAMW = Wing(14, 2.8), averaged_adamw(1e-3, 0.998)


def losses(coordinates, weight, distance="manhattan"):
    return {"validated": Validation(coordinates, distance, weight)}


RECIPE = Recipe(
    model=functools.partial(validation, places=128),
    # An expected error's gradient grows with it, that of L1 and Wing does not: while errors are
    # large, they weigh less than the paper's 1. Euclidean is what users call an error in pixels.
    stages=(
        Stage(losses(L2(), 0.2), 4, averaged_adamw(1e-3)),
        Stage(losses(L1(), 0.04), 16, averaged_adamw(1e-3)),
        Stage(losses(WING, 0.04), 190, ADAMW),
        Stage(losses(WING, 0.6, "euclidean"), 150, ADAMW, augmentation=LIGHT),
        Stage(losses(WING, 4.0, "euclidean"), 80, ADAMW, augmentation=LIGHT),
    ),
    size=(112, 112),
    augmentation=STRONG,
    held_out=0.05,
    bins=None,
    lpbb="BBO",
    batch=32,
    precision="mixed_bfloat16",
    paper="Fuhl and Kasneci, Learning to validate the quality of detected landmarks, 2019",
    paper_nme="3.01 (pupils, Common, 3,148 faces)",
)
