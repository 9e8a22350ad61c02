"""Facial landmarks in Keras: models by name, and the layers, losses and tools underneath."""

from keras_landmarks import (
    data,
    detection,
    drawing,
    evaluation,
    geometry,
    images,
    layers,
    losses,
    metrics,
    models,
    schemes,
    smoothing,
    tracking,
    training,
    video,
)
from keras_landmarks.drawing import draw
from keras_landmarks.landmarker import Detection, Landmarker
from keras_landmarks.tracking import Tracker
from keras_landmarks.zoo import list_models, load

__version__ = "0.1.0"

__all__ = [
    "Detection",
    "Landmarker",
    "Tracker",
    "__version__",
    "data",
    "detection",
    "draw",
    "drawing",
    "evaluation",
    "geometry",
    "images",
    "layers",
    "list_models",
    "load",
    "losses",
    "metrics",
    "models",
    "schemes",
    "smoothing",
    "tracking",
    "training",
    "video",
]
