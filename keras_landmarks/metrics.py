"""The errors of `errors` as Keras metrics; its functions are offered here too."""

import keras
import numpy as np
from keras import ops

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
from keras_landmarks.names import known_name, number, unlike
from keras_landmarks.schemes import get_scheme, scheme_config

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
    """The mean over faces of something that follows from each face's error.

    A face that lacks the points of its normaliser is left out; where no face counts, it is NaN. A
    `sample_weight` is of each face, `(batch,)`, or each point, `(batch, n)`.
    """

    _direction = "down"  # by which Keras' EarlyStopping and ModelCheckpoint tell what is better

    def __init__(self, scheme, kind, name, dtype):
        super().__init__(name=name, dtype=dtype or "float32")
        self.scheme, self.kind = get_scheme(scheme), kind
        if kind is not None:
            known_name("normaliser", kind, NORMALISERS)
        normaliser(np.zeros((1, self.scheme.count, 2)), self.scheme, kind)  # has it such a one?

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = (ops.cast(y, "float32") for y in (y_true, y_pred))
        faces, count = ops.shape(y_pred)[0], self.scheme.count
        if len(y_true.shape) == 3 and None in y_true.shape[1:]:  # checked when it is known
            y_true = ops.reshape(y_true, (faces, count, ops.shape(y_true)[2]))
            y_true = ops.reshape(y_true, (faces, count, 2))
        distances, weights = normaliser(y_true, self.scheme, self.kind), None
        counted = ops.cast(ops.logical_not(ops.isnan(distances)), "float32")
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, "float32")
            shape = tuple(sample_weight.shape)
            of_points = len(shape) > 1 and (shape[1:] != (1,) or count == 1)
            if of_points and unlike(shape, (y_true.shape[0], count)):
                raise ValueError(
                    f"{self.name} needs a sample_weight a face, (batch,), or a point, "
                    f"(batch, {count}), got {shape}."
                )
            if of_points:
                weights = ops.reshape(sample_weight, (faces, count))
                marked = ops.logical_not(ops.isnan(y_true[..., 0]))
                count = ops.maximum(ops.sum(ops.cast(marked, "float32"), axis=-1), 1.0)
                sample_weight = ops.sum(ops.where(marked, weights, 0.0), axis=-1) / count
            counted = counted * ops.reshape(sample_weight, (-1,))
        distances = ops.where(counted > 0, distances, 1.0)
        errors = face_errors(y_true, y_pred, self.scheme, distances, weights)
        super().update_state(ops.where(counted > 0, self._value(errors), 0.0), counted)

    def result(self):
        return ops.where(self.count > 0, super().result(), float("nan"))

    def get_config(self):
        config = {"name": self.name, "dtype": self.dtype}
        return {**config, "scheme": scheme_config(self.scheme), "kind": self.kind}


@keras.saving.register_keras_serializable(package="keras_landmarks")
class NME(_FaceMetric):
    """The normalised mean error as a Keras metric, a fraction.

    A face without the points of its normaliser does not count; NaN where none does. Weights of
    samples are of each face, `(batch,)`, or of each point, `(batch, n)`.

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
    """The fraction of faces with an error of a threshold or more, as a Keras metric.

    A face without the points of its normaliser does not count; NaN where none does. Weights of
    samples are of each face, `(batch,)`, or of each point, `(batch, n)`.

    Args:
        threshold: a fraction of the normaliser.
        scheme: the landmarks' scheme or its name.
        kind: normaliser; None takes the scheme's usual one.
    """

    def __init__(self, threshold=0.08, scheme="ibug68", kind=None, name="failure_rate", dtype=None):
        super().__init__(scheme, kind, name, dtype)
        self.threshold = number("threshold", threshold, above=0)

    def _value(self, errors):
        return 1.0 - ops.cast(errors < self.threshold, "float32")

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


@keras.saving.register_keras_serializable(package="keras_landmarks")
class AUC(_FaceMetric):
    """The area under the CED curve up to a threshold, as a Keras metric: 1 is perfect.

    A face without the points of its normaliser does not count; NaN where none does. Weights of
    samples are of each face, `(batch,)`, or of each point, `(batch, n)`.

    Args:
        threshold: a fraction of the normaliser.
        scheme: the landmarks' scheme or its name.
        kind: normaliser; None takes the scheme's usual one.
    """

    _direction = "up"

    def __init__(self, threshold=0.08, scheme="ibug68", kind=None, name="auc", dtype=None):
        super().__init__(scheme, kind, name, dtype)
        self.threshold = number("threshold", threshold, above=0)

    def _value(self, errors):
        return ops.where(errors < self.threshold, 1 - errors / self.threshold, 0.0)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}
