import math

import keras
import numpy as np
import pytest
from gradients import gradients
from keras import ops

from keras_landmarks import losses
from keras_landmarks.metrics import NME
from keras_landmarks.schemes import get_scheme

RNG = np.random.default_rng(0)
TRUE = RNG.uniform(0, 64, (4, 68, 2)).astype("float32")
# Errors from a hundredth of a pixel to a hundred pixels, so that every branch is taken.
ERRORS = RNG.choice([-1, 1], TRUE.shape) * 10 ** RNG.uniform(-2, 2, TRUE.shape)
PREDICTED = (TRUE + ERRORS).astype("float32")

FUNCTIONS = {
    "l2": (losses.l2, losses.L2, {}),
    "l1": (losses.l1, losses.L1, {}),
    "smooth_l1": (losses.smooth_l1, losses.SmoothL1, {}),
    "wing": (losses.wing, losses.Wing, {"w": 10.0, "epsilon": 2.0}),
    "wing of 128": (losses.wing, losses.Wing, {"w": 15.0, "epsilon": 3.0}),
    "iod_l2": (losses.iod_l2, losses.IodL2, {"scheme": "ibug68"}),
    "normalised_distance": (
        losses.normalised_distance,
        losses.NormalisedDistance,
        {"scheme": "ibug68", "kind": "pupils"},
    ),
    "normalised_distance by corners": (
        losses.normalised_distance,
        losses.NormalisedDistance,
        {"scheme": "ibug68", "kind": "corners"},
    ),
}
every_loss = pytest.mark.parametrize("name", FUNCTIONS)


# The formulas of the papers, number by number


def paper_l2(x):
    return 0.5 * x * x


def paper_l1(x):
    return abs(x)


def paper_smooth_l1(x):
    return 0.5 * x * x if abs(x) < 1 else abs(x) - 0.5


def paper_wing(x, w, epsilon):
    constant = w - w * math.log(1 + w / epsilon)
    return w * math.log(1 + abs(x) / epsilon) if abs(x) < w else abs(x) - constant


CURVES = {
    "l2": paper_l2,
    "l1": paper_l1,
    "smooth_l1": paper_smooth_l1,
    "wing": lambda x: paper_wing(x, 10, 2),
    "wing of 128": lambda x: paper_wing(x, 15, 3),
}


def by_hand(name, true, predicted):
    """The loss of every face: the paper's sum over coordinates, over their number."""
    faces = []
    for face, guess in zip(np.float64(true), np.float64(predicted)):
        total = 0.0
        if name == "iod_l2":
            for p, q in zip(face, guess):
                total += math.dist(p, q) ** 2
            faces.append(total / (2 * len(face)) / math.dist(face[36], face[45]))
            continue
        if name.startswith("normalised_distance"):
            right, left = face[36:42].sum(axis=0) / 6, face[42:48].sum(axis=0) / 6
            if name.endswith("corners"):
                right, left = face[36], face[45]
            for p, q in zip(face, guess):
                total += math.dist(p, q)
            faces.append(total / len(face) / math.dist(right, left))
            continue
        for p, q in zip(face, guess):
            for i in range(2):
                total += CURVES[name](p[i] - q[i])
        faces.append(total / (2 * len(face)))
    return np.array(faces)


def computed(name, true, predicted):
    function, _, arguments = FUNCTIONS[name]
    return function(ops.convert_to_tensor(true), ops.convert_to_tensor(predicted), **arguments)


@pytest.mark.backend
@every_loss
def test_a_loss_is_the_papers_formula(name):
    result = computed(name, TRUE, PREDICTED)
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    assert tuple(result.shape) == (4,)
    expected = by_hand(name, TRUE, PREDICTED)
    np.testing.assert_allclose(ops.convert_to_numpy(result), expected, rtol=1e-4)


