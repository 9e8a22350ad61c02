import itertools
import json
import math
import os
import pathlib

import keras
import numpy as np
import pytest
from keras import ops
from places import ROOT

from keras_landmarks import metrics
from keras_landmarks.errors import normaliser
from keras_landmarks.losses import IodL2
from keras_landmarks.own_schemes import scheme_of_names
from keras_landmarks.schemes import SCHEMES, get_scheme

RNG = np.random.default_rng(0)
TRUE = RNG.uniform(0, 200, (10, 68, 2)).astype("float32")
TRUE[:, 36:42, 0] -= 150  # the right eye
TRUE[:, 42:48, 0] += 150
NOISE = RNG.normal(0, 2, TRUE.shape) * np.arange(1, 11)[:, None, None]  # ever worse
PREDICTED = (TRUE + NOISE).astype("float32")
every_kind = pytest.mark.parametrize("kind", metrics.NORMALISERS)
DATA = os.environ.get("KERAS_LANDMARKS_DATA")


def distance_by_hand(face, kind):
    """The normaliser of one face of 68 points, by those that are marked."""
    marked = {i: point for i, point in enumerate(face) if not math.isnan(point[0])}
    if kind == "corners":
        return math.dist(face[36], face[45])
    if kind == "pupils":
        eyes = [[marked[i] for i in range(k, k + 6) if i in marked] for k in (36, 42)]
        return math.dist(*([sum(xs) / len(eye) for xs in zip(*eye)] for eye in eyes))
    width, height = (max(xs) - min(xs) for xs in zip(*marked.values()))
    if kind == "diagonal":
        return math.hypot(width, height)
    assert kind == "box"
    return math.sqrt(width * height)


def errors_by_hand(true, predicted, kind):
    """The normalised mean error of every face."""
    errors = []
    for face, guess in zip(np.float64(true), np.float64(predicted)):
        mean = sum(math.dist(p, q) for p, q in zip(face, guess)) / len(face)
        errors.append(mean / distance_by_hand(face, kind))
    return np.array(errors)


# Errors of faces


@every_kind
def test_the_normaliser_is_the_distance_written_by_hand(kind):
    expected = [distance_by_hand(face, kind) for face in np.float64(TRUE)]
    np.testing.assert_allclose(metrics.normaliser(TRUE, "ibug68", kind), expected, rtol=1e-5)


@every_kind
def test_the_error_of_a_face_is_the_nme_written_by_hand(kind):
    expected = errors_by_hand(TRUE, PREDICTED, kind)
    errors = metrics.face_errors(TRUE, PREDICTED, "ibug68", kind)
    np.testing.assert_allclose(errors, expected, rtol=1e-5)


@every_kind
def test_errors_do_not_change_with_the_size_of_the_picture(kind):
    errors = metrics.face_errors(TRUE, PREDICTED, kind=kind)
    np.testing.assert_allclose(
        metrics.face_errors(TRUE * 7 + 3, PREDICTED * 7 + 3, kind=kind), errors, rtol=1e-3
    )


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_every_scheme_has_its_usual_normaliser(scheme):
    faces = RNG.uniform(0, 99, (3, scheme.count, 2))
    usual = metrics.normaliser(faces, scheme)
    assert usual.shape == (3,)
    np.testing.assert_array_equal(usual, metrics.normaliser(faces, scheme.name, scheme.normaliser))
    assert (metrics.face_errors(faces, faces, scheme) == 0).all()


def test_one_wrong_landmark_is_the_error_of_one_point():
    predicted = TRUE[:1].copy()
    predicted[0, 7] += 3, 4
    errors = metrics.point_errors(TRUE[:1], predicted)
    assert errors.shape == (1, 68)
    expected = np.zeros(68)
    expected[7] = 5 / distance_by_hand(TRUE[0], "corners")
    np.testing.assert_allclose(errors[0], expected, rtol=1e-4)


