"""Points that are missing, and weights of points: in every loss, in metrics and in `fit`."""

import keras
import numpy as np
import pytest
from gradients import gradients
from keras import ops

from keras_landmarks import losses, metrics
from keras_landmarks.own_schemes import scheme_of_names

RNG = np.random.default_rng(3)
FACES, POINTS = 3, 68
TRUE = RNG.uniform(8, 40, (FACES, POINTS, 2)).astype("float32")
NEAR = (TRUE + RNG.normal(0, 4, TRUE.shape)).astype("float32")
MAPS = RNG.uniform(0, 1, (FACES, 12, 12, POINTS)).astype("float32")
PATCHES = RNG.normal(size=(2, FACES, POINTS, 4, 4, 3)).astype("float32")
EXPECTED = RNG.uniform(0, 9, (FACES, POINTS, 1)).astype("float32")
SOME = np.arange(0, POINTS, 5)[1:]  # no corner of an eye, 36 and 45, is among them
SOME = SOME[SOME != 45]

CASES = {
    "l1": (losses.L1(), TRUE, NEAR),
    "l2": (losses.L2(), TRUE, NEAR),
    "smooth_l1": (losses.SmoothL1(), TRUE, NEAR),
    "wing": (losses.Wing(), TRUE, NEAR),
    "iod_l2": (losses.IodL2(), TRUE, NEAR),
    "normalised_distance": (losses.NormalisedDistance(kind="corners"), TRUE, NEAR),
    "align": (losses.Align(), *PATCHES),
    "heatmaps": (losses.Heatmaps(stride=4), TRUE, MAPS),
    "score_maps": (losses.ScoreMaps(stride=4), TRUE, MAPS),
    "validation": (losses.Validation(), TRUE, np.concatenate([NEAR, EXPECTED], axis=-1)),
    "validation of wing": (
        losses.Validation(losses.Wing(), "euclidean"),
        TRUE,
        np.concatenate([NEAR, EXPECTED], axis=-1),
    ),
}
OVER_EYES = ("iod_l2", "normalised_distance")
every_loss = pytest.mark.parametrize("name", CASES)


def without(true, points, faces=slice(None)):
    true = true.copy()
    for face in np.arange(len(true))[faces]:
        true[face, points] = np.nan
    return true


def of_faces(loss, true, predicted, weights=None):
    return ops.convert_to_numpy(loss.call(*map(ops.convert_to_tensor, (true, predicted)), weights))


def points_first(name, values):
    """Predictions with the points' axis after the faces'."""
    return np.moveaxis(values, -1, 1) if "maps" in name else values


@pytest.mark.backend
@pytest.mark.parametrize("name", [name for name in CASES if name not in OVER_EYES])
def test_a_loss_without_some_points_is_that_of_the_others(name):
    loss, true, predicted = CASES[name]
    kept = np.setdiff1d(np.arange(POINTS), SOME)
    chosen = predicted[..., kept] if "maps" in name else predicted[:, kept]
    expected = of_faces(loss, true[:, kept], chosen)
    np.testing.assert_allclose(of_faces(loss, without(true, SOME), predicted), expected, rtol=1e-5)


@pytest.mark.backend
@every_loss
def test_a_missing_point_has_no_gradient_at_all_in_a_compiled_step(name):
    loss, true, predicted = CASES[name]
    true = without(without(true, SOME), [36, 40], faces=slice(1))
    true[2] = np.nan

    def total(p):
        return ops.sum(loss.call(ops.convert_to_tensor(true), p))

    if keras.backend.backend() == "jax":
        import jax

        total = jax.jit(total)
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        total = tf.function(total)
    (gradient,) = gradients(total, predicted)
    gradient = points_first(name, gradient)
    missing = np.isnan(true.reshape(FACES, POINTS, -1)[..., 0])
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[missing], 0)
    assert (np.abs(gradient[~missing].reshape((~missing).sum(), -1)).max(axis=1) > 0).all()


@pytest.mark.backend
@every_loss
def test_one_weight_for_all_points_is_a_weight_of_the_face(name):
    loss, true, predicted = CASES[name]
    true, faces = without(true, SOME), np.float32([0.5, 2, 0])
    points = np.tile(faces[:, None], POINTS)
    found, expected = (loss(true, predicted, weights) for weights in (points, faces))
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), ops.convert_to_numpy(expected), rtol=1e-5
    )


