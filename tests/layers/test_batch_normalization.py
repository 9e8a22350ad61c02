"""Batch normalisation sees the whole batch, on however many devices, and files do not say so."""

import functools
import json

import keras
import numpy as np
import pytest

from keras_landmarks import layers, models

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
