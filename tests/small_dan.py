"""A small Deep Alignment Network of random weights, whose stages move landmarks by pixels."""

import functools

import numpy as np

from keras_landmarks import models

SIZE = 32
build = functools.partial(
    models.dan, size=SIZE, filters=(4, 8), hidden=16, jitter=(10.0, 0.05, 0.05)
)


def small_dan(**arguments):
    """The network; the same weights each time, the mean shapes as they were built."""
    model, rng = build(**arguments), np.random.default_rng(0)
    for variable in model.trainable_weights + model.non_trainable_weights:
        name = variable.path.split("/")[-1]
        if name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif name == "kernel":
            spread = 0.02 if "fc2" in variable.path else np.sqrt(2 / np.prod(variable.shape[:-1]))
            variable.assign(rng.normal(0, spread, variable.shape))
        elif name in ("beta", "bias", "moving_mean"):
            variable.assign(rng.normal(0, 0.05, variable.shape))
    return model
