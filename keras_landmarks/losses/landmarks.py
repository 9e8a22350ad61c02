"""Losses between landmarks: functions `(batch, n, 2) x 2 -> (batch,)` and a class for each.

Coordinates are in crop pixels. Losses are computed in float32 whatever the model's policy, and
averaged over the points or their 2 n coordinates where the papers (Feng et al., Wing Loss, 2018,
eq. 3) sum them, so that a learning rate does not depend on the number of landmarks. Points that
are missing, NaN in the truth, are left out; where one is an eye that the loss divides by the
distance of, the predicted one stands in, as a constant. Classes take a `sample_weight` for each
face, `(batch,)`, or each point, `(batch, n)`.
"""

import keras
import numpy as np
from keras import ops

from keras_landmarks import metrics
from keras_landmarks.losses.face_loss import FaceLoss, difference, over_points
from keras_landmarks.names import known_name, number
from keras_landmarks.schemes import get_scheme


def _distance(y_true, y_pred):
    """`|x|` with a zero gradient at zero: JAX has `ops.abs` rise there."""
    x = difference(y_true, y_pred)
    return x * ops.sign(x)


def _normaliser(y_true, scheme, kind):
    return ops.maximum(ops.nan_to_num(metrics.normaliser(y_true, scheme, kind)), 1.0)[:, None]


@over_points
def l2(y_true, y_pred):
    """Half the squared difference, `x^2 / 2`, averaged over a face's coordinates.

    Args:
        y_true: `(batch, n, 2)` landmarks.
        y_pred: `(batch, n, 2)` landmarks.

    Returns:
        `(batch,)` float32.

    Reference:
        Feng et al., Wing Loss, 2018, eq. 3.
    """
    return ops.mean(0.5 * ops.square(difference(y_true, y_pred)), axis=-1)


@over_points
def l1(y_true, y_pred):
    """The absolute difference, `|x|`, averaged over a face's coordinates.

    Args:
        y_true: `(batch, n, 2)` landmarks.
        y_pred: `(batch, n, 2)` landmarks.

    Returns:
        `(batch,)` float32.

    Reference:
        Feng et al., Wing Loss, 2018, eq. 3.
    """
    return ops.mean(_distance(y_true, y_pred), axis=-1)


@over_points
def smooth_l1(y_true, y_pred):
    """Quadratic below one pixel, linear above, averaged over a face's coordinates.

    Args:
        y_true: `(batch, n, 2)` landmarks.
        y_pred: `(batch, n, 2)` landmarks.

    Returns:
        `(batch,)` float32.

    Reference:
        Feng et al., Wing Loss, 2018, eq. 4.
    """
    x = _distance(y_true, y_pred)
    return ops.mean(ops.where(x < 1, 0.5 * ops.square(x), x - 0.5), axis=-1)


@over_points
def wing(y_true, y_pred, w=10.0, epsilon=2.0):
    """Logarithmic below `w` pixels, linear above, averaged over a face's coordinates.

    `w ln(1 + |x| / epsilon)` if `|x| < w`, else `|x| - C` with `C = w - w ln(1 + w / epsilon)`:
    small errors weigh more than under L1 and large ones no more.

    Args:
        y_true: `(batch, n, 2)` landmarks.
        y_pred: `(batch, n, 2)` landmarks.
        w: where the logarithm ends, in pixels. The paper has 10 for crops of 64 and 15 for 128.
        epsilon: the curve's offset, in pixels. The paper has 2 and 3.

    Returns:
        `(batch,)` float32. The gradient of a coordinate is at most `w / epsilon`, or 1 where that
        is less, over the number of coordinates, and zero at zero error.

    Reference:
        Feng et al., Wing Loss, 2018, eq. 5.
    """
    x = _distance(y_true, y_pred)
    constant = w - w * np.log(1 + w / epsilon)
    near = w * ops.log(1 + ops.minimum(x, w) / epsilon)
    return ops.mean(ops.where(x < w, near, x - constant), axis=-1)


@over_points
def iod_l2(y_true, y_pred, scheme="ibug68"):
    """The squared difference over the inter-ocular distance, averaged over the coordinates.

    The distance between the outer eye corners, or between the pupils where the scheme has no
    corners, or its own normaliser where it has no eyes; at least one pixel.

    Args:
        y_true: `(batch, n, 2)` landmarks.
        y_pred: `(batch, n, 2)` landmarks.
        scheme: the landmarks' scheme or its name.

    Returns:
        `(batch,)` float32, in pixels.

    Reference:
        Yan et al., Fine-grained facial landmark detection exploiting intermediate feature
        representations (FFLD), eq. 1.
    """
    scheme = get_scheme(scheme)
    kind = "corners" if scheme.eye_corners else "pupils" if scheme.right_eye else None
    squared = ops.mean(ops.square(difference(y_true, y_pred)), axis=-1)
    return squared / _normaliser(y_true, scheme, kind)


