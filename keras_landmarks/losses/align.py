"""The Align loss: between patches of feature maps instead of landmarks."""

import keras
import numpy as np
from keras import ops

from keras_landmarks.losses.face_loss import FaceLoss, difference, over_points


@over_points
def align(y_true, y_pred, smooth=True):
    """The squared difference of feature patches: its sum over pixels and channels, over 2 n.

    Losses of landmarks are means over 2 n coordinates here, and sums in the paper: so it weighs
    beside them what it weighs there. Small where the patches show the same, as they do when a
    landmark only slid along an edge; it no longer grows once the patches do not overlap.

    Args:
        y_true: `(batch, n, height, width, channels)` patches around the true landmarks; NaN for
            one that is missing, which is left out.
        y_pred: the same around the predicted ones (see `layers.LandmarkCrop`).
        smooth: whether a Gaussian kernel (3 x 3, sigma 1) passes over the patches first, which
            evens out the gradient; at the rim the patches lose a pixel.

    Returns:
        `(batch,)` float32: eq. 2 of all landmarks over 2 n.

    Raises:
        ValueError: if patches that are smoothed have fewer than 3 pixels a side.

    Reference:
        Yan et al., Fine-grained facial landmark detection exploiting intermediate feature
        representations (FFLD), 2020, eq. 2 and section 6.6.
    """
    x = difference(y_true, y_pred)
    if smooth and min(x.shape[2:4]) < 3:
        raise ValueError(f"Patches of at least 3 x 3 can be smoothed, not {x.shape[2:4]}.")
    if smooth:  # linear: the difference of smooth patches is the smooth difference
        side = float(np.exp(-0.5) / (1 + 2 * np.exp(-0.5)))
        x = side * (x[:, :, :-2] + x[:, :, 2:]) + (1 - 2 * side) * x[:, :, 1:-1]
        x = side * (x[:, :, :, :-2] + x[:, :, :, 2:]) + (1 - 2 * side) * x[:, :, :, 1:-1]
    return ops.sum(ops.square(x), axis=(2, 3, 4)) / 2


@keras.saving.register_keras_serializable(package="keras_landmarks")
class Align(FaceLoss):
    """`align` as a Keras loss of patches; `training.MultiLoss` cuts them.

    Args:
        smooth: whether a Gaussian kernel passes over the patches first.
    """

    def __init__(self, smooth=True, reduction="sum_over_batch_size", name="align", dtype=None):
        super().__init__(align, {"smooth": bool(smooth)}, name, reduction, dtype)
