"""The errors of `errors` as Keras metrics; its functions are offered here too."""

import keras

from keras_landmarks.errors import (
    NORMALISERS,
    auc,
    ced,
    face_errors,
    failure_rate,
    normaliser,
    point_errors,
    region_errors,
)
from keras_landmarks.schemes import get_scheme

__all__ = [
    "AUC",
    "NME",
    "NORMALISERS",
    "FailureRate",
    "auc",
    "ced",
    "face_errors",
    "failure_rate",
    "normaliser",
    "point_errors",
    "region_errors",
]


class _FaceMetric(keras.metrics.Mean):
    """The mean over faces of something that follows from each face's error."""

    def __init__(self, scheme, kind, name, dtype):
        super().__init__(name=name, dtype=dtype or "float32")
        self.scheme, self.kind = get_scheme(scheme), kind

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = (keras.ops.cast(y, "float32") for y in (y_true, y_pred))
        errors = face_errors(y_true, y_pred, self.scheme, self.kind)
        super().update_state(self._value(errors), sample_weight)

    def get_config(self):
        config = {"name": self.name, "dtype": self.dtype}
        return {**config, "scheme": self.scheme.name, "kind": self.kind}


@keras.saving.register_keras_serializable(package="keras_landmarks")
class NME(_FaceMetric):
    """The normalised mean error as a Keras metric, a fraction.

    Args:
        scheme: the landmarks' scheme or its name.
        kind: normaliser; None takes the scheme's usual one.

    Example:
        model.compile("adam", loss={"landmarks": Wing()}, metrics={"landmarks": [NME()]})
    """

    def __init__(self, scheme="ibug68", kind=None, name="nme", dtype=None):
        super().__init__(scheme, kind, name, dtype)

    def _value(self, errors):
        return errors


@keras.saving.register_keras_serializable(package="keras_landmarks")
class FailureRate(_FaceMetric):
    """The fraction of faces with an error above a threshold, as a Keras metric.

    Args:
        threshold: a fraction of the normaliser.
        scheme: the landmarks' scheme or its name.
        kind: normaliser; None takes the scheme's usual one.
    """

    def __init__(self, threshold=0.08, scheme="ibug68", kind=None, name="failure_rate", dtype=None):
        super().__init__(scheme, kind, name, dtype)
        self.threshold = threshold

    def _value(self, errors):
        return 1.0 - keras.ops.cast(errors <= self.threshold, "float32")

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


@keras.saving.register_keras_serializable(package="keras_landmarks")
class AUC(_FaceMetric):
    """The area under the CED curve up to a threshold, as a Keras metric: 1 is perfect.

    Args:
        threshold: a fraction of the normaliser.
        scheme: the landmarks' scheme or its name.
        kind: normaliser; None takes the scheme's usual one.
    """

    def __init__(self, threshold=0.08, scheme="ibug68", kind=None, name="auc", dtype=None):
        super().__init__(scheme, kind, name, dtype)
        self.threshold = threshold

    def _value(self, errors):
        return keras.ops.maximum(1 - errors / self.threshold, 0.0)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}