@over_points
def normalised_distance(y_true, y_pred, scheme="ibug68", kind="pupils"):
    """The mean distance between truth and prediction over the distance of the eyes.

    Not the letter of eq. 4, which has the norm of the whole shape's error (the root of all squares
    together): the paper chooses that for being the benchmarks' own measure, and they take the mean
    over the points, the normalised mean error. So here the gradient is as long for every point,
    and zero at zero error, where by eq. 4 a point's grows with its part in the shape's error.

    Args:
        y_true: `(batch, n, 2)` landmarks.
        y_pred: `(batch, n, 2)` landmarks.
        scheme: the landmarks' scheme or its name.
        kind: of the normaliser (see `metrics.normaliser`), which is at least one pixel.

    Returns:
        `(batch,)` float32, a fraction of the normaliser.

    Reference:
        Kowalski et al., Deep Alignment Network, 2017, eq. 4.
    """
    squared = ops.sum(ops.square(difference(y_true, y_pred)), axis=-1)
    exact = squared == 0  # where a root has no slope
    distance = ops.where(exact, 0.0, ops.sqrt(ops.where(exact, 1.0, squared)))
    return distance / _normaliser(y_true, scheme, kind)


@keras.saving.register_keras_serializable(package="keras_landmarks")
class L2(FaceLoss):
    """`l2` as a Keras loss."""

    def __init__(self, reduction="sum_over_batch_size", name="l2", dtype=None):
        super().__init__(l2, {}, name, reduction, dtype)


@keras.saving.register_keras_serializable(package="keras_landmarks")
class L1(FaceLoss):
    """`l1` as a Keras loss."""

    def __init__(self, reduction="sum_over_batch_size", name="l1", dtype=None):
        super().__init__(l1, {}, name, reduction, dtype)


@keras.saving.register_keras_serializable(package="keras_landmarks")
class SmoothL1(FaceLoss):
    """`smooth_l1` as a Keras loss."""

    def __init__(self, reduction="sum_over_batch_size", name="smooth_l1", dtype=None):
        super().__init__(smooth_l1, {}, name, reduction, dtype)


@keras.saving.register_keras_serializable(package="keras_landmarks")
class Wing(FaceLoss):
    """`wing` as a Keras loss.

    Args:
        w: where the logarithm ends, in pixels, above zero.
        epsilon: the curve's offset, in pixels, above zero.

    Raises:
        ValueError: if `w` or `epsilon` is not above zero.

    Example:
        model.compile("adam", loss={"landmarks": Wing(w=10, epsilon=2)})
    """

    def __init__(
        self, w=10.0, epsilon=2.0, reduction="sum_over_batch_size", name="wing", dtype=None
    ):
        arguments = {"w": number("w", w, above=0), "epsilon": number("epsilon", epsilon, above=0)}
        super().__init__(wing, arguments, name, reduction, dtype)


@keras.saving.register_keras_serializable(package="keras_landmarks")
class IodL2(FaceLoss):
    """`iod_l2` as a Keras loss.

    Args:
        scheme: the landmarks' scheme or its name.
    """

    def __init__(self, scheme="ibug68", reduction="sum_over_batch_size", name="iod_l2", dtype=None):
        super().__init__(iod_l2, {"scheme": get_scheme(scheme)}, name, reduction, dtype)


@keras.saving.register_keras_serializable(package="keras_landmarks")
class NormalisedDistance(FaceLoss):
    """`normalised_distance` as a Keras loss.

    Args:
        scheme: the landmarks' scheme or its name.
        kind: of the normaliser (see `metrics.normaliser`).

    Raises:
        ValueError: if the kind is unknown, or the scheme has no such distance.
    """

    def __init__(
        self,
        scheme="ibug68",
        kind="pupils",
        reduction="sum_over_batch_size",
        name="normalised_distance",
        dtype=None,
    ):
        known_name("normaliser", kind, metrics.NORMALISERS)
        arguments = {"scheme": get_scheme(scheme), "kind": kind}
        metrics.normaliser(np.zeros((1, arguments["scheme"].count, 2)), **arguments)  # checks them
        super().__init__(normalised_distance, arguments, name, reduction, dtype)
