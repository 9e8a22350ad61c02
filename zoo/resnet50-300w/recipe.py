"""ResNet-50 with Wing loss and pose-based data balancing on 300W.

python tools/train.py resnet50-300w --data 300W --out runs/resnet50-300w

The paper starts from weights that learnt ImageNet. Here the network first learns on half the
pixels, and draws heatmaps beside its landmarks: where things are is what features that are averaged
over the crop learn slowly.
"""

import dataclasses
import functools

from keras import layers

from keras_landmarks.data import LIGHT, STRONG
from keras_landmarks.layers import HeatmapDecoding
from keras_landmarks.losses import Wing
from keras_landmarks.models import resnet
from keras_landmarks.optimizers import averaged_adamw
from keras_landmarks.training import Recipe, Stage, at_half_size

ENDS = ("level5_block3_relu", "level4_block6_relu", "level3_block4_relu")


def beside_heatmaps(model):
    """The landmarks of half the pixels, and those of heatmaps that the last three levels draw."""
    ends = [model.get_layer(name).output for name in ENDS]
    landmarks, *ends = at_half_size(model, [model.output["landmarks"], *ends])
    x = None
    for maps in ends:
        finer = layers.Conv2D(128, 1, use_bias=False)(maps)
        if x is not None:
            finer += layers.UpSampling2D(2)(x)[:, : maps.shape[1], : maps.shape[2]]
        x = layers.ReLU()(layers.BatchNormalization()(finer))
    x = layers.Conv2D(68, 3, padding="same", dtype="float32")(x)
    decoded = HeatmapDecoding(stride=16)(x)  # of pixels that begin, not lie, every 16
    decoded = layers.Rescaling(1.0, offset=-7.0, dtype="float32")(decoded)
    return {"landmarks": landmarks, "decoded": decoded}


WING = Wing(w=15, epsilon=3)

RECIPE = Recipe(
    model=functools.partial(resnet, depth=50),
    stages=(
        Stage(
            {"landmarks": WING, "decoded": WING}, 18, averaged_adamw(1e-3), output=beside_heatmaps
        ),
        Stage(WING, 10, averaged_adamw(7e-4), augmentation=dataclasses.replace(LIGHT, sigma=2.0)),
    ),
    size=(224, 224),
    augmentation=dataclasses.replace(STRONG, sigma=2.0),
    validation=0.05,
    bins=9,
    most=2,
    batch=16,
    precision="mixed_bfloat16",
    paper="Feng et al., Wing Loss, CVPR 2018, section 7.3",
    paper_nme="3.01 (pupils, Common, 3,148 faces, ImageNet)",
)
