"""Losses of heatmaps and score maps. Their targets are drawn here, from the landmarks."""

import keras
from keras import ops

from keras_landmarks import geometry
from keras_landmarks.layers import HeatmapGeneration
from keras_landmarks.losses.face_loss import FaceLoss, over_points
from keras_landmarks.names import number, unlike


@over_points
def heatmaps(y_true, y_pred, sigma=1.5, stride=1, offset=None):
    """Half the squared difference to a Gaussian about each landmark, summed over the pixels.

    Args:
        y_true: `(batch, n, 2)` landmarks in pixels of the crop; a missing one, NaN, is left out.
        y_pred: `(batch, height, width, n)` heatmaps.
        sigma: width of the Gaussians, in pixels of the maps.
        stride: pixels of the crop from one pixel of the maps to the next.
        offset: where in the crop the first pixel of the maps lies (see `layers.HeatmapDecoding`).

    Returns:
        `(batch,)` float32, the mean over the landmarks.

    Reference:
        Yan et al., Score-guided face alignment network under occlusions, eq. 3, first sum.
    """
    drawing = {"kind": "gaussian", "sigma": sigma, "radius": None}
    return _half_squares(y_true, y_pred, stride, offset, **drawing)


@over_points
def score_maps(y_true, y_pred, radius=4.0, stride=1, weight=1.0, offset=None):
    """Half the squared difference to a disc of ones about each landmark, summed over the pixels.

    Args:
        y_true: `(batch, n, 2)` landmarks in pixels of the crop; a missing one, NaN, is left out.
        y_pred: `(batch, height, width, n)` score maps.
        radius: of the discs, in pixels of the maps.
        stride: pixels of the crop from one pixel of the maps to the next.
        weight: of this loss beside the others; lambda of eq. 3.
        offset: where in the crop the first pixel of the maps lies (see `layers.HeatmapDecoding`).

    Returns:
        `(batch,)` float32, the mean over the landmarks.

    Reference:
        Yan et al., Score-guided face alignment network under occlusions, eq. 3, second sum.
    """
    return weight * _half_squares(y_true, y_pred, stride, offset, kind="disc", radius=radius)


def _half_squares(y_true, y_pred, stride, offset, **drawing):
    place = geometry.points_on_map(y_true, stride, offset)
    target = HeatmapGeneration(y_pred.shape[1:3], **drawing)(place)
    squares = ops.square(ops.cast(y_pred, "float32") - target)
    return 0.5 * ops.sum(squares, axis=(1, 2))


def _places(stride, offset):
    """Where maps lie in the crop, if that can be."""
    number("stride", stride, above=0)
    if offset is not None:
        number("offset", offset)
    return {"stride": stride, "offset": offset}


class _MapLoss(FaceLoss):
    """A loss of landmarks and a map for each of them."""

    def _check(self, true, predicted):
        if len(predicted) != 4 or unlike(predicted[::3], true[:2]):
            raise ValueError(
                f"The {self.name} loss needs landmarks (batch, n, 2) and maps (batch, height, "
                f"width, n), got {true} and {predicted}."
            )


@keras.saving.register_keras_serializable(package="keras_landmarks")
class Heatmaps(_MapLoss):
    """`heatmaps` as a Keras loss, of the layer `heatmaps` of an hourglass (see `MultiLoss`).

    The builder's own maps begin at half a pixel outside of the crop, `offset=-0.5`, but with
    `stride=2` at its first pixel, `offset=0`.

    Decode such maps by their `centroid` or `argmax`: a softmax of values up to 1 is nearly flat.
    """

    def __init__(
        self,
        sigma=1.5,
        stride=1,
        offset=None,
        reduction="sum_over_batch_size",
        name="heatmaps",
        dtype=None,
    ):
        number("sigma", sigma, above=0)
        arguments = {"sigma": sigma, **_places(stride, offset)}
        super().__init__(heatmaps, arguments, name, reduction, dtype)


@keras.saving.register_keras_serializable(package="keras_landmarks")
class ScoreMaps(_MapLoss):
    """`score_maps` as a Keras loss, of the layer `scores` of an hourglass (see `MultiLoss`).

    The builder's own maps begin at half a pixel outside of the crop, `offset=-0.5`, but with
    `stride=2` at its first pixel, `offset=0`.
    """

    def __init__(
        self,
        radius=4.0,
        stride=1,
        weight=1.0,
        offset=None,
        reduction="sum_over_batch_size",
        name="score_maps",
        dtype=None,
    ):
        number("radius", radius, above=0)
        number("weight", weight, least=0)
        arguments = {"radius": radius, "weight": weight, **_places(stride, offset)}
        super().__init__(score_maps, arguments, name, reduction, dtype)
