"""A very small CNN, for tests and examples: 32 x 32 crops, 0.1 M parameters.

keras-landmarks train --recipe tiny-ibug68 --data 300W --more 300W-more --out runs/tiny-ibug68

Four minutes on two CPU cores; 5.41 % on 300w/lfpw-test (corners, annotation box).
"""

import functools

import keras

from keras_landmarks.data import Augmentation
from keras_landmarks.losses import Wing
from keras_landmarks.models import cnn
from keras_landmarks.training import Recipe, Stage


def optimizer(steps):
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(steps, 1), alpha=0.002, warmup_target=2e-3, warmup_steps=min(200, steps // 10)
    )
    return keras.optimizers.AdamW(rate, weight_decay=0.01, use_ema=True, ema_momentum=0.998)


RECIPE = Recipe(
    model=functools.partial(cnn, size=32, filters=(16, 32, 48, 64), hidden=96),
    stages=(Stage(loss=Wing(w=5, epsilon=1), epochs=120, optimizer=optimizer),),
    size=(32, 32),
    augmentation=Augmentation(scale=0.1, blur=0.2, vary_sigma=True, colour=0.2),
    held_out=0.06,
    bins=None,
    batch=64,
    paper="none: for tests and examples",
)
