"""Published models, each loaded once a process: not to be changed."""

import functools

import keras_landmarks

load = functools.cache(keras_landmarks.load)
