"""Model builders: plain functions that return a functional model with untrained weights."""

from keras_landmarks.models.cnn import cnn, cnn6, cnn6_7, cnn7
from keras_landmarks.models.dan import dan
from keras_landmarks.models.ffld import ffld
from keras_landmarks.models.hourglass import hourglass
from keras_landmarks.models.multi_loss import MultiLoss
from keras_landmarks.models.resnet import resnet
from keras_landmarks.models.validation import validation

__all__ = [
    "MultiLoss",
    "cnn",
    "cnn6",
    "cnn6_7",
    "cnn7",
    "dan",
    "ffld",
    "hourglass",
    "resnet",
    "validation",
]
