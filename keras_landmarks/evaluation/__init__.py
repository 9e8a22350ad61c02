"""Measuring a model on annotated faces, always together with the protocol."""

from keras_landmarks.evaluation.ced import plot_ced
from keras_landmarks.evaluation.checking import Check, check_faces
from keras_landmarks.evaluation.confidence import (
    false_detection_auc,
    plot_discarding,
    plot_reliability,
)
from keras_landmarks.evaluation.measure import BOXES, Evaluation, evaluate
from keras_landmarks.evaluation.occlusion import OccludedFace, hidden_and_visible, occlude
from keras_landmarks.evaluation.robustness import DISTURBANCES, disturb

__all__ = [
    "BOXES",
    "DISTURBANCES",
    "Check",
    "Evaluation",
    "OccludedFace",
    "check_faces",
    "disturb",
    "evaluate",
    "false_detection_auc",
    "hidden_and_visible",
    "occlude",
    "plot_ced",
    "plot_discarding",
    "plot_reliability",
]
