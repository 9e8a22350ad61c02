"""CNN-6/7: CNN-7 on the face that a CNN-6 turned upright and centred, on 300W.

keras-landmarks train --recipe cnn6-7-300w --data 300W --more 300W-more --out runs/cnn6-7-300w

Two and a half hours on two CPU cores; 3.50 % on 300w/lfpw-test (corners, annotation box). Stage
one is frozen, in-plane rotation is up to 20 degrees as stage one removes it, and `unet-300w`
teaches it beside the annotation: the card lists all differences from the paper.
"""

import dataclasses
import functools

from keras_landmarks import weights, zoo
from keras_landmarks.data import LIGHT, Augmentation
from keras_landmarks.losses import Wing
from keras_landmarks.models import cnn6_7
from keras_landmarks.training import Recipe, Stage, Teacher
from keras_landmarks.training.optimizers import averaged_adamw, falling_sgd


def start(model):
    """Stage one is the CNN-6 that the published model has: `cnn6-300w` before its last stage."""
    known = zoo.read_weights("cnn6-7-300w")
    stage1 = {path: array for path, array in known.items() if path.startswith("stage1_")}
    rest = [v.path for v in model.weights if not v.path.startswith("stage1_")]
    if model.output["landmarks"].shape[1] != 68:
        raise ValueError(
            "Stage one of cnn6-7-300w comes trained for ibug68: for other points fine-tune it, "
            "training.fine_tuning or --weights cnn6-7-300w."
        )
    weights.set_weights(model, stage1, except_for=rest)


WING = Wing(w=15, epsilon=3)
TEACHER = Teacher(("unet-300w",), WING, mirrored=False)

RECIPE = Recipe(
    model=cnn6_7,
    stages=(
        Stage(
            loss=WING,
            epochs=50,
            optimizer=averaged_adamw(7e-4, 0.998, 0.002, 500),
            frozen=("stage1_",),
            start=start,
            teacher=TEACHER,
        ),
        Stage(
            loss=WING,
            epochs=12,
            optimizer=averaged_adamw(4e-4, 0.998, 0.002),
            frozen=("stage1_",),
            augmentation=dataclasses.replace(LIGHT, sigma=1.5),
            teacher=TEACHER,
        ),
    ),
    size=(160, 160),
    margin=1.5625,
    held_out=0.06,
    augmentation=Augmentation(
        rotation=20,
        scale=0.1,
        blur=0.3,
        sigma=1.5,
        vary_sigma=True,
        colour=0.3,
        grey=0.1,
        patches=0.25,
        noise=0.15,
        jpeg=0.15,
    ),
    bins=9,
    most=3,
    batch=32,
    precision="mixed_bfloat16",
    paper="Feng et al., Wing Loss, CVPR 2018, section 6",
    paper_nme="3.27 (pupils, Common, 3,148 faces)",
)

# Section 7.1, behind the published CNN-6, which had a teacher and other rates: 120 thousand steps
# of the 2,977 faces that `--more 300W-more` makes of 2,014, at rates for pixels. The crop is ours,
# and that its jitter changes the size, too.
SGD = falling_sgd(1e-5, 1e-7, terms=2 * 68, momentum=0.9, decay=5e-4)
VARIANTS = {
    "paper": dataclasses.replace(
        RECIPE,
        model=functools.partial(cnn6_7, pixels=True),
        stages=(Stage(WING, 134, SGD, frozen=("stage1_",), start=start),),
        augmentation=Augmentation(rotation=10, mirror=0.5, shift=0.05, blur=0.5, sigma=1.0),
        held_out=0,
        bins=9,
        most=None,
        batch=8,
        precision="float32",
    )
}
"""As the paper has it; not run."""
