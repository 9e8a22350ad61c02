"""Batch normalisation sees the whole batch, on however many devices, and files do not say so."""

import functools
import json
import os
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import two_devices

from keras_landmarks import data, layers, models, weights
from keras_landmarks.losses import L1
from keras_landmarks.models import blocks
from keras_landmarks.training import Recipe, Stage, train

TENSORFLOW = keras.backend.backend() == "tensorflow"
on_tensorflow = pytest.mark.skipif(not TENSORFLOW, reason="only TensorFlow has replicas")
EVERY = {
    "dan": functools.partial(models.dan, "five5", size=32, filters=(4, 8), hidden=16),
    "resnet": functools.partial(models.resnet, "five5", width=0.0625, size=32),
    "heatmaps": functools.partial(models.resnet, "five5", width=0.0625, size=32, heatmaps=True),
    "ffld": functools.partial(models.ffld, "five5", width=0.0625, size=64),
    "hourglass": functools.partial(
        models.hourglass, "five5", size=32, width=8, growth=4, depth=2, fine=8, exemplars=12,
        neighbours=4,
    ),
    "validation": functools.partial(
        models.validation, "five5", size=32, filters=(4, 8, 8), hidden=16, places=6
    ),
}  # fmt: skip
CROPS = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")


def small(mean_shape=None):
    """A convolution, its batch normalisation and landmarks."""
    crops = keras.Input((16, 16, 3), name="crops")
    x = blocks.convolution(blocks.rescale(crops), 8, 3, "conv", stride=2)
    x = keras.layers.Flatten(name="flatten")(x)
    landmarks = blocks.landmark_head(x, 68, (16, 16), mean_shape)
    return keras.Model(crops, {"landmarks": landmarks}, name="small")


TRAINED = {
    "small": small,
    "dan": functools.partial(models.dan, size=16, filters=(4, 8), hidden=16, dropout=0),
}


def train_four_steps(name, out):
    """The weights before and after four steps of gradient descent, on all devices there are."""
    start = {}
    stage = Stage(
        L1(),
        1,
        lambda steps: keras.optimizers.SGD(0.01),
        start=lambda model: start.update(weights.get_weights(model)),
    )
    recipe = Recipe(TRAINED[name], (stage,), (16, 16), batch=8)
    samples = data.Samples(data.made_up_faces(32, size=60), recipe.size, batch=8)
    assert len(samples) == 4
    model = train(recipe, samples, None, out, verbose=0)
    return start, weights.get_weights(model)


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """`{name: start, end on one device, end on two}` of the weights of the same training."""
    two, found = tmp_path_factory.mktemp("two"), {}
    two_devices.run(
        *(f"test_batch_normalization.train_four_steps({n!r}, {two / n!r})" for n in TRAINED)
    )
    for name in TRAINED:
        start, one = train_four_steps(name, tmp_path_factory.mktemp("one"))
        found[name] = start, one, weights.load_arrays(two / name / "best.safetensors")[0]
    return found


@on_tensorflow
def test_two_devices_are_one_after_four_steps_of_gradient_descent(moved):
    _, one, two = moved["small"]
    assert any("moving_variance" in path for path in one)
    for path in one:
        np.testing.assert_allclose(two[path], one[path], atol=2e-5, err_msg=path)


@on_tensorflow
def test_a_network_moves_on_two_devices_as_on_one(moved):
    start, one, two = moved["dan"]
    way = np.concatenate([(one[path] - start[path]).ravel() for path in start])
    apart = np.concatenate([(two[path] - one[path]).ravel() for path in start])
    assert np.linalg.norm(apart) < 1e-3 * np.linalg.norm(way)


@pytest.mark.parametrize("name", EVERY)
def test_every_normalisation_of_every_builder_is_the_shared_one(name):
    found = [
        layer
        for layer in EVERY[name]().layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert found
    assert all(type(layer) is layers.BatchNormalization for layer in found)


@pytest.mark.parametrize("name", EVERY)
def test_no_file_says_how_many_devices_there_were(name, tmp_path):
    EVERY[name]().save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        config = file.read("config.json").decode()
    assert json.loads(config)["config"]
    assert "synchronized" not in config


@on_tensorflow
def test_a_file_saved_among_replicas_opens_under_jax(tmp_path):
    pytest.importorskip("jax")
    import tensorflow as tf

    cpu = tf.config.list_logical_devices("CPU")[0].name
    with tf.distribute.MirroredStrategy([cpu]).scope():
        model = EVERY["dan"]()
    model.save(tmp_path / "model.keras")
    crops = CROPS[:, :32, :32]
    np.save(tmp_path / "crops.npy", crops)
    np.save(tmp_path / "points.npy", model.predict_on_batch(crops)["landmarks"])
    program = (
        "import keras, keras_landmarks.models, numpy as np\n"
        "model = keras.models.load_model('model.keras')\n"
        "found = model.predict_on_batch(np.load('crops.npy'))['landmarks']\n"
        "np.testing.assert_allclose(found, np.load('points.npy'), atol=1e-2)\n"
        "print(keras.backend.backend())"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[-1] == "jax"


@pytest.mark.backend
def test_layers_of_files_from_before_come_back():
    for arguments in ({}, {"synchronized": False}, {"synchronized": True}):
        config = {**layers.BatchNormalization(name="norm").get_config(), **arguments}
        again = layers.BatchNormalization.from_config(config)
        assert not again.synchronized  # there is one device
        assert "synchronized" not in again.get_config()


def test_files_from_before_name_keras_own_class():
    model = EVERY["resnet"]()
    told = json.loads(model.to_json().replace("keras_landmarks>BatchNormalization", "Batch"))
    for layer in told["config"]["layers"]:
        if layer["class_name"] in ("Batch", "BatchNormalization"):
            layer.update(module="keras.layers", class_name="BatchNormalization")
            layer.update(registered_name=None)
            layer["config"]["synchronized"] = False
    old = keras.models.model_from_json(json.dumps(told))
    old.set_weights(model.get_weights())
    expected, found = (
        keras.ops.convert_to_numpy(m(CROPS[:, :32, :32])["landmarks"]) for m in (model, old)
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)
