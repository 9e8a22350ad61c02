"""Model builders: plain functions that return a functional model with untrained weights."""

from keras_landmarks.models.cnn import cnn, cnn6, cnn6_7, cnn7
from keras_landmarks.models.dan import dan

__all__ = ["cnn", "cnn6", "cnn6_7", "cnn7", "dan"]
