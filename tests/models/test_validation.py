"""The validation loss, the models that tell expected errors by it, and the paper's network."""

import functools
import math

import keras
import numpy as np
import pytest
from gradients import compiled, gradients
from keras import layers, ops

from keras_landmarks import losses, models, training, weights
from keras_landmarks.losses import Validation
from keras_landmarks.models import blocks

TENSORFLOW = keras.backend.backend() == "tensorflow"
RNG = np.random.default_rng(0)
TRUE = RNG.uniform(0, 64, (4, 5, 2)).astype("float32")
# Errors from a hundredth of a pixel to a hundred pixels, so that every branch is taken.
ERRORS = RNG.choice([-1, 1], TRUE.shape) * 10 ** RNG.uniform(-2, 2, TRUE.shape)
EXPECTED = RNG.uniform(0, 30, (4, 5, 1))
PREDICTED = np.concatenate([TRUE + ERRORS, EXPECTED], axis=-1).astype("float32")

COORDINATES = {"l2": losses.L2(), "l1": losses.L1(), "wing": losses.Wing(10, 2)}
every_coordinates = pytest.mark.parametrize("coordinates", COORDINATES)
every_distance = pytest.mark.parametrize("distance", losses.DISTANCES)

MEAN_SHAPE = RNG.uniform(-0.3, 0.3, (5, 2))
NETWORKS = {
    "cnn": functools.partial(models.cnn, "five5", size=32, filters=(4, 8), hidden=8),
    "resnet": functools.partial(models.resnet, "five5", width=0.0625, size=32),
    "heatmaps": functools.partial(models.resnet, "five5", width=0.0625, size=32, heatmaps=True),
    "ffld": functools.partial(models.ffld, "five5", width=0.0625, size=64, mean_shape=MEAN_SHAPE),
    "dan": functools.partial(models.dan, "five5", size=32, filters=(4, 8), hidden=16),
    "validation": functools.partial(
        models.validation, "five5", size=32, filters=(4, 8, 8), hidden=16
    ),
    "places": functools.partial(
        models.validation, "five5", size=32, filters=(4, 8, 8), hidden=16, places=6
    ),
}
FULL_SIZE = {"cnn7": models.cnn7, "cnn6_7": models.cnn6_7}
every_network = pytest.mark.parametrize("name", NETWORKS)


def array(tensor):
    return ops.convert_to_numpy(tensor)


def arrays(outputs):
    return {name: array(tensor) for name, tensor in outputs.items()}


# The formulas of the paper, number by number


def paper_coordinate(x, coordinates):
    if coordinates == "l2":
        return 0.5 * x * x
    if coordinates == "l1":
        return abs(x)
    constant = 10 - 10 * math.log(1 + 10 / 2)
    return 10 * math.log(1 + abs(x) / 2) if abs(x) < 10 else abs(x) - constant


def paper_distance(gt, ev, distance):
    """Between the points of eq. 3 (the first two of three values)."""
    if distance == "manhattan":
        return abs(gt[0] - ev[0]) + abs(gt[1] - ev[1])
    return math.sqrt((gt[0] - ev[0]) ** 2 + (gt[1] - ev[1]) ** 2)


def by_hand(coordinates, distance, weight=1.0, true=TRUE, predicted=PREDICTED):
    """The loss of every face, whose gradients are eq. 2 and 3 over the 2 n coordinates."""
    faces = []
    for face, guess in zip(np.float64(true), np.float64(predicted)):
        points = telling = 0.0
        for gt, ev in zip(face, guess):
            points += sum(paper_coordinate(gt[i] - ev[i], coordinates) for i in range(2))
            telling += 0.5 * (paper_distance(gt, ev, distance) - ev[2]) ** 2
        faces.append((points + weight * telling) / (2 * len(face)))
    return np.array(faces)


