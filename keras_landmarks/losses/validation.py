"""The validation loss: landmarks, and how wrong each of them will turn out to be."""

import keras
from keras import ops

from keras_landmarks.losses.face_loss import FaceLoss, difference, missing_points, over_points
from keras_landmarks.losses.landmarks import L2
from keras_landmarks.names import known_name, number, unlike

DISTANCES = ("manhattan", "euclidean")


def validation(y_true, y_pred, coordinates=None, distance="manhattan", weight=1.0, weights=None):
    """A loss of the coordinates, and half the squared error of its third value, the expected error.

    Both are over the 2 n coordinates, so that their gradients are beside each other as in the
    paper. The distance between prediction and truth is a constant for the gradient: the expected
    error never pulls at the points.

    Args:
        y_true: `(batch, n, 2)` landmarks; one that is missing, NaN, is left out of both parts.
        y_pred: `(batch, n, 3)`: landmarks, and the expected error of each in pixels.
        coordinates: loss object of the landmarks; None takes `L2`, as eq. 2.
        distance: what the third value learns: `manhattan` (the paper's) or `euclidean`.
        weight: of the expected errors' part; 1 as in the paper.
        weights: `(batch, n)` of the points in both parts; None for ones.

    Returns:
        `(batch,)` float32.

    Raises:
        ValueError: if the distance is another one.

    Reference:
        Fuhl and Kasneci, Learning to validate the quality of detected landmarks, eq. 2 and 3: over
        2 n they are the gradients of this loss with `L2`. The paper's third value is that of a
        linear layer; models here put a softplus behind it (`models.blocks.outputs`), by whose
        slope its gradient is then multiplied.
    """
    known_name("distance", distance, DISTANCES)
    landmarks, expected = y_pred[..., :2], ops.cast(y_pred[..., 2], "float32")
    telling = _telling(y_true, landmarks, expected, distance, weights=weights)
    coordinates = coordinates or L2()
    loss = coordinates.call if isinstance(coordinates, FaceLoss) else _by_point(coordinates)
    return loss(y_true, landmarks, weights=weights) + weight * telling


def _by_point(loss):
    """A loss of Keras', or of one's own, with a number for each point or a mean for each face."""

    def by_point(y_true, y_pred, weights=None):
        marked = ops.logical_not(missing_points(ops.cast(y_true, "float32")))
        marked = ops.mean(ops.cast(marked, "float32"), axis=-1, keepdims=True)

        @over_points
        def errors(y_true, y_pred):
            found = loss.call(y_true, ops.cast(y_pred, "float32"))
            if len(found.shape) > 1:
                return found
            return found[:, None] / ops.maximum(marked, 1e-6)  # missing points have no error

        return errors(y_true, y_pred, weights=weights)

    return by_point


@over_points
def _telling(y_true, landmarks, expected, distance):
    x = ops.stop_gradient(difference(y_true, landmarks))
    found = ops.sum(ops.abs(x), -1) if distance == "manhattan" else ops.norm(x, axis=-1)
    return 0.5 * 0.5 * ops.square(found - expected)  # its mean is over 2 n


@keras.saving.register_keras_serializable(package="keras_landmarks")
class Validation(FaceLoss):
    """`validation` as a Keras loss of the layer `validated` of a model with `expected_error=True`.

    Args:
        coordinates: loss object of the landmarks, as `Wing(10, 2)`; None takes `L2`.
        distance: what the third value learns: `manhattan` or `euclidean`.
        weight: of the expected errors' part.

    Raises:
        ValueError: if the distance is another one, `coordinates` no loss object or the weight no
            number of at least 0.

    Example:
        graph = training.MultiLoss(model, {"validated": Validation(Wing(10, 2))})
    """

    def __init__(
        self,
        coordinates=None,
        distance="manhattan",
        weight=1.0,
        reduction="sum_over_batch_size",
        name="validation",
        dtype=None,
    ):
        known_name("distance", distance, DISTANCES)
        if coordinates is not None and not isinstance(coordinates, keras.losses.Loss):
            raise ValueError(f"coordinates must be a loss object, as Wing(), not {coordinates!r}.")
        arguments = {
            "coordinates": coordinates or L2(),
            "distance": distance,
            "weight": float(number("weight", weight, least=0)),
        }
        super().__init__(validation, arguments, name, reduction, dtype)

    @property
    def coordinates(self):
        """The loss object of the landmarks."""
        return self._arguments["coordinates"]

    def _check(self, true, predicted):
        if unlike(true[-1:], (2,)) or unlike(predicted, (*true[:-1], 3)):
            raise ValueError(
                "The validation loss needs landmarks (batch, n, 2) and predictions (batch, n, 3), "
                f"got {true} and {predicted}."
            )

    def get_config(self):
        coordinates = keras.saving.serialize_keras_object(self.coordinates)
        return {**super().get_config(), "coordinates": coordinates}

    @classmethod
    def from_config(cls, config):
        coordinates = keras.saving.deserialize_keras_object(config["coordinates"])
        return cls(**{**config, "coordinates": coordinates})
