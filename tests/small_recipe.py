"""A recipe that trains in seconds, for `keras-landmarks train --recipe tests/small_recipe.py`."""

import keras

from keras_landmarks.data import Augmentation
from keras_landmarks.losses import Wing
from keras_landmarks.models import blocks
from keras_landmarks.training import Recipe, Stage


def model(mean_shape=None):
    """A small network with dropout, so that random states matter."""
    crops = keras.Input((16, 16, 3), name="crops")
    x = blocks.rescale(crops)
    x = keras.layers.Conv2D(8, 3, activation="relu", name="conv")(x)
    x = keras.layers.MaxPooling2D(2, name="pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(32, activation="relu", name="features")(x)
    x = keras.layers.Dropout(0.1, name="dropout")(x)
    landmarks = blocks.landmark_head(x, 68, (16, 16), mean_shape)
    return keras.Model(crops, {"landmarks": landmarks}, name="small")


def averaged(steps):
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    return keras.optimizers.AdamW(rate, clipnorm=5.0, use_ema=True, ema_momentum=0.9)


RECIPE = Recipe(
    model=model,
    stages=(
        Stage(Wing(), 3, lambda steps: keras.optimizers.Adam(2e-3)),
        Stage(Wing(), 5, averaged, frozen=("conv",)),
    ),
    size=(16, 16),
    augmentation=Augmentation(),
    held_out=0.3,
    bins=3,
    most=2,
    batch=4,
)
