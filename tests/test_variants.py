"""Recipes as the papers have them, by the numbers that these give (sections in the recipes)."""

import keras
import numpy as np
import pytest
import test_recipes

from keras_landmarks import losses, recipes, training
from keras_landmarks.recipes import get_recipe

SUM = 136
"""The papers sum a loss over the coordinates of 68 points, which is a mean here."""


def rates(stage, steps, *at):
    """The learning rates at some of a stage's steps."""
    rate = stage.optimizer(steps)._learning_rate
    return [float(rate(step)) for step in at] if callable(rate) else [float(rate)] * len(at)


@pytest.mark.parametrize(
    ("name", "first", "last", "wing", "turn"),
    [
        ("cnn6-300w", 3e-5, 3e-7, (10, 2), 30),
        ("cnn6-7-300w", 1e-5, 1e-7, (15, 3), 10),
        ("resnet50-300w", 1e-5, 1e-7, (15, 3), 10),
    ],
)
def test_wing_loss(name, first, last, wing, turn):
    recipe = get_recipe(f"{name}@paper")
    (stage,) = recipe.stages
    steps = stage.epochs * 7163 / recipe.batch  # the balanced set of 2,977 faces
    assert recipe.batch == 8
    assert steps == pytest.approx(120_000, rel=0.01)
    np.testing.assert_allclose(rates(stage, 1000, 0, 999), [SUM * first, SUM * last], rtol=1e-4)
    sgd = stage.optimizer(1000)
    assert isinstance(sgd, keras.optimizers.SGD)
    assert sgd.momentum == 0.9
    # What decays of a weight in a step, by the paper's rate and 5e-4, once momentum has built up.
    assert sgd.weight_decay * SUM * first == pytest.approx(10 * 5e-4 * first)
    assert (stage.loss.get_config()["w"], stage.loss.get_config()["epsilon"]) == wing
    varied = recipe.augmentation
    assert (varied.rotation, varied.mirror, varied.shift) == (turn, 0.5, 0.05)
    assert (varied.blur, varied.sigma, varied.vary_sigma) == (0.5, 1.0, False)
    assert (recipe.bins, recipe.most, recipe.held_out) == (9, None, 0)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", ["cnn6-300w", "cnn6-7-300w", "resnet50-300w", "validation-300w"])
def test_rates_of_sgd_are_for_a_layer_that_puts_out_pixels(name):
    recipe = get_recipe(f"{name}@paper")
    model = test_recipes.narrow(recipe.model)(mean_shape=np.zeros((68, 2)))
    crops = np.zeros((1, *recipe.size, 3), "float32")
    before = np.asarray(model.predict(crops, verbose=0)["landmarks"])
    dense = model.get_layer("head_dense")
    kernel, bias = dense.get_weights()
    dense.set_weights([kernel, bias + 1])
    moved = np.asarray(model.predict(crops, verbose=0)["landmarks"]) - before
    # Upright, CNN-6/7's two stages have the same pixels.
    np.testing.assert_allclose(moved, 1, rtol=0.02)


def test_a_deep_alignment_network():
    recipe = get_recipe("dan-300w@paper")
    assert recipe.batch == 64
    assert recipe.held_out * 3148 == pytest.approx(100)
    assert [stage.output for stage in recipe.stages] == ["stage1_landmarks", None]
    for stage in recipe.stages:
        adam = stage.optimizer(100)
        assert type(adam) is keras.optimizers.Adam
        assert float(adam.learning_rate) == pytest.approx(0.001)
        assert stage.patience
        assert stage.loss.get_config()["kind"] == "pupils"
    assert recipe.augmentation.normal
    assert recipe.repeat == 10


@pytest.mark.parametrize(("depth", "nme"), [(18, "3.18"), (50, "3.06")])
def test_fine_grained_detection(depth, nme):
    recipe = get_recipe(f"resnet{depth}-ffld-300w@paper")
    assert (recipe.model().name, recipe.paper_nme[:4]) == (f"resnet{depth}_ffld", nme)
    alone, smooth, exact = recipe.stages
    assert (recipe.batch, recipe.held_out) == (64, 0)
    assert (alone.epochs, smooth.epochs + exact.epochs) == (350, 400)
    assert rates(alone, 350, 0, 49, 50, 349) == pytest.approx([1e-4, 1e-4, 3e-5, 1e-4 * 0.3**6])
    assert rates(smooth, 320, 0, 79, 80, 319) == pytest.approx([5e-4, 5e-4, 1.5e-4, 5e-4 * 0.3**3])
    assert rates(exact, 80, 0, 79) == pytest.approx([5e-4 * 0.3**4] * 2)
    assert smooth.optimizer(10).weight_decay == 0.0005
    assert [type(loss) for loss in smooth.loss.values()] == [
        losses.IodL2,
        losses.L2,
        losses.L1,
        losses.Align,
    ]
    varied = recipe.augmentation
    assert (varied.scale, varied.shift, varied.rotation, varied.mirror) == (0.2, 0.1, 20, 0)