@pytest.mark.backend
@every_loss
def test_a_loss_takes_arrays(name):
    function, _, arguments = FUNCTIONS[name]
    result = ops.convert_to_numpy(function(TRUE, PREDICTED, **arguments))
    np.testing.assert_allclose(result, by_hand(name, TRUE, PREDICTED), rtol=1e-4)


def test_iod_l2_divides_by_the_pupils_where_there_are_no_corners():
    true, predicted = TRUE[:, :5], PREDICTED[:, :5]
    expected = []
    for face, guess in zip(np.float64(true), np.float64(predicted)):
        mean = sum(math.dist(p, q) ** 2 for p, q in zip(face, guess)) / 10
        expected.append(mean / math.dist(face[0], face[1]))
    result = ops.convert_to_numpy(losses.iod_l2(true, predicted, scheme="five5"))
    np.testing.assert_allclose(result, expected, rtol=1e-4)


def test_normalised_distance_is_by_default_over_the_pupils_of_ibug68():
    expected = by_hand("normalised_distance", TRUE, PREDICTED)
    default = ops.convert_to_numpy(losses.normalised_distance(TRUE, PREDICTED))
    np.testing.assert_allclose(default, expected, rtol=1e-4)
    default = losses.NormalisedDistance()(TRUE, PREDICTED)
    np.testing.assert_allclose(float(default), expected.mean(), rtol=1e-4)


@pytest.mark.backend
def test_the_slope_of_normalised_distance_is_as_long_for_every_point():
    true = ops.convert_to_tensor(TRUE)
    (slope,) = gradients(lambda y: ops.sum(losses.normalised_distance(true, y)), PREDICTED)
    for face, slopes in zip(np.float64(TRUE), slope):
        pupils = math.dist(face[36:42].sum(axis=0) / 6, face[42:48].sum(axis=0) / 6)
        np.testing.assert_allclose(np.hypot(*slopes.T), 1 / (68 * pupils), rtol=1e-3)


# Wing loss


def wing_of(x, w=10.0, epsilon=2.0):
    """The wing loss of one error."""
    face = np.full((1, 1, 2), x, "float32")
    return float(losses.wing(np.zeros((1, 1, 2), "float32"), face, w, epsilon)[0])


def wing_slope(x, w=10.0, epsilon=2.0):
    """The slope of the wing loss at one error."""
    true = ops.zeros((1, 1, 2))
    face = np.full((1, 1, 2), x, "float32")
    (slope,) = gradients(lambda y: ops.sum(losses.wing(true, y, w, epsilon)), face)
    return slope.sum()


@pytest.mark.parametrize(("w", "epsilon"), [(10, 2), (15, 3), (5, 0.5), (100, 1)])
def test_wing_has_no_step_at_w(w, epsilon):
    at = w * math.log(1 + w / epsilon)
    for x in (w * (1 - 1e-5), w, w * (1 + 1e-5), -w):
        np.testing.assert_allclose(wing_of(x, w, epsilon), at, rtol=1e-4)


def test_wing_is_zero_at_zero_and_even():
    assert wing_of(0) == 0
    for x in (0.3, 4.0, 10.0, 55.0):
        assert wing_of(x) == wing_of(-x) > 0


def test_wing_beyond_w_is_the_distance_less_the_papers_constant():
    # C = w - w ln(1 + w / epsilon), for the w and epsilon of section 7.1.
    assert wing_of(30) == pytest.approx(30 - (10 - 10 * math.log(6)), rel=1e-5)
    assert wing_of(30, 15, 3) == pytest.approx(30 - (15 - 15 * math.log(6)), rel=1e-5)


def test_wing_is_by_default_the_papers_for_crops_of_64():
    assert losses.Wing().get_config()["w"] == 10
    assert losses.Wing().get_config()["epsilon"] == 2
    assert wing_of(3) == pytest.approx(10 * math.log(1 + 3 / 2), rel=1e-5)
    default = ops.convert_to_numpy(losses.wing(TRUE, PREDICTED))
    np.testing.assert_allclose(default, by_hand("wing", TRUE, PREDICTED), rtol=1e-4)


