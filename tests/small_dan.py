"""A small Deep Alignment Network of random weights, whose stages move landmarks by pixels."""

import functools

from twins import randomise

from keras_landmarks import models

SIZE = 32
build = functools.partial(
    models.dan, size=SIZE, filters=(4, 8), hidden=16, jitter=(10.0, 0.05, 0.05)
)


def small_dan(**arguments):
    """The network; the same weights each time, the mean shapes as they were built."""
    return randomise(build(**arguments))
