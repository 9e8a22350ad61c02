"""The score-guided hourglass, trained through a soft-argmax, on 300W.

python tools/train.py hourglass-300w --data 300W --out runs/hourglass-300w
"""

import dataclasses

from keras_landmarks.data import STRONG
from keras_landmarks.losses import ScoreMaps, Wing
from keras_landmarks.models import hourglass
from keras_landmarks.optimizers import averaged_adamw
from keras_landmarks.training import Recipe, Stage

RECIPE = Recipe(
    model=hourglass,
    stages=(
        Stage(
            loss={"decoded": Wing(10, 2), "scores": ScoreMaps(radius=4.0, weight=0.02)},
            epochs=60,
            optimizer=averaged_adamw(2e-3),
        ),
    ),
    size=(128, 128),
    augmentation=dataclasses.replace(STRONG, rotation=15, scale=0.07, patches=0.5),
    validation=0.05,
    bins=None,
    batch=16,
    precision="mixed_bfloat16",
    paper="Yan et al., Score-guided face alignment network under occlusions, 2019",
    paper_nme="4.16 (pupils, Common, 3,148 faces)",
)
