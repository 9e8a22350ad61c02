"""Model builders: plain functions that return a functional model with untrained weights."""

from keras_landmarks.models.cnn import cnn, cnn6, cnn6_7, cnn7
from keras_landmarks.models.dan import dan
from keras_landmarks.models.ensemble import ensemble
from keras_landmarks.models.ffld import ffld
from keras_landmarks.models.hourglass import hourglass
from keras_landmarks.models.resnet import resnet
from keras_landmarks.models.unet import unet
from keras_landmarks.models.validation import validation
from keras_landmarks.moved import old_name

__all__ = [
    "cnn",
    "cnn6",
    "cnn6_7",
    "cnn7",
    "dan",
    "ensemble",
    "ffld",
    "hourglass",
    "resnet",
    "unet",
    "validation",
]


def __getattr__(name):
    if name == "MultiLoss":
        return old_name(__name__, name, "training")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
