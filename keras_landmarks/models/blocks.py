"""Pieces that several models share."""

import keras
import numpy as np
from keras import layers

from keras_landmarks.layers import MeanShape


def rescale(crops, name="rescale"):
    """RGB crops of 0..255 as -1..1."""
    return layers.Rescaling(1 / 127.5, offset=-1.0, name=name)(crops)


def grey(pixels):
    """RGB pixels as one channel of luma (ITU-R BT.601)."""
    return keras.ops.image.rgb_to_grayscale(pixels)


def landmark_head(features, count, size, mean_shape=None, name="head"):
    """Landmarks in crop pixels from a feature vector: a linear layer about the mean shape.

    It starts at the mean shape, and computes in float32 under any policy.

    Args:
        features: `(batch, k)`.
        count: number of landmarks, n.
        size: `(height, width)` of the crop.
        mean_shape: `(n, 2)` fractions of the crop (see `MeanShape`), or None.

    Returns:
        `(batch, n, 2)` landmarks, float32.
    """
    return MeanShape(size, mean_shape, name=f"{name}_mean_shape")(
        displacements(features, count, f"{name}_dense")
    )


def displacements(features, count, name):
    """A linear layer, about zero at first, in float32 under any policy: `(batch, 2 count)`."""
    return layers.Dense(
        2 * count,
        kernel_initializer=keras.initializers.RandomNormal(stddev=1e-3),
        dtype="float32",
        name=name,
    )(features)


def ring(count):
    """A stand-in for a mean shape that trained weights will replace: `(n, 2)` points on a ring."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return 0.3 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
