"""The Align loss, and training with a loss for each stage."""

import functools
import math

import keras
import numpy as np
import pytest
from gradients import gradients
from keras import ops

from keras_landmarks import losses, models
from keras_landmarks.layers import LandmarkCrop

RNG = np.random.default_rng(0)
PATCHES = RNG.normal(size=(2, 2, 3, 5, 4, 2)).astype("float32")
MEAN_SHAPE = RNG.uniform(-0.3, 0.3, (5, 2))
CROPS = RNG.integers(0, 256, (3, 64, 64, 3)).astype("float32")
TRUTH = RNG.uniform(10, 50, (3, 5, 2)).astype("float32")
small_ffld = functools.partial(models.ffld, "five5", width=0.0625, size=64, mean_shape=MEAN_SHAPE)
SCHEME_LOSSES = {
    "stage0_landmarks": losses.IodL2("five5"),
    "stage1_landmarks": losses.L2(),
    "stage2_landmarks": losses.L1(),
    "stage3_landmarks": losses.Align(),
}


def array(tensor):
    return ops.convert_to_numpy(tensor)


def smoothed(patch):
    """G * P of eq. 2, where the kernel lies inside the patch."""
    kernel = [[math.exp(-(i * i + j * j) / 2) for i in (-1, 0, 1)] for j in (-1, 0, 1)]
    total = sum(map(sum, kernel))
    height, width = patch.shape
    result = np.zeros((height - 2, width - 2))
    for y in range(height - 2):
        for x in range(width - 2):
            for j in range(3):
                for i in range(3):
                    result[y, x] += kernel[j][i] / total * patch[y + j, x + i]
    return result


@pytest.mark.parametrize("smooth", [True, False])
def test_align_is_the_squared_difference_of_smoothed_patches(smooth):
    true, predicted = np.float64(PATCHES)
    expected = []
    for face, guess in zip(true, predicted):
        squares = []
        for n in range(3):
            for c in range(2):
                p, q = face[n, ..., c], guess[n, ..., c]
                if smooth:
                    p, q = smoothed(p), smoothed(q)
                squares += [(a - b) ** 2 for a, b in zip(p.flat, q.flat)]
        expected.append(sum(squares) / len(squares))
    found = array(losses.align(*PATCHES, smooth=smooth))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    loss = losses.Align(smooth)
    assert float(loss(*PATCHES)) == pytest.approx(np.mean(expected), rel=1e-4)
    assert losses.Align.from_config(loss.get_config()).get_config() == loss.get_config()


def test_align_draws_a_landmark_back_across_an_edge_and_not_along_it():
    edge = np.zeros((1, 32, 32, 1), "float32")
    edge[:, :, 16:] = 1  # upright
    crop = LandmarkCrop((8, 8))
    true = crop(edge, np.float32([[[15.5, 16]]]))

    def loss(places):
        return ops.sum(losses.align(true, crop(edge, places)))

    (slope,) = gradients(loss, np.float32([[[17.2, 18]]]))
    assert slope[0, 0, 0] > 1e-3
    assert abs(slope[0, 0, 1]) < 1e-6
    assert float(loss(np.float32([[[15.5, 20]]]))) == 0
    far = [float(loss(np.float32([[[15.5 + d, 16]]]))) for d in (2, 9, 12)]
    assert far[0] < far[1] == pytest.approx(far[2])  # it levels off


def test_patches_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="truth and prediction of one shape"):
        losses.Align()(PATCHES[0], PATCHES[1, :, :2])


def test_multi_loss_adds_a_loss_for_each_stage():
    model = small_ffld()
    for i in (1, 2, 3):
        dense = model.get_layer(f"stage{i}_dense")
        dense.set_weights([RNG.normal(size=w.shape) * 0.03 for w in dense.get_weights()])
    graph = models.MultiLoss(model, SCHEME_LOSSES)
    outputs = graph(CROPS)
    np.testing.assert_allclose(
        array(outputs["landmarks"]), array(model(CROPS)["landmarks"]), atol=1e-4
    )
    expected = 0.0
    for name in list(SCHEME_LOSSES)[:3]:
        expected += float(SCHEME_LOSSES[name](TRUTH, outputs[name]))
    # Patches of the first level, and the four channels that are chosen for each landmark.
    level = keras.Model(model.input, model.get_layer("stem_relu").output)(CROPS)
    kernel = array(model.get_layer("stage3_choose").kernel)
    chosen = []
    for places in (TRUTH, outputs["stage3_landmarks"]):
        patches = array(LandmarkCrop((8, 8), stride=2)(level, places))
        chosen.append(np.stack([patches[:, n] @ kernel[n] for n in range(5)], axis=1))
    expected += float(np.mean(array(losses.align(*chosen))))
    found = float(graph.compute_loss(CROPS, {"landmarks": TRUTH}, outputs))
    assert found == pytest.approx(expected, rel=1e-4)


def test_multi_loss_trains_every_stage_and_the_model_itself():
    keras.utils.set_random_seed(0)
    model = small_ffld()
    before = {v.path: array(v) for v in model.trainable_variables}
    graph = models.MultiLoss(model, SCHEME_LOSSES)
    graph.compile(keras.optimizers.Adam(1e-3))
    history = graph.fit(CROPS, {"landmarks": TRUTH}, epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0]
    for i in range(4):
        path = f"stage{i}_dense/kernel"
        after = next(v for v in model.trainable_variables if v.path == path)
        assert not np.array_equal(array(after), before[path])


def test_align_does_not_pull_at_the_maps():
    # Were it to, the maps could all become alike, and the loss zero.
    model = small_ffld()
    first = model.get_layer("stage0_dense")  # without it nothing but the maps leads to the stem
    first.set_weights([np.zeros(w.shape) for w in first.get_weights()])
    graph = models.MultiLoss(model, {"stage3_landmarks": losses.Align()})
    graph.compile(keras.optimizers.SGD(1.0))
    stem, last = (model.get_layer(name) for name in ("stem", "stage3_dense"))
    before = array(stem.kernel)
    graph.fit(CROPS, {"landmarks": TRUTH}, verbose=0)
    np.testing.assert_array_equal(array(stem.kernel), before)
    assert np.abs(array(last.kernel)).max() > 0  # it was trained


def test_multi_loss_without_a_loss_or_layer_is_refused():
    with pytest.raises(ValueError, match="a loss for at least one layer"):
        models.MultiLoss(small_ffld(), {})
    with pytest.raises(ValueError, match="stage9"):
        models.MultiLoss(small_ffld(), {"stage9_landmarks": losses.L1()})