def test_score_guided_alignment():
    recipe = get_recipe("hourglass-300w@paper")
    (stage,) = recipe.stages
    assert (recipe.batch, stage.epochs) == (10, 80)
    assert rates(stage, 80, 0, 20, 21, 79) == pytest.approx([1e-4, 1e-4, 5e-5, 5e-5])
    varied = recipe.augmentation
    assert (varied.rotation, varied.mirror, varied.blur, varied.normal) == (30, 0.5, 0, False)
    assert 2 * varied.scale == pytest.approx(1.2 - 0.9)
    assert varied.shift > 0
    assert varied.colour > 0
    assert recipe.model.keywords == {"width": 128, "decoding": "argmax", "trust": 1.0}
    assert recipe.held_out == 0


@pytest.mark.parametrize("slope", [1e-3, 1e-6])
def test_rmsprop_is_pytorchs(slope):
    # alpha 0.99, and 1e-8 added to the root of the mean square.
    (stage,) = get_recipe("hourglass-300w@paper").stages
    optimizer, weight = stage.optimizer(80), keras.Variable(0.0)
    square, expected = 0.0, 0.0
    for step in range(5):
        gradient = slope * (1 + step % 2)
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
        square = 0.99 * square + 0.01 * gradient**2
        expected -= 1e-4 * gradient / (square**0.5 + 1e-8)
    assert float(weight) == pytest.approx(expected, rel=0.1)
    assert type(optimizer) is keras.optimizers.RMSprop


def test_landmark_validation():
    recipe = get_recipe("validation-300w@paper")
    assert (recipe.batch, recipe.held_out) == (10, 0)
    assert recipe.lpbb == "BB"
    expected = [1e-8, 1e-7, 1e-7, 1e-6, 1e-6]
    for stage, rate in zip(recipe.stages, expected):
        assert rates(stage, 900, 0) == pytest.approx([SUM * rate])
        assert stage.optimizer(900).momentum == 0.9
        assert stage.loss["validated"].get_config()["weight"] == 1.0
        assert stage.loss["validated"].get_config()["distance"] == "manhattan"
    kinds = [type(stage.loss["validated"]._arguments["coordinates"]) for stage in recipe.stages]
    assert kinds == [losses.L2, losses.L2, losses.L1, losses.L1, losses.Wing]
    assert [stage.epochs for stage in recipe.stages] == [2000] * 4 + [900]
    falling = rates(recipe.stages[-1], 900, 299, 300, 600)
    assert falling == pytest.approx([SUM * 1e-6, SUM * 1e-7, SUM * 1e-8])
    assert recipe.augmentation.rotation == pytest.approx(np.degrees(1), abs=0.1)
    varied = recipe.augmentation
    assert (varied.grey, varied.shift, varied.mirror) == (1.0, 0.2, 0.0)
    assert (varied.blur, varied.sigma, varied.patches, varied.noise) == (1.0, 1.3, 1.0, 1.0)
    assert varied.colour * 127.5 == pytest.approx(30)
    assert (2 * varied.cover) ** 2 == pytest.approx(0.5, abs=0.02)  # of the crop


def test_variants_are_recipes_by_name():
    assert isinstance(get_recipe("dan-300w@three-stages"), training.Recipe)
    assert get_recipe("cnn6-300w") is not get_recipe("cnn6-300w@paper")
    assert "cnn6-300w@paper" not in recipes.list_recipes()
    with pytest.raises(ValueError, match="Unknown variant of cnn6-300w 'best'. Known: paper."):
        get_recipe("cnn6-300w@best")
    with pytest.raises(ValueError, match="Unknown variant of tiny-ibug68 'paper'. Known: "):
        get_recipe("tiny-ibug68@paper")