@pytest.mark.backend
@every_coordinates
@every_distance
@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_the_loss_is_the_papers_formula(coordinates, distance, weight):
    result = losses.validation(TRUE, PREDICTED, COORDINATES[coordinates], distance, weight)
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    assert tuple(result.shape) == (4,)
    expected = by_hand(coordinates, distance, weight)
    np.testing.assert_allclose(array(result), expected, rtol=1e-4)
    loss = Validation(COORDINATES[coordinates], distance, weight)
    assert float(loss(TRUE, PREDICTED)) == pytest.approx(expected.mean(), rel=1e-4)


def test_the_loss_is_by_default_the_papers_first_step():
    expected = by_hand("l2", "manhattan")
    np.testing.assert_allclose(array(losses.validation(TRUE, PREDICTED)), expected, rtol=1e-4)
    assert float(Validation()(TRUE, PREDICTED)) == pytest.approx(expected.mean(), rel=1e-4)


def test_a_loss_object_weighs_faces():
    expected = by_hand("wing", "euclidean")
    loss = Validation(losses.Wing(10, 2), "euclidean", reduction="sum")
    found = float(loss(TRUE, PREDICTED, sample_weight=np.float32([1, 0, 0, 2])))
    assert found == pytest.approx(expected[0] + 2 * expected[3], rel=1e-4)
    single = Validation(losses.Wing(10, 2), "euclidean", reduction="none")(TRUE, PREDICTED)
    np.testing.assert_allclose(array(single), expected, rtol=1e-4)


# Gradients


@every_distance
@pytest.mark.parametrize("weight", [pytest.param(1.0, marks=pytest.mark.backend), 0.25])
def test_the_slope_of_the_third_value_is_what_is_expected_less_the_distance(distance, weight):
    true = ops.convert_to_tensor(TRUE)
    (slope,) = gradients(
        lambda y: ops.sum(losses.validation(true, y, None, distance, weight)), PREDICTED
    )
    expected = np.zeros((4, 5))
    for face in range(4):
        for n in range(5):
            gt, ev = np.float64(TRUE[face, n]), np.float64(PREDICTED[face, n])
            expected[face, n] = weight * (ev[2] - paper_distance(gt, ev, distance)) / 10
    np.testing.assert_allclose(slope[..., 2], expected, rtol=1e-4, atol=1e-5)
    # The landmarks move by eq. 2 alone: nothing of the part of the expected errors pulls at them.
    np.testing.assert_allclose(slope[..., :2], (PREDICTED[..., :2] - TRUE) / 10, rtol=1e-4)


@pytest.mark.backend
def test_the_three_slopes_of_a_landmark_are_beside_each_other_as_in_equation_3():
    true = ops.convert_to_tensor(TRUE)
    (slope,) = gradients(lambda y: ops.sum(losses.validation(true, y)), PREDICTED)
    for face in range(4):
        for n in range(5):
            gt, ev = np.float64(TRUE[face, n]), np.float64(PREDICTED[face, n])
            x, y = gt[0] - ev[0], gt[1] - ev[1]
            third = abs(x) + abs(y) - ev[2]
            np.testing.assert_allclose(
                slope[face, n] / slope[face, n, 0], [1, y / x, third / x], 1e-3
            )


@every_coordinates
@every_distance
def test_the_slope_of_the_landmarks_is_that_of_their_own_loss(coordinates, distance):
    true, loss = ops.convert_to_tensor(TRUE), COORDINATES[coordinates]
    (slope,) = gradients(lambda y: ops.sum(losses.validation(true, y, loss, distance)), PREDICTED)
    (alone,) = gradients(lambda y: ops.sum(loss.call(true, y)), PREDICTED[..., :2])
    np.testing.assert_allclose(slope[..., :2], alone, rtol=1e-5)


@pytest.mark.backend
def test_the_truth_is_not_pulled_at_by_what_is_expected():
    predicted = ops.convert_to_tensor(PREDICTED)
    (slope,) = gradients(lambda y: ops.sum(losses.validation(y, predicted, losses.L2())), TRUE)
    np.testing.assert_allclose(slope, (TRUE - PREDICTED[..., :2]) / 10, rtol=1e-4)


