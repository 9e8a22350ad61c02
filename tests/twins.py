"""A small twin of each architecture, of random weights: the same layers and few of them."""

import functools

import numpy as np

from keras_landmarks import models

TWINS = {
    "cnn": functools.partial(models.cnn, size=32, filters=(4, 8), hidden=16),
    "dan": functools.partial(models.dan, size=32, filters=(4, 8), hidden=16),
    "ffld": functools.partial(models.ffld, width=0.0625, size=64, stages=1),
    "heatmaps": functools.partial(models.resnet, width=0.0625, size=32, heatmaps=True),
    "hourglass": functools.partial(
        models.hourglass,
        size=32,
        width=8,
        growth=4,
        depth=1,
        fine=8,
        exemplars=12,
        neighbours=2,
    ),
    "unet": functools.partial(models.unet, size=32, widths=(4, 4, 4), depth=1, side=4, places=4),
    "validation": functools.partial(
        models.validation, size=32, filters=(4, 8, 8), hidden=16, places=6
    ),
}


def randomise(model):
    """The model with random weights, the same each time; shapes stay as they were built."""
    rng, last = np.random.default_rng(0), ("fc2", "head_dense", "stage0_dense", "outputs")
    for variable in model.trainable_weights + model.non_trainable_weights:
        name = variable.path.split("/")[-1]
        if name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif name == "kernel":
            spread = np.sqrt(2 / np.prod(variable.shape[:-1]))
            spread = 0.02 if any(part in variable.path for part in last) else spread
            variable.assign(rng.normal(0, spread, variable.shape))
        elif name in ("beta", "bias", "moving_mean"):
            variable.assign(rng.normal(0, 0.05, variable.shape))
    return model