@pytest.mark.backend
@every_loss
def test_a_weight_multiplies_what_its_point_adds(name):
    loss, true, predicted = CASES[name]
    weights = np.ones((FACES, POINTS), "float32")
    weights[:, SOME] = 0
    whole, part = of_faces(loss, true, predicted), of_faces(loss, true, predicted, weights)
    marked = of_faces(loss, without(true, SOME), predicted)
    np.testing.assert_allclose(part, marked * (POINTS - len(SOME)) / POINTS, rtol=1e-4)
    unknown = np.where(weights > 0, weights, np.nan)  # of a point that is missing
    found = of_faces(loss, without(true, SOME), predicted, unknown)
    np.testing.assert_allclose(found, marked, rtol=1e-4)
    doubled = of_faces(loss, true, predicted, 2 - weights)
    np.testing.assert_allclose(doubled, 2 * whole - part, rtol=1e-4)


def test_weights_of_another_count_of_points_are_refused():
    with pytest.raises(ValueError, match=r"a point, \(batch, 68\), got \(3, 51\)"):
        losses.L1()(TRUE, NEAR, np.ones((3, 51)))


@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size", "mean_with_sample_weight"])
def test_every_reduction_takes_weights_of_points_as_those_of_faces(reduction):
    true, faces = without(TRUE, SOME), np.float32([0.5, 2, 0])
    loss = losses.L1(reduction=reduction)
    each = of_faces(loss, true, NEAR) * faces
    divisor = {"sum": 1, "sum_over_batch_size": FACES}.get(reduction, faces.sum())
    for weights in (faces, np.tile(faces[:, None], POINTS)):
        assert float(loss(true, NEAR, weights)) == pytest.approx(each.sum() / divisor, rel=1e-5)


@pytest.mark.parametrize("name", ["MeanSquaredError", "MeanAbsoluteError"])
def test_a_loss_of_keras_under_validation_leaves_points_out_and_weighs_them(name):
    """Over the two coordinates of a point, Keras' squares are twice our L2, whose half is eq. 2."""
    ours = {"MeanSquaredError": losses.L2(), "MeanAbsoluteError": losses.L1()}[name]
    scale = {"MeanSquaredError": 2, "MeanAbsoluteError": 1}[name]
    true, predicted = without(TRUE, SOME), np.concatenate([NEAR, EXPECTED], axis=-1)
    weights = RNG.uniform(0, 2, (FACES, POINTS)).astype("float32")
    theirs = losses.Validation(getattr(keras.losses, name)(), weight=0)
    for given in (None, weights):
        expected = scale * of_faces(ours, true, NEAR, given)
        found = of_faces(theirs, true, predicted, given)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 51), (3, 68, 2)])
def test_a_metrics_weights_of_another_count_of_points_are_refused(shape):
    with pytest.raises(ValueError, match="needs a sample_weight a face"):
        metrics.NME().update_state(TRUE, NEAR, np.ones((1, POINTS)))  # a row is not for all
    for faces in (1, 3):
        with pytest.raises(ValueError, match=r"a point, \(batch, 68\), got"):
            metrics.NME().update_state(TRUE[:faces], NEAR[:faces], np.ones((faces, *shape[1:])))


def test_a_loss_over_the_eyes_distance_takes_predicted_corners_for_missing_ones():
    found = of_faces(losses.IodL2(), without(TRUE, [36]), NEAR)
    for face in range(FACES):
        distance = np.linalg.norm(NEAR[face, 36] - TRUE[face, 45])
        squares = [
            np.square(TRUE[face, i] - NEAR[face, i]).sum() / 2 for i in range(POINTS) if i != 36
        ]
        assert found[face] == pytest.approx(sum(squares) / 67 / max(distance, 1), rel=1e-4)


# Metrics


@pytest.mark.backend
def test_a_metric_leaves_out_a_face_without_the_points_of_its_normaliser():
    true = without(TRUE, [36, 50], faces=slice(1))
    expected = metrics.face_errors(TRUE[1:], NEAR[1:], kind="corners")
    for metric, value in (
        (metrics.NME(kind="corners"), expected.mean()),
        (metrics.FailureRate(0.2, kind="corners"), (expected >= 0.2).mean()),
        (metrics.AUC(0.9, kind="corners"), np.maximum(1 - expected / 0.9, 0).mean()),
    ):
        metric.update_state(true, NEAR)
        assert float(metric.result()) == pytest.approx(value, rel=1e-4)


@pytest.mark.backend
def test_a_prediction_that_is_no_number_is_still_a_failure():
    metric = metrics.FailureRate(0.9, kind="corners")
    metric.update_state(TRUE, np.full_like(TRUE, np.nan))
    assert float(metric.result()) == 1


