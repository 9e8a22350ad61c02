"""A landmarker in the formats of `keras.Model.export`, with any number of faces a batch."""

import functools
import os
import pathlib

import numpy as np
import pytest
from small_dan import SIZE, small_dan

from keras_landmarks import Landmarker, load
from keras_landmarks.data import Augmentation, Face, Samples, made_up_faces, read_300w

ROOT = pathlib.Path(__file__).parent.parent
DATA = os.environ.get("KERAS_LANDMARKS_DATA")


def saved_model(path):
    import tensorflow as tf

    model = tf.saved_model.load(path)  # kept: its function does not keep its variables
    return lambda crops: model.serve(crops)["landmarks"].numpy()


def litert(path):
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(path).get_signature_runner()  # knows no operations but the built-in ones
    return lambda crops: run(crops=crops)["landmarks"]


def onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return lambda crops: session.run(["landmarks"], {"crops": crops})[0]


FORMATS = {
    "tf_saved_model": ("", saved_model),
    "litert": (".tflite", litert),
    "onnx": (".onnx", onnx),
}


def made_up_crops():
    return np.stack([face.image for face in made_up_faces(5, size=SIZE)])


def real_crops(model, count=100):
    """Crops of test faces, or views of a portrait where there are none."""
    if DATA:
        faces = read_300w(pathlib.Path(DATA) / "300W", "300w/lfpw-test")[:count]
        return Samples(faces, model.size, model.margin, model.box).arrays()[0]
    portrait = ROOT / "tutorials" / "astronaut.jpg"
    points = model.detect(portrait, (170, 63, 276, 189))[0].landmarks
    faces = [Face(portrait, points, model.scheme.name, (170, 63, 276, 189))] * count
    views = Augmentation(scale=0.1, colour=0.3)
    return Samples(faces, model.size, model.margin, augmentation=views, batch=count).batch_at(0)[0]


@functools.cache
def expected(name):
    """A landmarker, crops of faces and their landmarks."""
    network = small_dan() if name == "small" else None
    model = load(name) if network is None else Landmarker(network.input, network.output)
    crops = (real_crops(model) if network is None else made_up_crops()).astype("float32")
    return model, crops, model.predict(crops, batch_size=25, verbose=0)["landmarks"]


@pytest.fixture(scope="module", params=[(m, f) for m in ("small", "dan-300w") for f in FORMATS])
def exported(request, tmp_path_factory):
    """The name of a landmarker, and the landmarker in a format: a function of crops."""
    name, kind = request.param
    suffix, read = FORMATS[kind]
    path = str(tmp_path_factory.mktemp("export") / f"model{suffix}")
    expected(name)[0].export(path, format=kind, verbose=False)
    return name, read(path)


def test_an_exported_landmarker_finds_what_keras_finds(exported):
    name, run = exported
    _, crops, landmarks = expected(name)
    assert np.ptp(landmarks, axis=0).max() > 1  # each face has its own
    np.testing.assert_allclose(run(crops[:1]), landmarks[:1], atol=0.05)
    for i in range(0, len(crops), 25):
        np.testing.assert_allclose(run(crops[i : i + 25]), landmarks[i : i + 25], atol=0.05)


@pytest.mark.parametrize("level", [0, 255])
def test_a_plain_picture_has_finite_landmarks(exported, level):
    name, run = exported
    model = expected(name)[0]
    crops = np.full((2, *model.size, 3), level, "float32")
    found = run(crops)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, model.predict_on_batch(crops)["landmarks"], atol=0.05)


def test_a_model_that_was_just_loaded_can_be_exported(tmp_path):
    load("tiny-ibug68").export(str(tmp_path / "model.onnx"), format="onnx", verbose=False)
    assert (tmp_path / "model.onnx").exists()