@pytest.mark.parametrize("convert", [np.asarray, ops.convert_to_tensor])
def test_errors_of_regions_are_the_means_of_their_points(convert):
    errors = metrics.region_errors(convert(TRUE), convert(PREDICTED), "ibug68", "corners")
    assert list(errors) == ["jaw", "brows", "nose", "eyes", "mouth"]
    for name, points in get_scheme("ibug68").regions.items():
        total = 0.0
        for face, guess in zip(np.float64(TRUE), np.float64(PREDICTED)):
            for i in points:
                total += math.dist(face[i], guess[i]) / math.dist(face[36], face[45])
        assert isinstance(errors[name], float)
        assert errors[name] == pytest.approx(total / len(points) / len(TRUE), rel=1e-5)


@pytest.mark.backend
@every_kind
def test_tensors_have_the_errors_of_arrays(kind):
    true, predicted = ops.convert_to_tensor(TRUE), ops.convert_to_tensor(PREDICTED)
    for one, other in [(true, predicted), (TRUE, predicted), (true, PREDICTED)]:
        errors = metrics.face_errors(one, other, kind=kind)
        assert ops.is_tensor(errors)
        expected = metrics.face_errors(TRUE, PREDICTED, kind=kind)
        np.testing.assert_allclose(ops.convert_to_numpy(errors), expected, rtol=1e-5)


# Numbers about many faces


def test_the_failure_rate_is_the_fraction_of_the_threshold_or_more():
    errors = [0.01, 0.08, 0.0801, 0.5]
    assert metrics.failure_rate(errors) == 0.75  # "0.08 or greater" (DAN, section 4)
    assert metrics.failure_rate([0.01, 0.0799, 0.08, 0.5]) == 0.5
    assert metrics.failure_rate(errors, threshold=0.07) == 0.75
    assert metrics.failure_rate(errors, threshold=1) == 0


def test_a_face_without_an_error_is_a_failure():
    assert metrics.failure_rate([0.01, np.nan, np.inf, 0.02]) == 0.5


def test_the_ced_is_the_fraction_of_faces_with_at_most_an_error():
    errors = RNG.uniform(0, 0.1, 40)
    thresholds, fractions = metrics.ced(errors)
    assert thresholds.shape == fractions.shape == (40,)
    for threshold, fraction in zip(thresholds, fractions):
        assert fraction == pytest.approx(sum(e <= threshold for e in errors) / 40)


def test_faces_that_were_not_found_are_never_reached_by_the_ced():
    thresholds, fractions = metrics.ced([0.03, np.inf, 0.01, 0.02, np.nan])
    np.testing.assert_allclose(thresholds, [0.01, 0.02, 0.03])
    np.testing.assert_allclose(fractions, [0.2, 0.4, 0.6])
    assert metrics.auc([0.0, np.inf, 0.0, 0.0, np.nan]) == pytest.approx(0.6)


@pytest.mark.parametrize("threshold", [0.05, 0.08, 0.1, 1.0])
def test_auc_is_the_area_under_the_ced_by_trapezoids(threshold):
    errors = RNG.gamma(3, 0.015, 300)
    grid = np.linspace(0, threshold, 20001)
    curve = [(errors <= x).mean() for x in grid]
    area = sum((a + b) / 2 for a, b in itertools.pairwise(curve)) * (grid[1] - grid[0])
    assert metrics.auc(errors, threshold) == pytest.approx(area / threshold, abs=1e-4)


def test_auc_is_1_for_perfect_faces_and_0_for_failures():
    assert metrics.auc(np.zeros(5)) == 1
    assert metrics.auc([0.08, 0.2, np.inf]) == 0


@pytest.mark.backend
def test_numbers_about_faces_take_tensors():
    errors = np.float32([0.01, 0.02, 0.09])
    tensor = ops.convert_to_tensor(errors)
    assert metrics.failure_rate(tensor) == metrics.failure_rate(errors)
    assert metrics.auc(tensor) == metrics.auc(errors)
    np.testing.assert_array_equal(metrics.ced(tensor)[0], metrics.ced(errors)[0])


# Keras metrics