@pytest.mark.backend
def test_a_metric_takes_weights_of_points():
    true = without(TRUE, SOME, faces=slice(1))
    weights = RNG.uniform(0, 2, (FACES, POINTS)).astype("float32")
    total = count = 0.0
    for face in range(FACES):
        distance = np.linalg.norm(TRUE[face, 36] - TRUE[face, 45])
        marked = [i for i in range(POINTS) if face or i not in SOME]
        for i in marked:
            error = np.linalg.norm(TRUE[face, i] - NEAR[face, i]) / distance
            total += weights[face, i] * error / len(marked)
            count += weights[face, i] / len(marked)
    metric = metrics.NME(kind="corners")
    metric.update_state(true, NEAR, weights)
    assert float(metric.result()) == pytest.approx(total / count, rel=1e-4)


# Training


def linear(points=6):
    inputs = keras.Input((4,))
    x = keras.layers.Reshape((points, 2))(keras.layers.Dense(2 * points, name="out")(inputs))
    return keras.Model(inputs, {"landmarks": x})


@pytest.mark.backend
def test_fit_takes_a_weight_for_each_point_and_faces_that_lack_points():
    scheme = scheme_of_names("six", 6)
    x = RNG.normal(size=(8, 4)).astype("float32")
    true = RNG.uniform(0, 9, (8, 6, 2)).astype("float32")
    true[:5, 1] = np.nan
    weights = np.ones((8, 6), "float32")
    weights[:, 4] = 0
    model = linear()
    before = model.predict(x, verbose=0)["landmarks"]
    kernel = ops.convert_to_numpy(model.get_layer("out").kernel)
    nme = metrics.NME(scheme, name="weighted")
    model.compile("sgd", {"landmarks": losses.L2()}, weighted_metrics={"landmarks": [nme]})
    history = model.fit(x, {"landmarks": true}, 8, sample_weight={"landmarks": weights}, verbose=0)
    faces = []
    for face in range(8):
        marked = [i for i in range(6) if not np.isnan(true[face, i, 0])]
        squares = [np.square(true[face, i] - before[face, i]).mean() / 2 for i in marked if i != 4]
        faces.append(sum(squares) / len(marked))
    assert history.history["loss"][0] == pytest.approx(np.mean(faces), rel=1e-4)
    assert np.isfinite(history.history["weighted"][0])
    moved = ops.convert_to_numpy(model.get_layer("out").kernel) != kernel
    assert moved.any(axis=0).tolist() == [True] * 8 + [False] * 2 + [True] * 2
    history = model.fit(
        x, {"landmarks": true}, 8, sample_weight={"landmarks": 0 * weights}, verbose=0
    )
    assert history.history["loss"] == [0]


@pytest.mark.parametrize("name", [name for name in CASES if name != "align"])
def test_one_face_does_not_stand_for_all(name):
    loss, true, predicted = CASES[name]
    with pytest.raises(ValueError, match="needs"):
        loss(true[:1], predicted)
    with pytest.raises(ValueError, match="needs a sample_weight a face"):
        loss(true, predicted, np.ones((1, POINTS)))


@keras.saving.register_keras_serializable()
class OfFaces(keras.losses.Loss):
    """A loss of one's own with a number for each face."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=(1, 2))


def test_a_loss_with_a_number_a_face_leaves_points_out_as_one_with_a_number_a_point_does():
    true, predicted = without(TRUE, np.arange(34)), np.concatenate([NEAR, EXPECTED], axis=-1)
    of_points = losses.Validation(keras.losses.MeanSquaredError(), weight=0)
    found = of_faces(losses.Validation(OfFaces(), weight=0), true, predicted)
    np.testing.assert_allclose(found, of_faces(of_points, true, predicted), rtol=1e-5)


def test_of_one_point_a_weight_that_is_no_number_is_none_where_the_point_is_missing():
    true = np.float32([[[5, 6]], [[np.nan, np.nan]]])
    near, weights = np.float32([[[8, 6]], [[1, 1]]]), np.float32([[2], [np.nan]])
    alone = float(losses.L1()(true[:1], near[:1], sample_weight=weights[:1]))
    assert float(losses.L1()(true, near, sample_weight=weights)) == pytest.approx(alone / 2)
    one = scheme_of_names("one", ["nose"], normaliser="box")
    metric = metrics.NME(one)
    metric.update_state(true, near, sample_weight=weights)
    assert not np.isnan(float(metric.count))