# Numbers that break losses


@pytest.mark.backend
@every_coordinates
@every_distance
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_perfect_prediction_has_no_loss_and_a_finite_gradient(coordinates, distance, dtype):
    true = ops.cast(TRUE, dtype)
    predicted = ops.concatenate([true, ops.zeros((4, 5, 1), dtype)], axis=-1)

    def loss(y):
        return losses.validation(true, y, COORDINATES[coordinates], distance)

    result = loss(predicted)
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    np.testing.assert_array_equal(array(result), 0)
    (slope,) = gradients(lambda y: ops.sum(loss(y)), predicted)
    np.testing.assert_array_equal(slope, 0)


@pytest.mark.backend
@every_distance
def test_huge_errors_have_a_finite_loss_and_gradient(distance):
    predicted = np.float32(PREDICTED + 1e6)
    result = losses.validation(TRUE, predicted, losses.L1(), distance)
    expected = by_hand("l1", distance, predicted=predicted)
    np.testing.assert_allclose(array(result), expected, rtol=1e-4)
    true = ops.convert_to_tensor(TRUE)
    (slope,) = gradients(
        lambda y: ops.sum(losses.validation(true, y, losses.L1(), distance)), predicted
    )
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_loss_in_half_precision_is_computed_in_float32(dtype):
    true, predicted = ops.cast(TRUE, dtype), ops.cast(PREDICTED, dtype)
    rounded = [array(ops.cast(y, "float32")) for y in (true, predicted)]
    expected = by_hand("wing", "manhattan", 1.0, *rounded)
    found = array(losses.validation(true, predicted, losses.Wing(10, 2)))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


# The class


@pytest.mark.parametrize(
    "coordinates", [None, losses.L1(), losses.Wing(15, 3), losses.IodL2("five5")]
)
def test_a_loss_object_comes_back_from_its_config(coordinates):
    loss = Validation(coordinates, "euclidean", 0.5, reduction="sum", name="another")
    config = loss.get_config()
    assert (config["distance"], config["weight"], config["name"]) == ("euclidean", 0.5, "another")
    for again in (
        Validation.from_config(config),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss)),
    ):
        assert type(again) is Validation
        assert again.get_config() == config
        assert type(again.coordinates) is type(coordinates or losses.L2())
        assert again.coordinates.get_config() == loss.coordinates.get_config()
        assert float(again(TRUE, PREDICTED)) == float(loss(TRUE, PREDICTED))


def test_an_unknown_distance_is_refused():
    message = "Unknown distance 'chebyshev'. Known: manhattan, euclidean"
    with pytest.raises(ValueError, match=message):
        Validation(distance="chebyshev")
    with pytest.raises(ValueError, match=message):
        losses.validation(TRUE, PREDICTED, distance="chebyshev")


@pytest.mark.parametrize(
    ("true", "predicted"),
    [
        ((4, 5, 2), (4, 5, 2)),
        ((4, 5, 2), (4, 4, 3)),
        ((4, 5, 2), (4, 1, 3)),
        ((4, 5, 2), (4, 15)),
        ((4, 5, 3), (4, 5, 3)),
        ((4, 5, 1), (4, 5, 3)),
    ],
)
def test_other_shapes_are_refused(true, predicted):
    with pytest.raises(ValueError, match=r"needs landmarks \(batch, n, 2\) and predictions"):
        Validation()(np.zeros(true, "float32"), np.zeros(predicted, "float32"))


# The head


def crops_of(name, count=3):
    size = 64 if name == "ffld" else 32
    return np.random.default_rng(1).integers(0, 256, (count, size, size, 3)).astype("float32")


