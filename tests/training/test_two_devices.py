"""Two devices train as one: what they train runs in forks of a single process."""

import functools

import keras
import numpy as np
import pytest
import scale
import test_loss_balance
import test_recipes
import two_devices
from test_training import ODD, SHARED, assert_same, read_log, read_weights, run, run_in_two_goes

from keras_landmarks import data, models, weights
from keras_landmarks.losses import L1
from keras_landmarks.training import MultiLoss, Recipe, Stage, train
from keras_landmarks.training.devices import default_strategy

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow has replicas"
)


# On all devices there are


def averaged(out):
    run(SHARED["averaged"], out, validated=False)


def resumed(out):
    run_in_two_goes(SHARED["averaged"], out, validated=False)


def losses(out):
    return scale.losses(out)[0]


def odd(out):
    with pytest.raises(ValueError, match="2 devices cannot share a batch of 5 evenly"):
        run(ODD, out)


def moved(out):
    """The weights of a DAN before and after four steps of gradient descent."""
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


def balanced(out):
    """The losses by which faces are picked are those by hand, of all devices' faces."""
    test_loss_balance.check_recipe("BBO", out)


def in_scope(out):
    """The same of a `fit` by a network and a metric that are made where the devices share."""
    samples, made = test_loss_balance.recorded()
    with default_strategy().scope():
        model, balancing = test_loss_balance.fit(samples, "dataset")
    expected = test_loss_balance.last_losses(model, made, 6, test_loss_balance.l1_by_hand)
    np.testing.assert_allclose(balancing.balance.losses, expected, rtol=1e-3)


def penalised(out):
    """A regulariser counts once: the step of gradient descent is that of one device."""
    import tensorflow as tf

    with default_strategy().scope():
        crops = keras.Input((4,))
        words = {"kernel_initializer": "ones", "kernel_regularizer": keras.regularizers.L2(1.0)}
        dense = keras.layers.Dense(10, **words)
        graph = MultiLoss(
            keras.Model(crops, {"landmarks": keras.layers.Reshape((5, 2))(dense(crops))}),
            {"landmarks": L1()},
        )
        graph.compile(keras.optimizers.SGD(0.01))
    batch = np.zeros((8, 4), "float32"), {"landmarks": np.zeros((8, 5, 2), "float32")}
    tf.config.run_functions_eagerly(True)  # graphs take longer to trace
    graph.fit(*batch, batch_size=8, verbose=0)
    np.testing.assert_allclose(np.asarray(dense.kernel), 1 - 0.01 * 2, rtol=1e-6)


def recipe(out):
    """One of the zoo: batch normalisation, two stages, losses by layer."""
    test_recipes.train_a_step_eagerly("unet-fast-300w", out)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Folders of what two devices trained; `odd`, `balanced` and `in_scope` hold or fail there."""
    out = tmp_path_factory.mktemp("two")
    functions = (averaged, resumed, losses, odd, moved, balanced, in_scope, penalised, recipe)
    calls = [f"test_two_devices.{f.__name__}({out / f.__name__!r})" for f in functions]
    two_devices.run(*calls)
    return out


def test_two_devices_train_to_the_weights_of_one(two, tmp_path):
    averaged(tmp_path)
    assert_same(read_weights(tmp_path), read_weights(two / "averaged"), atol=2e-5)


def test_a_training_in_two_goes_is_the_training_in_one(two):
    assert_same(read_weights(two / "averaged"), read_weights(two / "resumed"))


def test_losses_of_gradient_descent_are_those_of_one_device(two, tmp_path):
    # It sees a gradient's scale, where Adam would hide a wrong one.
    found = [float(row["loss"]) for row in read_log(two / "losses")]
    np.testing.assert_allclose(found, losses(tmp_path), atol=1e-4)


def test_a_dan_moves_as_on_one_device(two, tmp_path):
    start, one = moved(tmp_path)
    found = read_weights(two / "moved")
    assert any("moving_variance" in path for path in one)
    way = np.concatenate([(one[path] - start[path]).ravel() for path in start])
    apart = np.concatenate([(found[path] - one[path]).ravel() for path in start])
    assert np.linalg.norm(apart) < 1e-3 * np.linalg.norm(way)


def test_a_recipe_trains_a_step_of_every_stage(two):
    assert len(read_log(two / "recipe" / "run")) == 2
