"""Facial landmarks in Keras: models by name, and the layers, losses and tools underneath.

Rooms are imported when they are first used, so that `keras_landmarks.runtime` needs neither Keras
nor TensorFlow.
"""

import importlib
import sys
from typing import TYPE_CHECKING

from keras_landmarks import moved as _moved
from keras_landmarks.registration import Registration as _Registration

__version__ = "0.2.0"

_HOMES = {
    "Detection": "faces",
    "Landmarker": "landmarker",
    "Tracker": "faces",
    "draw": "pictures",
    "list_models": "catalogue",
    "load": "zoo",
}

__all__ = [
    "Detection",
    "Landmarker",
    "Tracker",
    "__version__",
    "bulk",
    "data",
    "draw",
    "errors",
    "evaluation",
    "export",
    "faces",
    "files",
    "geometry",
    "layers",
    "list_models",
    "load",
    "losses",
    "metrics",
    "models",
    "pictures",
    "recipes",
    "runtime",
    "schemes",
    "shapes",
    "training",
]

if TYPE_CHECKING:
    from keras_landmarks import (
        bulk,
        data,
        errors,
        evaluation,
        export,
        faces,
        files,
        geometry,
        layers,
        losses,
        metrics,
        models,
        pictures,
        recipes,
        runtime,
        schemes,
        shapes,
        training,
    )
    from keras_landmarks.catalogue import list_models
    from keras_landmarks.faces import Detection, Tracker
    from keras_landmarks.landmarker import Landmarker
    from keras_landmarks.pictures import draw
    from keras_landmarks.zoo import load
else:

    def __getattr__(name):
        if name in _HOMES:
            return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        if name in __all__:
            return importlib.import_module(f"{__name__}.{name}")
        if name in _moved.MOVED:
            module = sys.modules[f"{__name__}.{name}"] = globals()[name] = _moved.old_module(name)
            return module
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)


_Registration(("landmarker", "layers", "losses", "metrics", "models")).start()
