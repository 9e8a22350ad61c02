"""Pieces that several models share."""

import numbers
import warnings

import keras
import numpy as np
from keras import layers

from keras_landmarks import geometry
from keras_landmarks.layers import BatchNormalization, MeanShape, TransformEstimation
from keras_landmarks.names import number


def rescale(crops, name="rescale"):
    """RGB crops of 0..255 as -1..1.

    Raises:
        ValueError: if Keras is told to put channels first.
    """
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "Models here have channels last, (batch, height, width, 3): "
            'keras.config.set_image_data_format("channels_last").'
        )
    return layers.Rescaling(1 / 127.5, offset=-1.0, name=name)(crops)


def check_size(size, multiple):
    """Raises a `ValueError` where `size` is not so many pixels, or a multiple of them."""
    if not isinstance(size, numbers.Integral) or size < 1 or size % multiple:
        raise ValueError(f"size must be a multiple of {multiple}, not {size!r}.")


def check_widths(several=(1,), **widths):
    """Raises a `ValueError` where widths of layers are no whole numbers, or `several` no tuple."""
    if not isinstance(several, (tuple, list)) or not several:
        raise ValueError(f"Widths of layers are a tuple of whole numbers, not {several!r}.")
    for name, width in [*widths.items(), *(("A layer's width", width) for width in several)]:
        number(name, width, least=1, whole=True)


def grey(pixels):
    """RGB pixels as one channel of luma (ITU-R BT.601)."""
    return keras.ops.image.rgb_to_grayscale(pixels)


def convolution(x, filters, kernel, name, stride=1, activation=True, gamma="ones"):
    """A convolution padded by half its kernel on every side, batch normalisation, perhaps ReLU.

    So padded, pixel `i` of the result lies on pixel `stride * i` of the input. `gamma` is what the
    scale of the normalisation starts from.
    """
    if kernel > 1 and stride > 1:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = normalise(x, f"{name}_norm", gamma)
    return layers.ReLU(name=f"{name}_relu")(x) if activation else x


def normalise(x, name, gamma="ones"):
    """Batch normalisation as all models have it; `gamma` is what its scale starts from."""
    return BatchNormalization(gamma_initializer=gamma, name=name)(x)


def activated(x, name):
    """The same and a ReLU, `{name}_norm` and `{name}_relu`."""
    return layers.ReLU(name=f"{name}_relu")(normalise(x, f"{name}_norm"))


def landmark_head(features, count, size, mean_shape=None, name="head", pixels=False):
    """Landmarks in crop pixels from a feature vector: a linear layer about the mean shape.

    It starts at the mean shape, and computes in float32 under any policy.

    Args:
        features: `(batch, k)`.
        count: number of landmarks, n.
        size: `(height, width)` of the crop.
        mean_shape: `(n, 2)` fractions of the crop (see `MeanShape`), or None.
        name: what the names of its layers begin with.
        pixels: whether the linear layer puts out pixels, not fractions of the crop.

    Returns:
        `(batch, n, 2)` landmarks, float32.
    """
    return MeanShape(size, mean_shape, pixels, name=f"{name}_mean_shape")(
        displacements(features, count, f"{name}_dense")
    )


def outputs(landmarks, features, expected_error, places=None):
    """A model's outputs: landmarks, and with `expected_error` how far off each is expected to be.

    The layer `validated` then holds both, `(batch, n, 3)`, for `losses.Validation`.

    Args:
        landmarks: `(batch, n, 2)` in crop pixels.
        features: `(batch, k)` that the expected errors are computed from.
        expected_error: whether there is an `error`.
        places: `(batch, n, k)` features of the place of each landmark, which its expected error is
            computed from too; None has none.

    Returns:
        `{"landmarks": (batch, n, 2)}`, if wanted `error` `(batch, n)` in crop pixels too.
    """
    if not expected_error:
        return {"landmarks": landmarks}
    count = landmarks.shape[1]
    # Three values of one linear layer in the paper, without a softplus; a distance is above zero.
    error = layers.Dense(count, kernel_initializer="zeros", dtype="float32", name="error")(features)
    if places is not None:
        of_place = layers.EinsumDense(
            "bnk,nk->bn", count, kernel_initializer="zeros", dtype="float32", name="error_of_place"
        )(places)
        error = layers.Add(dtype="float32", name="error_sum")([error, of_place])
    error = layers.Activation("softplus", dtype="float32", name="error_softplus")(error)
    error = layers.Reshape((count, 1), dtype="float32", name="error_column")(error)
    both = layers.Concatenate(dtype="float32", name="validated")([landmarks, error])
    return {"landmarks": both[..., :2], "error": both[..., 2]}


def displacements(features, count, name):
    """A linear layer, about zero at first, in float32 under any policy: `(batch, 2 count)`."""
    return layers.Dense(
        2 * count,
        kernel_initializer=keras.initializers.RandomNormal(stddev=1e-3),
        dtype="float32",
        name=name,
    )(features)


def check_shape(mean_shape, scheme):
    """A mean shape as an array, if it is one of the scheme; None stays None.

    Args:
        mean_shape: `(n, 2)` fractions of the crop (see `MeanShape`), or None.
        scheme: `Scheme`.

    Raises:
        ValueError: if it has another number of points, or is not in fractions of the crop.
    """
    if mean_shape is None:
        return None
    shape = np.array(mean_shape)
    if shape.shape != (scheme.count, 2):
        raise ValueError(
            f"Expected a mean shape ({scheme.count}, 2) for {scheme.name}, got {shape.shape}."
        )
    if not np.abs(shape).max() < 2:  # nor NaN
        raise ValueError(
            "Expected a mean shape in fractions of the crop, 0 at its centre and 0.5 at its right "
            f"and lower edges, found {np.min(shape):g}..{np.max(shape):g}."
        )
    return shape


def resize(network, trained, size, new=()):
    """Takes what trained layers have in pixels to crops of another size.

    The shapes onto which faces are laid, and displacements (see `MeanShape`). Expected errors come
    from weights that cannot be taken along: a warning.

    Args:
        network: with the trained weights.
        trained: size of the crops that these are of.
        size: of the network's crops.
        new: paths of weights that are its own.
    """
    if size == trained:
        return
    for layer in network.layers:
        if isinstance(layer, TransformEstimation) and layer.shape.path not in new:
            layer.shape.assign(geometry.resize_points(layer.shape, size / trained))
        if isinstance(layer, MeanShape) and layer.pixels:
            moves = network.get_layer(layer.name.replace("_mean_shape", "_dense"))
            for variable in moves.weights:
                if variable.path not in new:
                    variable.assign(variable * (size / trained))
    if "error" in network.output:
        said = f"The expected errors are those of crops of {trained} pixels, not of {size}: train."
        warnings.warn(said, stacklevel=3)


def ring(count):
    """A stand-in for a mean shape that trained weights will replace: `(n, 2)` points on a ring."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return 0.3 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