@pytest.mark.backend
@pytest.mark.parametrize(
    ("x", "slope"), [(0.5, 10 / 2.5), (-0.5, -4), (8, 1), (9.99, 10 / 11.99), (11, 1), (-99, -1)]
)
def test_the_slope_of_wing_is_w_over_epsilon_plus_x_and_then_1(x, slope):
    np.testing.assert_allclose(wing_slope(x), slope, rtol=1e-4)


@pytest.mark.backend
def test_the_slope_of_wing_is_at_most_w_over_epsilon():
    assert wing_slope(0) == 0
    assert wing_slope(1e-6) == pytest.approx(5, rel=1e-4)


# Numbers that break losses


@every_loss
@pytest.mark.parametrize(
    "dtype",
    [
        "float16",
        pytest.param("float32", marks=pytest.mark.backend),
        pytest.param("bfloat16", marks=pytest.mark.backend),
    ],
)
def test_a_perfect_prediction_has_no_loss_and_a_finite_gradient(name, dtype):
    true = ops.cast(TRUE, dtype)
    # At zero errors, and at zero errors beside others.
    for spoil in (0.0, 1.0):
        first = ops.cast(np.arange(4) == 0, dtype)[:, None, None]
        predicted = true + spoil * first
        result = computed(name, true, predicted)
        assert keras.backend.standardize_dtype(result.dtype) == "float32"
        values = ops.convert_to_numpy(result)
        assert (values[1:] == 0).all()
        assert np.isfinite(values).all()

        function, _, arguments = FUNCTIONS[name]
        (slope,) = gradients(lambda y, f=function, a=arguments: ops.sum(f(true, y, **a)), predicted)
        assert np.isfinite(slope).all()
        assert (slope[1:] == 0).all()


@every_loss
@pytest.mark.parametrize("dtype", ["float16", pytest.param("bfloat16", marks=pytest.mark.backend)])
def test_a_loss_in_half_precision_is_computed_in_float32(name, dtype):
    true, predicted = ops.cast(TRUE, dtype), ops.cast(PREDICTED, dtype)
    expected = by_hand(
        name, *(ops.convert_to_numpy(ops.cast(y, "float32")) for y in (true, predicted))
    )
    result = ops.convert_to_numpy(computed(name, true, predicted))
    np.testing.assert_allclose(result, expected, rtol=1e-4)


@every_loss
@pytest.mark.parametrize("error", [1e4, 6e4, pytest.param(1e9, marks=pytest.mark.backend)])
def test_a_huge_error_has_a_finite_loss_and_gradient(name, error):
    predicted = np.float32(TRUE + error)
    result = ops.convert_to_numpy(computed(name, TRUE, predicted))
    np.testing.assert_allclose(result, by_hand(name, TRUE, predicted), rtol=1e-4)
    function, _, arguments = FUNCTIONS[name]
    true = ops.convert_to_tensor(TRUE)
    (slope,) = gradients(lambda y: ops.sum(function(true, y, **arguments)), predicted)
    assert np.isfinite(slope).all()
    assert (slope > 0).all()


@pytest.mark.backend
@every_loss
def test_huge_errors_in_half_precision_do_not_overflow(name):
    true = ops.cast(np.zeros((1, 68, 2)), "float16")
    true = true + ops.cast(np.arange(68)[None, :, None], "float16")
    result = computed(name, true, true + ops.cast(3e4, "float16"))
    assert np.isfinite(ops.convert_to_numpy(result)).all()


@pytest.mark.parametrize(("name", "loss"), [("iod_l2", 1.0), ("normalised_distance", math.sqrt(2))])
def test_a_face_whose_eyes_are_one_point_is_divided_by_one_pixel(name, loss):
    true = np.full((1, 68, 2), 30, "float32")
    np.testing.assert_allclose(ops.convert_to_numpy(computed(name, true, true + 1)), loss)


