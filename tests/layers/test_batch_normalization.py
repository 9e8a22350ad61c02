"""Batch normalisation sees the whole batch, on however many devices, and files do not say so."""

import functools
import json

import keras
import numpy as np
import pytest
import two_devices

from keras_landmarks import data, layers, models, weights
from keras_landmarks.losses import L1
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


def train_four_steps(out):
    """The weights of a DAN before and after four steps of gradient descent, on all devices."""
    import tensorflow as tf

    start = {}
    stage = Stage(
        L1(),
        1,
        lambda steps: keras.optimizers.SGD(0.01),
        start=lambda model: start.update(weights.get_weights(model)),
    )
    build = functools.partial(models.dan, size=16, filters=(4, 8), hidden=16, dropout=0)
    recipe = Recipe(build, (stage,), (16, 16), batch=8)
    samples = data.Samples(data.made_up_faces(32, size=60), recipe.size, batch=8)
    assert len(samples) == 4
    tf.config.run_functions_eagerly(True)  # graphs take longer to trace
    try:
        model = train(recipe, samples, None, out, verbose=0)
    finally:
        tf.config.run_functions_eagerly(False)
    return start, weights.get_weights(model)


@on_tensorflow
def test_a_network_moves_on_two_devices_as_on_one(tmp_path):
    # `test_two_devices_train_to_the_weights_of_one` has the graphs, and the losses of a CNN's.
    two_devices.run(f"test_batch_normalization.train_four_steps({tmp_path / 'two'!r})")
    start, one = train_four_steps(tmp_path / "one")
    two = weights.load_arrays(tmp_path / "two" / "best.safetensors")[0]
    assert any("moving_variance" in path for path in one)
    way = np.concatenate([(one[path] - start[path]).ravel() for path in start])
    apart = np.concatenate([(two[path] - one[path]).ravel() for path in start])
    assert np.linalg.norm(apart) < 1e-3 * np.linalg.norm(way)


@pytest.mark.parametrize("name", EVERY)
def test_every_normalisation_is_the_shared_one_and_files_do_not_say_how_many_devices(name):
    model = EVERY[name]()
    found = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert found
    assert all(type(layer) is layers.BatchNormalization for layer in found)
    assert "synchronized" not in model.to_json()


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