@functools.cache
def network(name, policy="float32"):
    """A network that expects errors, and its first weights; it is shared."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    try:
        model = NETWORKS[name](expected_error=True)
    finally:
        keras.config.set_dtype_policy("float32")
    return model, weights.get_weights(model)


def untrained(name, policy="float32"):
    """It with its first weights."""
    model, first = network(name, policy)
    weights.set_weights(model, first)
    return model


def built(name, policy="float32"):
    """It with weights of which its expected errors and moves depend on the crop."""
    model, rng = untrained(name, policy), np.random.default_rng(2)
    for variable in model.trainable_weights:
        layer, what = variable.path.split("/")[-2:]
        if what == "kernel" and layer.endswith(("dense", "fc2", "error")):
            # Those of the landmarks are in crops: points stay where patches can be cut.
            spread = 0.05 if layer == "error" else 0.003
            variable.assign(rng.normal(0, spread, variable.shape))
    return model


@every_network
def test_landmarks_are_those_of_the_model_that_expects_no_error(name):
    model, plain = built(name), NETWORKS[name](expected_error=False)
    crops, learnt = crops_of(name), weights.get_weights(model)
    extra = {path for path in learnt if path.startswith(("error", "places"))}
    assert len(extra) == (9 if name == "places" else 2)
    weights.set_weights(plain, {p: a for p, a in learnt.items() if p not in extra})
    outputs, alone = arrays(model(crops)), arrays(plain(crops))
    assert (set(outputs), set(alone)) == ({"landmarks", "error"}, {"landmarks"})
    np.testing.assert_allclose(outputs["landmarks"], alone["landmarks"], atol=1e-4)
    assert outputs["error"].shape == (3, 5)
    assert (outputs["error"] > 0).all()
    assert np.ptp(outputs["error"], axis=0).max() > 1e-3  # each crop has its own
    validated = array(keras.Model(model.input, model.get_layer("validated").output)(crops))
    assert validated.shape == (3, 5, 3)
    np.testing.assert_allclose(validated[..., :2], outputs["landmarks"], atol=1e-4)
    np.testing.assert_allclose(validated[..., 2], outputs["error"], atol=1e-5)


@every_network
def test_every_point_is_at_first_as_sure_as_the_others(name):
    error = array(untrained(name)(crops_of(name))["error"])
    np.testing.assert_allclose(error, math.log(2), rtol=1e-5)  # softplus of zero


@pytest.mark.parametrize(
    "name",
    ["resnet", "validation", "heatmaps"]  # "ffld" and "places" are more of the same
    + [pytest.param(name, marks=pytest.mark.backend) for name in ("cnn", "ffld", "dan", "places")],
)
def test_both_outputs_are_float32_under_mixed_precision(name):
    outputs = compiled(built(name, "mixed_bfloat16"))(crops_of(name))
    for tensor in outputs.values():
        assert keras.backend.standardize_dtype(tensor.dtype) == "float32"
        assert np.isfinite(array(tensor)).all()
    assert (array(outputs["error"]) > 0).all()


@every_network
def test_multi_loss_trains_landmarks_and_expected_errors(name):
    model = untrained(name)
    truth = np.random.default_rng(3).uniform(0.2, 0.8, (3, 5, 2)) * crops_of(name).shape[1]
    truth = truth.astype("float32")
    before = weights.get_weights(model)
    loss = Validation(losses.Wing(10, 2))
    graph = training.MultiLoss(model, {"validated": loss})
    outputs = graph(crops_of(name))
    joined = np.concatenate(
        [array(outputs["landmarks"]), array(model(crops_of(name))["error"])[..., None]], axis=-1
    )
    found = float(graph.compute_loss(None, {"landmarks": truth}, outputs))
    expected = by_hand("wing", "manhattan", true=truth, predicted=joined).mean()
    assert found == pytest.approx(expected, rel=1e-3)
    # Tracing takes longer than a few steps.
    graph.compile(keras.optimizers.Adam(1e-3), run_eagerly=TENSORFLOW)
    history = graph.fit(crops_of(name), {"landmarks": truth}, epochs=2, verbose=0).history["loss"]
    assert history[-1] < history[0]
    after = weights.get_weights(model)
    for path in before:
        if path.endswith("kernel") and ("error" in path or "dense" in path or "fc2" in path):
            assert not np.array_equal(before[path], after[path]), path


def test_the_places_that_an_expected_error_comes_from_do_not_pull_at_the_points():
    heads = []
    for weight in (0.0, 100.0):
        model = built("places")
        graph = training.MultiLoss(model, {"validated": Validation(losses.L1(), weight=weight)})
        graph.compile(keras.optimizers.SGD(0.1), run_eagerly=TENSORFLOW)
        before = weights.get_weights(model)
        graph.train_on_batch(crops_of("places"), {"landmarks": TRUE[:3] / 2})
        heads.append(weights.get_weights(model)["head_dense/kernel"])
        assert not np.array_equal(heads[-1], before["head_dense/kernel"])
    np.testing.assert_allclose(*heads, atol=1e-6)


def test_an_expected_error_comes_from_the_place_where_its_landmark_is():
    model, crops = built("places"), crops_of("places", 1)
    rng = np.random.default_rng(4)
    kernel = model.get_layer("error_of_place").kernel
    kernel.assign(rng.normal(0, 0.5, kernel.shape))
    before = arrays(model(crops))
    bias = model.get_layer("head_dense").bias
    bias.assign(np.concatenate([[0.2, -0.1], array(bias)[2:]]))  # one point moves
    moved = arrays(model(crops))["error"] != before["error"]
    assert moved.tolist() == [[True, False, False, False, False]]


@every_distance
def test_the_expected_error_becomes_the_mean_distance_from_the_truth(distance):
    features = keras.Input((1,), name="features")
    points = layers.Dense(10, kernel_initializer="zeros", trainable=False, name="points")(features)
    landmarks = layers.Reshape((5, 2), name="landmarks")(points)
    model = keras.Model(features, blocks.outputs(landmarks, features, True))
    graph = training.MultiLoss(model, {"validated": Validation(distance=distance)})
    graph.compile(keras.optimizers.Adam(1.0))
    truth, ones = TRUE / 4, np.ones((4, 1), "float32")
    for _ in range(150):
        graph.train_on_batch(ones, {"landmarks": truth})
    expected = [
        sum(paper_distance(truth[face, n], (0, 0), distance) for face in range(4)) / 4
        for n in range(5)
    ]
    outputs = arrays(model(ones))
    np.testing.assert_allclose(outputs["error"], [expected] * 4, rtol=0.02)
    np.testing.assert_array_equal(outputs["landmarks"], 0)


@every_network
def test_a_model_that_expects_errors_comes_back_from_its_file(name, tmp_path):
    model, crops = built(name), crops_of(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected, found = arrays(model(crops)), arrays(loaded(crops))
    assert found.keys() == expected.keys() == {"landmarks", "error"}
    for output in expected:
        np.testing.assert_allclose(found[output], expected[output], atol=1e-4)


@every_network
def test_a_model_built_again_has_the_same_paths(name):
    paths = [v.path for v in network(name)[0].weights]
    assert paths == [v.path for v in NETWORKS[name](expected_error=True).weights]
    assert len(set(paths)) == len(paths)


on_tensorflow = pytest.mark.skipif(not TENSORFLOW, reason="exports are made under TensorFlow")


def assert_both(found, expected):
    """Two arrays, told apart by their shapes."""
    assert len(found) == 2
    for one in found:
        name = "landmarks" if one.ndim == 3 else "error"
        np.testing.assert_allclose(one, expected[name], atol=1e-3, rtol=1e-3)


@on_tensorflow
@pytest.mark.parametrize("name", ["cnn"])
def test_both_outputs_are_exported(name, tmp_path):
    import onnxruntime
    from ai_edge_litert.interpreter import Interpreter

    model, crops = built(name), crops_of(name)
    expected = arrays(model(crops))
    assert np.ptp(expected["error"]) > 1e-3
    path = str(tmp_path / "model.tflite")
    model.export(path, format="litert", verbose=False)
    run = Interpreter(path).get_signature_runner()
    assert_both(list(run(**{model.inputs[0].name: crops}).values()), expected)
    path = str(tmp_path / "model.onnx")
    model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    assert_both(session.run(None, {session.get_inputs()[0].name: crops}), expected)


# The paper's network


def basic_block(c, filters):
    """Parameters of two 3 x 3 convolutions and perhaps a shortcut, with their gamma and beta."""
    count = 9 * c * filters + 9 * filters * filters + 4 * filters
    return count + (0 if c == filters else c * filters + 2 * filters)


def test_the_network_has_the_parameters_counted_by_hand():
    count = 7 * 7 * 1 * 64 + 2 * 64  # grey crops
    count += basic_block(64, 64) + basic_block(64, 128) + basic_block(128, 256)
    count += 7 * 7 * 256 * 512 + 2 * 512  # 112 px, halved four times
    for expected_error, values in ((False, 2), (True, 3)):
        model = models.validation(expected_error=expected_error)
        found = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
        assert found == count + (512 + 1) * values * 68
    assert found == pytest.approx(7.7e6, rel=0.01)


def test_the_network_is_that_of_figure_3():
    model = models.validation()
    kinds = [type(layer) for layer in model.layers]
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    shortcuts = [layer for layer in convolutions if "shortcut" in layer.name]
    main = [layer for layer in convolutions if layer not in shortcuts]
    assert [layer.kernel_size[0] for layer in main] == [7, 3, 3, 3, 3, 3, 3]
    assert [layer.filters for layer in main] == [64, 64, 64, 128, 128, 256, 256]
    assert [layer.filters for layer in shortcuts] == [128, 256]
    assert [model.get_layer(f"block{i}_relu").output.shape[1:] for i in (1, 2, 3)] == [
        (28, 28, 64),
        (14, 14, 128),
        (7, 7, 256),
    ]
    # Pooling comes before the blocks, batch normalisation after every convolution.
    names = [layer.name for layer in model.layers]
    assert names.index("stem_relu") < names.index("pool") < names.index("block1_in")
    assert kinds.count(layers.Add) == 3
    for layer in convolutions:
        (node,) = layer._outbound_nodes
        assert isinstance(node.operation, layers.BatchNormalization), layer.name
    values = sum(model.get_layer(name).units for name in ("head_dense", "error"))
    assert values == 3 * 68  # section 5


def test_the_network_takes_as_many_operations_as_it_says():
    total, model = 0, models.validation()
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            _, height, width, _ = layer.output.shape
            total += height * width * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    assert total == pytest.approx(160e6, rel=0.05)


def test_the_network_sees_grey():
    model, crops = built("validation"), crops_of("validation")
    luma = crops @ np.float32([0.2989, 0.587, 0.114]) / np.float32(0.9999)
    grey = np.repeat(luma[..., None], 3, axis=-1)
    found, expected = arrays(model(grey)), arrays(model(crops))
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=0.02)
    assert model.get_layer("stem").kernel.shape[2] == 1


@pytest.mark.parametrize("size", [0, -16, 8, 100, 120])
def test_sizes_that_cannot_be_halved_four_times_are_refused(size):
    with pytest.raises(ValueError, match=f"size must be a multiple of 16, not {size}"):
        models.validation(size=size)


@pytest.mark.parametrize("name", FULL_SIZE)
def test_the_networks_of_one_size_tell_expected_errors_too(name):
    outputs = FULL_SIZE[name]("five5", expected_error=True).output
    assert outputs["error"].shape == (None, 5)
    assert list(FULL_SIZE[name]("five5").output) == ["landmarks"]