# The classes


@every_loss
def test_a_loss_object_is_the_mean_over_faces(name):
    _, cls, arguments = FUNCTIONS[name]
    expected = by_hand(name, TRUE, PREDICTED)
    result = cls(**arguments)(ops.convert_to_tensor(TRUE), ops.convert_to_tensor(PREDICTED))
    np.testing.assert_allclose(float(result), expected.mean(), rtol=1e-4)


@every_loss
def test_a_loss_object_weighs_faces(name):
    _, cls, arguments = FUNCTIONS[name]
    expected = by_hand(name, TRUE, PREDICTED)
    loss = cls(**arguments, reduction="sum")
    result = loss(TRUE, PREDICTED, sample_weight=np.float32([1, 0, 0, 2]))
    np.testing.assert_allclose(float(result), expected[0] + 2 * expected[3], rtol=1e-4)


@every_loss
def test_a_loss_object_without_reduction_gives_one_number_a_face(name):
    _, cls, arguments = FUNCTIONS[name]
    result = ops.convert_to_numpy(cls(**arguments, reduction="none")(TRUE, PREDICTED))
    np.testing.assert_allclose(result, by_hand(name, TRUE, PREDICTED), rtol=1e-4)


@every_loss
def test_a_loss_object_comes_back_from_its_config(name):
    _, cls, arguments = FUNCTIONS[name]
    loss = cls(**arguments, reduction="sum", name="another")
    config = loss.get_config()
    assert {k: config[k] for k in arguments} == arguments
    for again in (
        cls.from_config(config),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss)),
    ):
        assert type(again) is cls
        assert again.get_config() == config
        assert float(again(TRUE, PREDICTED)) == float(loss(TRUE, PREDICTED))


def test_a_loss_object_is_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        result = losses.L2()(ops.cast(np.zeros((1, 1, 2)), "float16"), np.full((1, 1, 2), 1e3))
    finally:
        keras.config.set_dtype_policy("float32")
    assert float(result) == 5e5


@every_loss
@pytest.mark.parametrize("floatx", ["float64", "float16"])
def test_losses_and_metrics_are_float32_whatever_floats_keras_has(name, floatx):
    _, cls, arguments = FUNCTIONS[name]

    def values():
        metric = NME()
        metric.update_state(TRUE, PREDICTED, np.ones(TRUE.shape[:2], "float32"))
        return float(cls(**arguments)(TRUE, PREDICTED)), float(metric.result())

    expected = values()
    keras.config.set_floatx(floatx)
    try:
        assert values() == expected
    finally:
        keras.config.set_floatx("float32")


