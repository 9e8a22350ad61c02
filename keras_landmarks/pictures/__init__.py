"""Pixels in and out: pictures, videos, drawn faces, plots."""

from keras_landmarks.pictures.ahead import read_ahead
from keras_landmarks.pictures.anonymising import anonymise
from keras_landmarks.pictures.drawing import draw
from keras_landmarks.pictures.images import as_rgb, read_image, reduce, warp, write_image
from keras_landmarks.pictures.kinds import is_video
from keras_landmarks.pictures.video import CODECS, VideoReader, VideoWriter

__all__ = [
    "CODECS",
    "VideoReader",
    "VideoWriter",
    "anonymise",
    "as_rgb",
    "draw",
    "is_video",
    "read_ahead",
    "read_image",
    "reduce",
    "warp",
    "write_image",
]
