"""What all losses share: a number for each face, in float32 under any policy."""

import functools

import keras
from keras import ops

from keras_landmarks.schemes import Scheme, scheme_config


def difference(y_true, y_pred):
    """Truth less prediction, float32."""
    return ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")


def without_missing(loss):
    """Makes a loss that is a mean over points one of the points that are marked.

    A missing one, NaN in `y_true`, has no error and a gradient of exactly zero; without any, the
    loss is as it was.
    """

    @functools.wraps(loss)
    def filled(y_true, y_pred, *args, **kwargs):
        y_true, known = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        missing = ops.isnan(ops.sum(y_true, axis=-1, keepdims=True))
        y_true = ops.where(missing, ops.stop_gradient(known), y_true)
        marked = ops.mean(ops.where(missing, 0.0, 1.0), axis=(-2, -1))
        return loss(y_true, y_pred, *args, **kwargs) / ops.maximum(marked, 1e-6)

    return filled


class FaceLoss(keras.losses.Loss):
    """A loss class over a function of truth and prediction with a number for each face."""

    def __init__(self, function, arguments, name, reduction, dtype):
        super().__init__(name=name, reduction=reduction, dtype=dtype or "float32")
        self._function, self._arguments = function, arguments

    def call(self, y_true, y_pred):
        if tuple(y_true.shape[1:]) != tuple(y_pred.shape[1:]):
            raise ValueError(
                f"The {self.name} loss needs truth and prediction of one shape, got "
                f"{tuple(y_true.shape)} and {tuple(y_pred.shape)}."
            )
        return self._function(y_true, y_pred, **self._arguments)

    def get_config(self):
        plain = {
            key: scheme_config(value) if isinstance(value, Scheme) else value
            for key, value in self._arguments.items()
        }
        return {**super().get_config(), **plain}
