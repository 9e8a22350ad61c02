"""Commands that share the tests' model, which takes a second to build and to trace."""

import loaded
import pytest

import keras_landmarks


@pytest.fixture(autouse=True)
def shared(monkeypatch):
    """`tiny-ibug68` as it is published is built once; no command changes it."""
    load = keras_landmarks.load

    def shared(name, mirrored=False):
        known = name == "tiny-ibug68" and not mirrored
        return loaded.load(name) if known else load(name, mirrored=mirrored)

    monkeypatch.setattr(keras_landmarks, "load", shared)
