"""What all losses share: a number for each face, in float32 under any policy."""

import keras
from keras import ops

from keras_landmarks.schemes import Scheme, scheme_config


def difference(y_true, y_pred):
    """Truth less prediction, float32."""
    return ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")


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