METRICS = [
    (metrics.NME, {}, lambda errors: errors.mean()),
    (metrics.FailureRate, {"threshold": 0.03}, lambda errors: (errors >= 0.03).mean()),
    (metrics.AUC, {"threshold": 0.03}, lambda errors: metrics.auc(errors, 0.03)),
]
every_metric = pytest.mark.parametrize(("cls", "arguments", "expected"), METRICS)


@pytest.mark.backend
@every_metric
@every_kind
def test_a_metric_is_its_function_over_all_batches(cls, arguments, expected, kind):
    metric = cls(kind=kind, **arguments)
    for rows in (slice(0, 4), slice(4, 8), slice(8, 10)):  # the last batch is smaller
        metric.update_state(TRUE[rows], PREDICTED[rows])
    value = expected(errors_by_hand(TRUE, PREDICTED, kind))
    assert 0 < value < 1
    assert float(metric.result()) == pytest.approx(value, rel=1e-4)
    metric.reset_state()
    metric.update_state(TRUE, TRUE)
    assert float(metric.result()) == pytest.approx(expected(np.zeros(3)))


@every_metric
def test_a_metric_weighs_faces(cls, arguments, expected):
    metric = cls(**arguments)
    metric.update_state(TRUE, PREDICTED, sample_weight=np.float32([1, 0] * 5))
    value = expected(errors_by_hand(TRUE[::2], PREDICTED[::2], "corners"))
    assert float(metric.result()) == pytest.approx(value, rel=1e-4)


@pytest.mark.backend
@every_metric
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_metric_of_half_precision_is_computed_in_float32(cls, arguments, expected, dtype):
    true, predicted = ops.cast(TRUE, dtype), ops.cast(PREDICTED, dtype)
    metric = cls(**arguments)
    metric.update_state(true, predicted)
    arrays = [ops.convert_to_numpy(ops.cast(y, "float32")) for y in (true, predicted)]
    value = expected(errors_by_hand(*arrays, "corners"))
    assert float(metric.result()) == pytest.approx(value, rel=1e-4)


@every_metric
def test_a_metric_comes_back_from_its_config(cls, arguments, expected):
    metric = cls(scheme="wflw98", kind="box", name="another", **arguments)
    config = metric.get_config()
    assert {**arguments, "scheme": "wflw98", "kind": "box", "name": "another"}.items() <= set(
        config.items()
    )
    for again in (
        cls.from_config(config),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric)),
    ):
        assert type(again) is cls
        assert again.get_config() == config


def test_an_error_of_the_very_threshold_is_a_failure_of_the_metric_too():
    true = np.zeros((1, 68, 2), "float32")
    true[0, 45, 0] = 4  # between the corners
    metric = metrics.FailureRate(threshold=0.25)
    metric.update_state(true, true + np.float32([0, 1]))
    assert float(metric.result()) == 1
    assert metrics.failure_rate(metrics.face_errors(true, true + np.float32([0, 1])), 0.25) == 1


def test_a_metric_is_by_default_up_to_8_percent():
    true = np.zeros((2, 68, 2), "float32")
    true[:, 45, 0] = 100  # between the corners
    predicted = true + np.float32([[[9, 0]], [[2, 0]]])  # 9 and 2 %
    for cls, expected in ((metrics.FailureRate, 0.5), (metrics.AUC, 0.75 / 2)):
        metric = cls()
        metric.update_state(true, predicted)
        assert float(metric.result()) == pytest.approx(expected)


@pytest.mark.backend
def test_a_failed_prediction_counts_as_a_failure():
    predicted = TRUE.copy()
    predicted[:5] = np.nan
    metric, area = metrics.FailureRate(), metrics.AUC()
    metric.update_state(TRUE, predicted)
    area.update_state(TRUE, np.where(np.isnan(predicted), predicted, TRUE))
    assert float(metric.result()) == 0.5
    assert float(area.result()) == 0.5


