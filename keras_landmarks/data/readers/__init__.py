"""Annotation files and data sets as they are published, one format a file."""

from keras_landmarks.data.readers.helen29 import read_helen29
from keras_landmarks.data.readers.pts import read_pts

__all__ = ["read_helen29", "read_pts"]
