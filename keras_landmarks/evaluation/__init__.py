"""Measuring a model on annotated faces, always together with the protocol."""

from keras_landmarks.evaluation.confidence import (
    false_detection_auc,
    plot_discarding,
    plot_reliability,
)
from keras_landmarks.evaluation.measure import BOXES, Evaluation, evaluate, plot_ced

__all__ = [
    "BOXES",
    "Evaluation",
    "evaluate",
    "false_detection_auc",
    "plot_ced",
    "plot_discarding",
    "plot_reliability",
]
