"""What a model has that finds landmarks, and its outputs for any number of crops."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from keras_landmarks.faces.boxes import Convention, Detector
from keras_landmarks.schemes import Scheme

AT_ONCE = 32
"""Crops that are computed together."""


class Model(Protocol):
    """What a model has that finds landmarks: a `Landmarker`, or an exported file."""

    scheme: Scheme
    size: tuple[int, int]
    margin: float
    box: Convention | str
    detector: Detector

    def predict_on_batch(self, crops: np.ndarray) -> dict[str, Any]: ...


def predict_in_parts(
    predict: Callable[[np.ndarray], dict[str, Any]], crops: np.ndarray, count: int = AT_ONCE
) -> dict[str, np.ndarray]:
    """The outputs for any number of crops, of which so many are computed at once."""
    parts = [predict(crops[i : i + count]) for i in range(0, len(crops), count)]
    if len(parts) == 1:
        return {name: np.asarray(values) for name, values in parts[0].items()}
    return {name: np.concatenate([np.asarray(p[name]) for p in parts]) for name in parts[0]}
