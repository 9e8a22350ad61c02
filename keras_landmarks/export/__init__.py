"""Models for phones, servers and browsers, each checked against Keras: SavedModel, TFLite, ONNX."""

from keras_landmarks.export.checked import INT8_LIMIT, export
from keras_landmarks.export.formats import FORMATS, KERAS_NAMES

__all__ = ["FORMATS", "INT8_LIMIT", "KERAS_NAMES", "export"]
