"""What all losses share: a number for each face, in float32 under any policy."""

import functools

import keras
from keras import ops

from keras_landmarks.layers.batch_normalization import replica
from keras_landmarks.names import unlike
from keras_landmarks.schemes import Scheme, scheme_config


def difference(y_true, y_pred):
    """Truth less prediction, float32."""
    return ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")


def missing_points(y_true):
    """Which points nobody marked, `(batch, n)`."""
    return ops.isnan(ops.sum(y_true, axis=tuple(range(2, len(y_true.shape)))))


def over_points(errors):
    """Makes a function of the errors of points, `(batch, n)`, the loss of faces: their mean.

    A point that is missing, NaN in `y_true`, is left out of it, and its gradient is exactly zero;
    without any, it is the plain mean. Where it is one that a face's normaliser needs, the predicted
    one stands in, as a constant.

    The loss takes `weights`, too, `(batch, n)` by which errors are multiplied; the mean stays over
    all points that are marked, so that one weight for all is a weight of the face.
    """

    @functools.wraps(errors)
    def loss(y_true, y_pred, *args, weights=None, **kwargs):
        y_true, like = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        missing, rest = missing_points(y_true), tuple(range(2, len(y_true.shape)))
        like = ops.stop_gradient(like) if len(like.shape) == len(y_true.shape) else 0.0
        y_true = ops.where(ops.expand_dims(missing, rest), like, y_true)
        marked = ops.cast(ops.logical_not(missing), "float32")
        found = marked * errors(y_true, y_pred, *args, **kwargs)
        if weights is not None:
            found = found * ops.where(missing, 0.0, ops.cast(weights, "float32"))
        return ops.sum(found, axis=-1) / ops.maximum(ops.sum(marked, axis=-1), 1.0)

    return loss


class FaceLoss(keras.losses.Loss):
    """A loss class over a function of truth and prediction with a number for each face."""

    def __init__(self, function, arguments, name, reduction, dtype):
        super().__init__(name=name, reduction=reduction, dtype=dtype or "float32")
        self._function, self._arguments = function, arguments

    def __call__(self, y_true, y_pred, sample_weight=None):
        shape = () if sample_weight is None else tuple(ops.convert_to_tensor(sample_weight).shape)
        if len(shape) < 2 or (shape[1:] == (1,) and y_true.shape[1] != 1):
            return super().__call__(y_true, y_pred, sample_weight)
        if unlike(shape, y_true.shape[:2]):
            raise ValueError(
                f"The {self.name} loss needs a sample_weight a face, (batch,), or a point, "
                f"(batch, {y_true.shape[1]}), got {shape}."
            )
        weighted = _Weighted(self, sample_weight, y_true)
        return weighted(y_true, y_pred, weighted.of_faces)

    def call(self, y_true, y_pred, weights=None):
        true, predicted = tuple(y_true.shape), tuple(y_pred.shape)
        self._check(true, predicted)
        count = predicted[3 if len(predicted) == 4 else 1]
        if len(true) == 3 and true[1] is None and count:  # checked when it is known
            y_true = ops.reshape(y_true, (ops.shape(y_pred)[0], count, ops.shape(y_true)[2]))
        return self._function(y_true, y_pred, **self._arguments, weights=weights)

    def _check(self, true, predicted):
        if len(true) < 3 or unlike(true, predicted):
            raise ValueError(
                f"The {self.name} loss needs truth and prediction of one shape, (batch, n, 2) of "
                f"landmarks, got {true} and {predicted}."
            )

    def get_config(self):
        plain = {
            key: scheme_config(value) if isinstance(value, Scheme) else value
            for key, value in self._arguments.items()
        }
        return {**super().get_config(), **plain}


class _Weighted(keras.losses.Loss):
    """A loss of faces whose points have weights, which Keras knows for whole faces alone.

    A face's is the mean of its points', by which Keras multiplies what is divided by it here: so
    every reduction means what it does for weights of faces.
    """

    def __init__(self, loss, weights, y_true):
        super().__init__(loss.name, loss.reduction, loss.dtype)
        self.loss, self.weights = loss, weights
        missing = missing_points(ops.cast(y_true, "float32"))
        marked = ops.sum(ops.cast(ops.logical_not(missing), "float32"), axis=-1)
        total = ops.sum(ops.where(missing, 0.0, ops.cast(weights, "float32")), axis=-1)
        self.of_faces = total / ops.maximum(marked, 1.0)

    def call(self, y_true, y_pred):
        found = self.loss.call(y_true, y_pred, self.weights)
        return found / ops.where(self.of_faces == 0, 1.0, self.of_faces)


def of_faces(loss, y_true, y_pred):
    """The losses of faces, `(batch,)`.

    Raises:
        ValueError: if the loss has another number of them, as one for each point.
    """
    found = loss.call(y_true, y_pred)
    if len(found.shape) != 1:
        raise ValueError(
            f"Expected a loss with a number for each face, (batch,), as Wing(); {loss.name} has "
            f"{tuple(found.shape)}."
        )
    return found


@keras.saving.register_keras_serializable(package="keras_landmarks")
class FaceLosses(keras.metrics.Metric):
    """The losses of the faces of the last batch, from all devices; as a number, their mean.

    Args:
        loss: loss object with a number for each face.
        batch: faces in a batch, over all devices.
        name: of the metric.
    """

    _direction = "down"  # see `metrics`

    def __init__(self, loss, batch, name="face_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.loss, self.batch = loss, batch
        self.values = self.add_variable((batch,), initializer="zeros", name="values")
        self.filled = self.add_variable((), initializer="zeros", name="filled")  # by this device

    def update_state(self, y_true, y_pred, sample_weight=None):
        found = ops.cast(of_faces(self.loss, y_true, y_pred), self.values.dtype)[: self.batch]
        first = replica() * ops.shape(found)[0]
        # A device fills in its part; what is read is the sum over devices.
        part = ops.slice_update(ops.zeros((self.batch,), self.values.dtype), (first,), found)
        self.values.assign(part)
        self.filled.assign(ops.cast(ops.shape(found)[0], self.filled.dtype))

    def result(self):
        return ops.sum(self.values) / ops.maximum(self.filled, 1)

    def get_config(self):
        loss = keras.saving.serialize_keras_object(self.loss)
        return {**super().get_config(), "loss": loss, "batch": self.batch}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})