@pytest.mark.backend
def test_a_model_reports_the_metrics_of_a_named_output():
    features = keras.Input((4,))
    points = keras.layers.Dense(136)(features)
    landmarks = keras.layers.Reshape((68, 2), name="landmarks")(points)
    model = keras.Model(features, {"landmarks": landmarks})
    every = [metrics.NME(), metrics.FailureRate(), metrics.AUC(threshold=2.0)]
    model.compile(loss={"landmarks": "mse"}, metrics={"landmarks": every})
    x = RNG.uniform(0, 1, (10, 4)).astype("float32")
    report = model.evaluate(x, {"landmarks": TRUE}, batch_size=4, verbose=0, return_dict=True)
    found = ops.convert_to_numpy(model(x)["landmarks"])
    errors = errors_by_hand(TRUE, found, "corners")
    values = {key.removeprefix("landmarks_"): value for key, value in report.items()}
    assert values["nme"] == pytest.approx(errors.mean(), rel=1e-3)
    assert values["failure_rate"] == pytest.approx((errors >= 0.08).mean())
    assert values["auc"] == pytest.approx(metrics.auc(errors, 2.0), rel=1e-3)


# Bad input


@pytest.mark.parametrize(
    ("true", "predicted"),
    [
        ((3, 68, 2), (3, 51, 2)),
        ((3, 51, 2), (3, 51, 2)),
        ((68, 2), (68, 2)),
        ((3, 68, 3), (3, 68, 3)),
        ((3, 136), (3, 136)),
        ((3, 68, 2), (1, 68, 2)),
        ((1, 68, 2), (3, 68, 2)),
        ((3, 68, 2), (2, 68, 2)),
    ],
)
def test_landmarks_of_other_shapes_are_refused(true, predicted):
    with pytest.raises(ValueError, match=r"Expected landmarks \(batch, 68, 2\)"):
        metrics.face_errors(np.ones(true), np.ones(predicted))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16"])
def test_numbers_too_narrow_for_squares_have_right_errors(dtype):
    # Eyes 200 px apart (in uint8 and float16 their square has no room); all points 30 px off.
    true = np.array([[[10, 20], [210, 20], [110, 80], [50, 140], [170, 140]]])
    for kind in (np.asarray, keras.ops.convert_to_tensor):
        found = metrics.face_errors(
            kind(true.astype(dtype)), kind((true + (30, 0)).astype(dtype)), "five5"
        )
        np.testing.assert_allclose(keras.ops.convert_to_numpy(found), 30 / 200, rtol=1e-3)


def test_tensors_of_double_precision_have_errors():
    true, predicted = (keras.ops.cast(a, "float64") for a in (TRUE, PREDICTED))
    found = keras.ops.convert_to_numpy(metrics.face_errors(true, predicted))
    np.testing.assert_allclose(found, metrics.face_errors(TRUE, PREDICTED), rtol=1e-5)


def test_an_unknown_normaliser_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'iod'\. Known: corners, pupils, box, diagonal"):
        metrics.normaliser(TRUE, kind="iod")


def test_a_scheme_without_corners_has_no_distance_between_them():
    with pytest.raises(ValueError, match="five5 has no eye corners"):
        metrics.normaliser(TRUE[:, :5], "five5", "corners")


@pytest.mark.parametrize("cls", [metrics.NME, metrics.FailureRate, metrics.AUC])
def test_a_metric_of_an_unknown_scheme_is_refused(cls):
    with pytest.raises(ValueError, match="Unknown scheme 'ibug'"):
        cls(scheme="ibug")


# Published predictions


@pytest.mark.skipif(not DATA, reason="KERAS_LANDMARKS_DATA names no folder of data")
def test_published_predictions_have_their_published_errors():
    folder = pathlib.Path(DATA) / "metrics"
    true, predicted = (
        np.array([face["landmarks"] for face in json.loads((folder / name).read_text())])
        for name in ("300w_public_test.json", "300w_public_predictions.json")
    )
    errors = metrics.face_errors(true, predicted, "ibug68", "corners")
    assert errors.shape == (689,)
    assert 100 * errors.mean() == pytest.approx(2.994, abs=0.001)
    assert 100 * metrics.auc(errors, 0.08) == pytest.approx(62.72, abs=0.02)

    pupils = metrics.face_errors(true, predicted, "ibug68", "pupils")
    page = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
    parts = {"helen-test": (0, 330), "lfpw-test": (330, 554), "common": (0, 554)}
    for name, (i, k) in (parts | {"challenging": (554, 689), "full": (0, 689)}).items():
        corners, means = 100 * errors[i:k].mean(), 100 * pupils[i:k].mean()
        figures = f"{corners:.2f} | {means:.2f} | {means / corners:.3f}"
        assert f"| `300w/{name}` | {k - i} | {figures} |" in page


