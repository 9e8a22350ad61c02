"""The landmark validation network, which foretells its own errors, on batches drawn by loss.

python tools/train.py validation-300w --data 300W --out runs/validation-300w

An hour on two CPU cores; 3.96 % on 300w/lfpw-test (corners, annotation box), 3.19 % without the
30 % of the points that it trusts least. The card says how the published weights were averaged.
"""

import functools

from keras_landmarks.data import LIGHT, STRONG
from keras_landmarks.losses import L1, L2, Validation, Wing
from keras_landmarks.models import validation
from keras_landmarks.optimizers import averaged_adamw
from keras_landmarks.training import Recipe, Stage

RECIPE = Recipe(
    model=functools.partial(validation, size=80),
    # The gradient of a foretold error grows with it, that of L1 and Wing does not: while errors are
    # large, they weigh little.
    stages=(
        Stage({"validated": Validation(L2(), weight=0.1)}, 4, averaged_adamw(1e-3)),
        Stage({"validated": Validation(L1(), weight=0.02)}, 16, averaged_adamw(1e-3)),
        Stage(
            {"validated": Validation(Wing(10, 2), weight=0.02)}, 190, averaged_adamw(1e-3, 0.998)
        ),
        Stage(
            {"validated": Validation(Wing(10, 2), "euclidean", weight=0.3)},  # pixels, as one says
            150,
            averaged_adamw(1e-3, 0.998),
            augmentation=LIGHT,
        ),
        Stage(
            {"validated": Validation(Wing(10, 2), "euclidean", weight=1.0)},
            100,
            averaged_adamw(1e-3, 0.998),
            augmentation=LIGHT,
        ),
    ),
    size=(80, 80),
    augmentation=STRONG,
    validation=0.05,
    bins=None,
    lpbb="BBO",
    batch=32,
    precision="mixed_bfloat16",
    paper="Fuhl and Kasneci, Learning to validate the quality of detected landmarks, 2019",
    paper_nme="3.01 (pupils, Common, 3,148 faces)",
)
