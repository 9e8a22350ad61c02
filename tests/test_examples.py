"""Every `Example:` of a docstring runs as it stands, with the names of its module and the rooms."""

import ast
import importlib
import re
import shutil
import textwrap

import numpy as np
import pytest
import tensorflow as tf
from loaded import load
from places import PORTRAIT, ROOT

import keras_landmarks
from keras_landmarks import data, losses, models, pictures

PACKAGE = ROOT / "keras_landmarks"
EXAMPLE = re.compile(r"^Example:\n((?:    .*\n?|\n)+)", re.M)


def examples():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
                found = EXAMPLE.search(ast.get_docstring(node) or "")
                name = getattr(node, "name", module)
                if found:
                    yield pytest.param(module, name, textwrap.dedent(found[1]), id=name)


def small_cnn(**kwargs):
    return models.cnn(size=32, filters=(4, 8), hidden=8, **kwargs)


def ffld():
    places = np.random.default_rng(0).uniform(0.2, 0.8, (68, 2))
    return models.ffld(width=0.0625, size=64, mean_shape=places)


def some_samples():
    faces = data.made_up_faces(4)
    return data.Samples(faces, (32, 32), augmentation=data.LIGHT, batch=2)


GIVEN = {
    "LossBalancing": lambda: {"model": small_cnn(), "samples": some_samples()},
    "MultiLoss": lambda: {
        "model": ffld(),
        "crops": np.zeros((2, 64, 64, 3), np.float32),
        "landmarks": np.random.default_rng(0).uniform(0, 64, (2, 68, 2)).astype(np.float32),
    },
    "NME": lambda: {"model": small_cnn()},
    "Validation": lambda: {"model": small_cnn(expected_error=True)},
    "VideoWriter": lambda: {"frame": np.zeros((32, 32, 3), np.uint8)},
    "Wing": lambda: {"model": small_cnn()},
    "open_model": lambda: load("tiny-ibug68").export("cnn6.tflite", "tflite"),
}
"""What an example takes for granted beside its imports."""
EAGER = {"MultiLoss"}
"""Examples of few steps of a large graph."""


@pytest.mark.parametrize(("module", "name", "text"), examples())
def test_an_example_runs(module, name, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(PORTRAIT, "photo.jpg")
    with pictures.VideoWriter("video.mp4", 25) as video:
        for _ in range(3):
            video.write(pictures.read_image("photo.jpg"))
    names = {room: getattr(keras_landmarks, room) for room in keras_landmarks.__all__}
    names |= {loss: getattr(losses, loss) for loss in losses.__all__}
    names |= {"keras_landmarks": keras_landmarks} | vars(importlib.import_module(module))
    names |= GIVEN.get(name, dict)()
    tf.config.run_functions_eagerly(name in EAGER)
    try:
        exec(compile(text, f"{module}.{name}", "exec"), names)
    finally:
        tf.config.run_functions_eagerly(False)


def test_there_are_examples():
    assert len(list(examples())) >= 13