# Missing points


@every_kind
def test_missing_points_are_left_out_of_a_faces_error(kind):
    rng = np.random.default_rng(5)
    true = rng.uniform(0, 99, (3, 68, 2))
    predicted = true + rng.normal(0, 3, true.shape)
    gone = [0, 20, 37, 50]
    true[1, gone] = np.nan
    kept = [i for i in range(68) if i not in gone]
    found = metrics.face_errors(true, predicted, "ibug68", kind)
    mean = sum(np.linalg.norm(true[1, i] - predicted[1, i]) for i in kept) / len(kept)
    assert found[1] == pytest.approx(mean / distance_by_hand(true[1], kind))
    full = metrics.face_errors(true[[0, 2]], predicted[[0, 2]], "ibug68", kind)
    np.testing.assert_array_equal(found[[0, 2]], full)
    tensors = (keras.ops.convert_to_tensor(np.float32(a)) for a in (true, predicted))
    again = keras.ops.convert_to_numpy(metrics.face_errors(*tensors, "ibug68", kind))
    np.testing.assert_allclose(again, found, rtol=1e-4)


def test_a_predicted_point_that_is_missing_is_no_excuse():
    true = np.random.default_rng(5).uniform(0, 99, (1, 68, 2))
    predicted = true.copy()
    predicted[0, 3] = np.nan
    assert np.isnan(metrics.face_errors(true, predicted)).all()
    regions = metrics.region_errors(true, predicted)
    assert np.isnan(regions.pop("jaw"))
    assert list(regions.values()) == [0, 0, 0, 0]


def test_a_region_without_marked_points_has_no_error():
    true = np.random.default_rng(5).uniform(0, 99, (2, 68, 2))
    predicted = true + [3, 4]
    true[:, :17] = np.nan
    true[0, 50] = np.nan
    found = metrics.region_errors(true, predicted, kind="corners")
    assert list(found) == ["brows", "nose", "eyes", "mouth"]
    distances = [np.linalg.norm(face[36] - face[45]) for face in true]
    assert found["nose"] == pytest.approx(np.mean([5 / d for d in distances]))
    assert found["mouth"] == pytest.approx((19 * 5 / distances[0] + 20 * 5 / distances[1]) / 39)
    true[0, 36:48] = np.nan  # and so the distance of its eyes' corners
    found = metrics.region_errors(true, predicted, kind="corners")
    assert found["nose"] == pytest.approx(5 / distances[1])


@pytest.mark.parametrize("metric", [metrics.NME, metrics.FailureRate, metrics.AUC])
def test_a_metric_of_no_face_is_no_number(metric):
    truth = np.random.default_rng(0).uniform(0, 32, (4, 5, 2))
    truth[:, 0] = np.nan  # an eye, which the normaliser needs
    found = metric(scheme="five5")
    found.update_state(truth, np.zeros((4, 5, 2)))
    assert np.isnan(float(found.result()))


@pytest.mark.parametrize("kind", ["box", "diagonal"])
def test_a_face_of_no_extent_lacks_its_normaliser(kind):
    landmarks = np.full((3, 5, 2), np.nan)
    landmarks[1, 2] = 30, 40  # a single point; the first face has none
    landmarks[2, :2] = (0, 0), (30, 40)
    found = np.asarray(normaliser(landmarks, "five5", kind))
    np.testing.assert_array_equal(np.isnan(found), [True, True, False])
    metric = metrics.NME("five5", kind)
    metric.update_state(landmarks, np.nan_to_num(landmarks))
    assert float(metric.result()) == 0


