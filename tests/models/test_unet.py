import keras
import numpy as np
import pytest
from gradients import compiled
from keras import ops

from keras_landmarks import losses, models, training

SMALL = {"size": 32, "widths": (4, 6, 8), "depth": 1, "side": 6, "places": 5}
CROPS = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype("float32")
LANDMARKS = np.random.default_rng(1).uniform(4, 28, (4, 5, 2)).astype("float32")


def small(**arguments):
    keras.utils.set_random_seed(0)
    return models.unet("five5", **{**SMALL, **arguments})


@pytest.mark.backend
def test_landmarks_lie_in_the_crop_and_each_has_an_expected_error():
    found = compiled(small())(CROPS)
    assert found["landmarks"].shape == (4, 5, 2)
    assert found["error"].shape == (4, 5)
    assert 0 < float(ops.min(found["landmarks"])) < float(ops.max(found["landmarks"])) < 31
    assert float(ops.min(found["error"])) > 0


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_heatmaps_have_the_stride_that_is_asked_for(stride):
    model = small(stride=stride)
    assert model.get_layer("heatmaps").output.shape == (None, 32 // stride, 32 // stride, 5)


def train(weight, steps=3):
    model = small()
    loss = losses.Validation(losses.Wing(2.5, 0.5), "euclidean", weight)
    graph = training.MultiLoss(model, {"validated": loss})
    graph.compile(keras.optimizers.SGD(0.01), run_eagerly=True)
    for _ in range(steps):
        graph.train_on_batch(CROPS, {"landmarks": LANDMARKS})
    return model


def test_expected_errors_learn_and_never_pull_at_the_landmarks():
    without, with_errors = (train(weight)(CROPS) for weight in (0.0, 1.0))
    np.testing.assert_allclose(without["landmarks"], with_errors["landmarks"], atol=1e-4)
    assert float(ops.max(ops.abs(without["error"] - with_errors["error"]))) > 0.1


def test_a_crop_that_halves_to_no_whole_pixels_is_named():
    with pytest.raises(ValueError, match="size must be a multiple of 8, not 36"):
        small(size=36)
    with pytest.raises(ValueError, match=r"stride must be one of \[2, 4, 8\], not 16"):
        small(stride=16)
