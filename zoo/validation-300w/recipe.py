"""The landmark validation network, which foretells its own errors, on batches drawn by loss.

python tools/train.py validation-300w --data 300W --out runs/validation-300w
"""

from keras_landmarks.data import Augmentation
from keras_landmarks.losses import L1, L2, Validation, Wing
from keras_landmarks.models import validation
from keras_landmarks.optimizers import averaged_adamw
from keras_landmarks.training import Recipe, Stage

RECIPE = Recipe(
    model=validation,
    # Pixels make foretold errors' gradients large beside L1's and Wing's: hence the small weights.
    stages=(
        Stage({"validated": Validation(L2(), weight=0.1)}, 6, averaged_adamw(1e-3)),
        Stage({"validated": Validation(L1(), weight=0.02)}, 24, averaged_adamw(1e-3)),
        Stage({"validated": Validation(Wing(10, 2), weight=0.02)}, 50, averaged_adamw(7e-4)),
    ),
    size=(112, 112),
    augmentation=Augmentation(
        normal=True,
        rotation=12,
        shift=0.04,
        scale=0.06,
        blur=0.3,
        vary_sigma=True,
        colour=0.3,
        patches=0.4,
        noise=0.2,
        jpeg=0.15,
    ),
    validation=0.05,
    bins=None,
    lpbb="BBO",
    batch=32,
    precision="mixed_bfloat16",
    paper="Fuhl and Kasneci, Learning to validate the quality of detected landmarks, 2019",
    paper_nme="3.01 (pupils, Common, 3,148 faces)",
)