def test_a_scheme_without_eyes_is_measured_by_its_box():
    blind = scheme_of_names("blind", 3, mirror=[[0, 1]])
    landmarks = np.float32([[[0, 0], [30, 0], [15, 40]]])
    with pytest.raises(ValueError, match="blind has no eyes; take 'box'"):
        normaliser(landmarks, blind, "pupils")
    # A third of the coordinates' squares, over the root of 30 x 40.
    predicted = landmarks + np.float32([[[6, 0], [0, 0], [0, 0]]])
    assert float(IodL2(blind)(landmarks, predicted)) == pytest.approx(6 / np.sqrt(1200), rel=1e-4)


@pytest.mark.parametrize("distances", [np.full((3, 1), 100.0), [100.0] * 2, np.float64(100)])
def test_there_is_one_distance_for_each_face(distances):
    true = np.random.default_rng(5).uniform(0, 99, (3, 68, 2))
    with pytest.raises(ValueError, match="one distance for each of 3 faces"):
        metrics.face_errors(true, true + 1, kind=distances)


def test_distances_may_be_a_list():
    true = np.random.default_rng(5).uniform(0, 99, (3, 68, 2))
    found = metrics.face_errors(true, true + [3, 4], kind=[50.0, 100.0, 500.0])
    np.testing.assert_allclose(found, [0.1, 0.05, 0.01])


@pytest.mark.parametrize("function", [metrics.auc, metrics.failure_rate])
@pytest.mark.parametrize("threshold", [0, -1, np.nan])
def test_a_threshold_is_above_nothing(function, threshold):
    with pytest.raises(ValueError, match="threshold must be"):
        function([0.1], threshold)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends know shapes")
@pytest.mark.parametrize("shape", [(None, None, 2), (None, None, None)])
def test_the_number_of_points_may_be_unknown_until_it_runs(shape):
    import tensorflow as tf

    specs = tf.TensorSpec((None, 68, 2)), tf.TensorSpec(shape)
    pairs = tf.data.Dataset.from_generator(
        lambda: iter([(PREDICTED, TRUE)]), output_signature=specs
    )
    model = keras.Sequential([keras.Input((68, 2)), keras.layers.Identity()])
    model.compile(loss="mse", metrics=[metrics.NME()])
    found = model.evaluate(pairs, verbose=0, return_dict=True)["nme"]
    assert found == pytest.approx(metrics.face_errors(TRUE, PREDICTED).mean(), rel=1e-5)
    for change in (lambda y: y[:, :34], lambda y: tf.transpose(y, (0, 2, 1))):
        others = pairs.map(lambda x, y, change=change: (x, tf.ensure_shape(change(y), shape)))
        with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
            model.evaluate(others, verbose=0)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends know shapes")
@pytest.mark.parametrize("faces", [1, 10])
def test_the_number_of_weights_may_be_unknown_until_it_runs(faces):
    import tensorflow as tf

    weights = RNG.uniform(0, 1, (faces, 68)).astype("float32")
    expected, found = metrics.NME(), metrics.NME()
    expected.update_state(TRUE[:faces], PREDICTED[:faces], weights)
    specs = tf.TensorSpec((None, 68, 2)), tf.TensorSpec((None, 68, 2)), tf.TensorSpec((None, None))
    tf.function(lambda *given: found.update_state(*given), specs)(
        TRUE[:faces], PREDICTED[:faces], weights
    )
    assert float(found.result()) == pytest.approx(float(expected.result()), rel=1e-5)


@pytest.mark.parametrize("kind", ["corners", "pupils"])
def test_a_face_whose_eyes_are_one_point_lacks_its_normaliser(kind):
    true = TRUE[:2].copy()
    true[0, 36:48] = 50, 60
    np.testing.assert_array_equal(np.isnan(normaliser(true, "ibug68", kind)), [True, False])
    metric = metrics.NME(kind=kind)
    metric.update_state(true, PREDICTED[:2])
    expected = metrics.face_errors(true[1:], PREDICTED[1:2], kind=kind)[0]
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)