@every_loss
@pytest.mark.usefixtures("eagerly")
def test_a_model_trains_on_the_loss_of_a_named_output(name, tmp_path):
    _, cls, arguments = FUNCTIONS[name]
    features = keras.Input((8,), name="features")
    points = keras.layers.Dense(136, name="points")(features)
    landmarks = keras.layers.Reshape((68, 2), name="landmarks")(points)
    model = keras.Model(features, {"landmarks": landmarks})
    model.compile("sgd", loss={"landmarks": cls(**arguments)})
    x = RNG.uniform(0, 1, (4, 8)).astype("float32")
    history = model.fit(x, {"landmarks": TRUE}, batch_size=4, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"][0])
    before = by_hand(name, TRUE, model.predict_on_batch(x)["landmarks"]).mean()
    again = model.evaluate(x, {"landmarks": TRUE}, batch_size=4, verbose=0)
    np.testing.assert_allclose(again, before, rtol=1e-3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    evaluated = loaded.evaluate(x, {"landmarks": TRUE}, batch_size=4, verbose=0)
    np.testing.assert_allclose(evaluated, again, rtol=1e-5)


# Bad input


@every_loss
@pytest.mark.parametrize("shape", [(4, 51, 2), (4, 68, 3), (4, 136), (4, 1, 2)])
def test_landmarks_of_another_count_are_refused(name, shape):
    _, cls, arguments = FUNCTIONS[name]
    with pytest.raises(ValueError, match="truth and prediction of one shape"):
        cls(**arguments)(TRUE, np.zeros(shape, "float32"))


@pytest.mark.parametrize(("w", "epsilon"), [(0, 2), (-1, 2), (10, 0), (10, -2)])
def test_wing_without_a_width_or_offset_is_refused(w, epsilon):
    with pytest.raises(ValueError, match="(w|epsilon) must be a finite number above 0"):
        losses.Wing(w=w, epsilon=epsilon)


@every_loss
def test_coordinates_in_a_row_are_refused(name):
    _, cls, arguments = FUNCTIONS[name]
    with pytest.raises(ValueError, match=r"\(batch, n, 2\) of landmarks, got \(1, 136\)"):
        cls(**arguments)(np.ones((1, 136), "float32"), np.zeros((1, 136), "float32"))


@pytest.mark.parametrize("cls", [losses.IodL2, losses.NormalisedDistance])
@pytest.mark.parametrize("count", [5, 98])
def test_landmarks_of_another_scheme_than_the_losss_are_refused(cls, count):
    with pytest.raises(ValueError, match=rf"landmarks \(batch, 68, 2\), got \(2, {count}, 2\)"):
        cls()(np.ones((2, count, 2), "float32"), np.zeros((2, count, 2), "float32"))


@pytest.mark.parametrize("cls", [losses.IodL2, losses.NormalisedDistance])
def test_a_loss_of_an_unknown_scheme_is_refused(cls):
    with pytest.raises(ValueError, match="Unknown scheme 'ibug'"):
        cls("ibug")


# Missing points


@every_loss
def test_a_missing_point_is_left_out_of_the_mean(name):
    loss, _, arguments = FUNCTIONS[name]
    scheme = get_scheme("ibug68")
    eyes = {*scheme.right_eye, *scheme.left_eye}
    gone = [i for i in range(0, 68, 3) if i not in eyes]
    kept = [i for i in range(68) if i not in gone]
    true = TRUE.copy()
    true[:, gone] = np.nan
    found = ops.convert_to_numpy(loss(true, PREDICTED, **arguments))
    # The mean over all is that over those kept, where the others have no error.
    exact = PREDICTED.copy()
    exact[:, gone] = TRUE[:, gone]
    expected = ops.convert_to_numpy(loss(TRUE, exact, **arguments)) * 68 / len(kept)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@every_loss
def test_a_missing_point_has_a_gradient_of_exactly_zero(name):
    loss, _, arguments = FUNCTIONS[name]
    true = TRUE.copy()
    true[0, 5] = true[1, 36] = true[1, 40:48] = np.nan
    true[2, :67] = np.nan
    true[3] = np.nan
    (gradient,) = gradients(lambda p: ops.sum(loss(true, p, **arguments)), PREDICTED)
    missing = np.isnan(true)
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[missing], 0)
    assert (gradient[~missing] != 0).all()
    assert ops.convert_to_numpy(loss(true, PREDICTED, **arguments))[3] == 0


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends know shapes")
@pytest.mark.parametrize("weights", [None, (None, None), (None, 68)])
def test_the_number_of_points_may_be_unknown_until_it_runs(weights):
    import tensorflow as tf

    truth = tf.TensorSpec((None, None, 2))
    weigh = [] if weights is None else [tf.TensorSpec(weights)]
    step = tf.function(losses.Wing(), input_signature=[truth, tf.TensorSpec((None, 68, 2)), *weigh])
    given = TRUE, PREDICTED, *([] if weights is None else [np.ones(TRUE.shape[:2], "float32")])
    assert float(step(*given)) == pytest.approx(float(losses.Wing()(TRUE, PREDICTED)), rel=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError):
        step(TRUE[:, :1], *given[1:])  # no point stands for all
