"""Models of half precision: exported in float32, and their detector untouched."""

import pathlib
import shutil

import keras
import numpy as np
import pytest

from keras_landmarks import Landmarker, load, runtime
from keras_landmarks.export import checked
from keras_landmarks.export.precision import in_float32
from keras_landmarks.faces import Mtcnn
from keras_landmarks.pictures import read_image

PORTRAIT = pathlib.Path(__file__).parents[2] / "tutorials" / "astronaut.jpg"


@pytest.fixture
def half(policy):
    """The tiny model as it is built under a policy, which stays."""
    keras.config.set_dtype_policy(policy)
    yield load("tiny-ibug68")
    keras.config.set_dtype_policy("float32")


def crops():
    return np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype("float32")


@pytest.mark.parametrize(
    ("policy", "again"),
    [("mixed_bfloat16", False), ("float16", False), ("mixed_float16", True), ("bfloat16", True)],
)
def test_a_model_of_half_precision_is_exported_in_float32(half, again, tmp_path):
    if again:
        half.save(tmp_path / "half.keras")
        half = keras.models.load_model(tmp_path / "half.keras")
    detector = half.detector = Mtcnn(threshold=0.7)
    whole = in_float32(half)
    assert type(whole) is Landmarker
    assert whole.detector is detector
    assert {layer.compute_dtype for layer in whole.layers if layer.weights} == {"float32"}
    for known, variable in zip(half.weights, whole.weights, strict=True):
        assert variable.dtype == "float32"
        np.testing.assert_array_equal(np.float32(known.numpy()), variable.numpy())
    expected = whole.predict_on_batch(crops())["landmarks"]
    kinds = [] if again else [("a.tflite", "tflite")]
    kinds += [("a.onnx", "onnx")] if keras.config.dtype_policy().name == "float16" else []
    for name, kind in kinds:
        facts = half.export(tmp_path / name, kind)
        assert facts["licence"] == half.licence
        found = runtime.open_model(tmp_path / name).predict_on_batch(crops())["landmarks"]
        np.testing.assert_allclose(found, expected, atol=0.01)
    assert keras.config.dtype_policy().name != "float32"  # is left as it was


def test_a_network_within_a_network_is_exported_in_float32(tmp_path):
    crops = keras.Input((32, 32, 3))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        inner = keras.Sequential([keras.layers.Conv2D(10, 3), keras.layers.GlobalMaxPooling2D()])
        x = inner(crops)
    finally:
        keras.config.set_dtype_policy("float32")
    x = keras.layers.Reshape((5, 2), dtype="float32")(x)
    Landmarker(crops, {"landmarks": x}, scheme="five5").save(tmp_path / "nested.keras")
    half = keras.models.load_model(tmp_path / "nested.keras")
    whole = in_float32(half)
    layers = whole._flatten_layers(include_self=False)
    assert {layer.compute_dtype for layer in layers} == {"float32"}
    half.export(tmp_path / "nested.tflite", "tflite")


def test_a_model_of_float32_is_exported_itself():
    model = load("tiny-ibug68")
    assert in_float32(model) is model


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float16"])
def test_the_policy_does_not_reach_the_detector(policy):
    picture = read_image(PORTRAIT)
    keras.config.set_dtype_policy(policy)
    try:
        boxes, scores = Mtcnn()(picture)
        assert keras.config.dtype_policy().name == policy
    finally:
        keras.config.set_dtype_policy("float32")
    expected, sure = Mtcnn()(picture)
    np.testing.assert_array_equal(boxes, expected)
    np.testing.assert_array_equal(scores, sure)


@pytest.mark.parametrize("verbose", [True, False])
def test_verbose_says_what_was_written(verbose, tmp_path, capfd, monkeypatch, known):
    there, _ = known("tflite")
    monkeypatch.setattr(checked, "write", lambda model, path, *_: shutil.copy(there, path))
    load("tiny-ibug68").export(tmp_path / "a.tflite", "tflite", verbose=verbose)
    said = f"{tmp_path / 'a.tflite'}: tflite; landmarks within "
    assert (said in capfd.readouterr().out) == verbose
