"""Heatmaps, score maps, exemplars and the network of the score-guided paper, against its text."""

import functools

import keras
import numpy as np
import pytest
from gradients import compiled
from keras import ops

from keras_landmarks import layers, losses, models, shapes, training
from keras_landmarks.data import made_up_faces

RNG = np.random.default_rng(0)
SMALL = dict(size=32, width=8, growth=4, depth=2, fine=8, exemplars=12, neighbours=4)


def array(tensor):
    return ops.convert_to_numpy(tensor)


# Decoding


@pytest.mark.backend
def test_argmax_is_the_middle_of_the_largest_pixel():
    maps = RNG.normal(size=(2, 6, 9, 3)).astype("float32")
    found = array(compiled(layers.HeatmapDecoding("argmax", stride=4))(maps))
    for face in range(2):
        for i in range(3):
            row, column = np.argwhere(maps[face, :, :, i] == maps[face, :, :, i].max())[0]
            expected = (column + 0.5) * 4 - 0.5, (row + 0.5) * 4 - 0.5
            np.testing.assert_allclose(found[face, i], expected)


@pytest.mark.backend
def test_centroid_is_the_mean_of_the_positive_values_about_the_largest():
    maps = RNG.normal(size=(2, 7, 9, 3)).astype("float32")
    found = array(compiled(layers.HeatmapDecoding("centroid", radius=1))(maps))
    for face in range(2):
        for i in range(3):
            values = maps[face, :, :, i]
            row, column = np.argwhere(values == values.max())[0]
            total, middle = 0.0, np.zeros(2)
            for y in range(max(row - 1, 0), min(row + 2, 7)):
                for x in range(max(column - 1, 0), min(column + 2, 9)):
                    value = max(values[y, x], 0)
                    total, middle = total + value, middle + value * np.array([x, y])
            np.testing.assert_allclose(found[face, i], middle / total, atol=1e-4)


@pytest.mark.backend
def test_soft_argmax_is_the_mean_under_the_softmax():
    maps = RNG.normal(size=(2, 5, 4, 3)).astype("float32")
    decode = layers.HeatmapDecoding("soft_argmax", stride=2, sharpness=3.0)
    found = array(compiled(decode)(maps))
    for face in range(2):
        for i in range(3):
            total, middle = 0.0, np.zeros(2)
            for y in range(5):
                for x in range(4):
                    share = np.exp(3.0 * np.float64(maps[face, y, x, i]))
                    total, middle = total + share, middle + share * np.array([x, y])
            expected = (middle / total + 0.5) * 2 - 0.5
            np.testing.assert_allclose(found[face, i], expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["centroid", "soft_argmax"])
@pytest.mark.parametrize("stride", [1, 4])
def test_drawn_landmarks_are_decoded_to_a_fraction_of_a_pixel(kind, stride):
    landmarks = RNG.uniform(24, 40, (2, 5, 2)).astype("float32")
    side = 64 // stride
    heatmaps = layers.HeatmapGeneration((side, side), "gaussian", radius=None, sigma=1.2)
    maps = array(heatmaps((landmarks + 0.5) / stride - 0.5))
    if kind == "soft_argmax":
        maps = np.log(maps + 1e-12)
    error = np.abs(array(layers.HeatmapDecoding(kind, stride, radius=4)(maps)) - landmarks)
    assert error.max() < 0.05 * stride
    largest = array(layers.HeatmapDecoding("argmax", stride)(maps))
    assert np.abs(largest - landmarks).max() <= 0.51 * stride


@pytest.mark.backend
def test_a_map_without_a_peak_is_decoded_to_a_finite_point():
    for kind in ("argmax", "centroid", "soft_argmax"):
        decode = compiled(layers.HeatmapDecoding(kind))
        for value in (0.0, -3.0):
            found = decode(np.full((1, 6, 6, 2), value, "float32"))
            assert np.isfinite(array(found)).all()


# Weights


def test_a_weight_is_the_mean_of_the_window_of_the_papers_equation_1():
    scores = RNG.uniform(size=(2, 10, 12, 3)).astype("float32")
    landmarks = np.float32([[[3, 5], [0, 0], [11, 9]], [[8, 2], [30, 4], [5, 5]]])
    found = array(layers.ScoreWeights(radius=2)(scores, landmarks))
    for face in range(2):
        for i in range(3):
            x, y = landmarks[face, i].astype(int)
            total = 0.0
            for k in range(x - 2, x + 3):
                for t in range(y - 2, y + 3):
                    if 0 <= k < 12 and 0 <= t < 10:
                        total += scores[face, t, k, i]
            assert found[face, i] == pytest.approx(total / 25, abs=1e-5)
    assert found[1, 1] == 0
    between = array(layers.ScoreWeights(radius=2)(scores, landmarks + (0.25, 0)))
    right = array(layers.ScoreWeights(radius=2)(scores, landmarks + (1, 0)))
    np.testing.assert_allclose(between, 0.75 * found + 0.25 * right, atol=1e-6)


# Losses


@pytest.mark.backend
def test_the_losses_are_the_papers_equation_3():
    true = RNG.uniform(0, 15, (2, 3, 2)).astype("float32")
    maps = RNG.uniform(size=(2, 8, 8, 3)).astype("float32")
    heat = array(losses.Heatmaps(sigma=1.1, stride=2, reduction=None)(true, maps))
    score = array(losses.ScoreMaps(radius=2, stride=2, weight=0.3, reduction=None)(true, maps))
    for face in range(2):
        peaks, discs = 0.0, 0.0
        for i in range(3):
            place = (true[face, i] + 0.5) / 2 - 0.5
            for y in range(8):
                for x in range(8):
                    squared = float(np.sum((place - (x, y)) ** 2))
                    value = float(maps[face, y, x, i])
                    peaks += 0.5 * (value - np.exp(-squared / (2 * 1.1**2))) ** 2 / 3
                    discs += 0.5 * (value - (squared <= 4)) ** 2 / 3
        assert heat[face] == pytest.approx(peaks, rel=1e-4)
        assert score[face] == pytest.approx(0.3 * discs, rel=1e-4)


def test_loss_objects_are_by_default_their_functions():
    true = RNG.uniform(0, 15, (2, 3, 2)).astype("float32")
    maps = RNG.uniform(size=(2, 16, 16, 3)).astype("float32")
    for cls, function in (
        (losses.Heatmaps, losses.heatmaps),
        (losses.ScoreMaps, losses.score_maps),
    ):
        np.testing.assert_allclose(
            array(cls(reduction=None)(true, maps)), array(function(true, maps))
        )
    named = losses.heatmaps(true, maps, sigma=1.5), losses.score_maps(true, maps, radius=4.0)
    for found, expected in zip((losses.heatmaps, losses.score_maps), named):
        np.testing.assert_array_equal(array(found(true, maps)), array(expected))


def test_maps_that_do_not_belong_to_the_landmarks_are_named():
    with pytest.raises(ValueError, match="heatmaps loss needs landmarks"):
        losses.Heatmaps()(np.zeros((1, 3, 2)), np.zeros((1, 8, 8, 4)))


# Shapes


@functools.cache
def faces_shapes(count):
    return np.stack([face.landmarks for face in made_up_faces(count, size=100)])


def test_aligned_shapes_have_neither_place_nor_size_nor_turn():
    given = faces_shapes(10)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    moved = given.copy().astype("float64")
    moved[3] = 2.5 * moved[3] @ turn + (40, -7)
    np.testing.assert_allclose(shapes.align(moved)[3], shapes.align(given)[3], atol=2)
    mean = shapes.align(given).mean(axis=0)
    np.testing.assert_allclose(mean.mean(axis=0), 0, atol=1e-4)
    assert np.sqrt(np.square(mean).sum(-1).mean()) == pytest.approx(100, abs=5)


@pytest.mark.parametrize("sparsity", [1, 2])
def test_k_svd_finds_the_shapes_that_others_are_sums_of(sparsity):
    atoms = shapes.align(faces_shapes(12))[[0, 3, 5, 8]]
    codes = np.zeros((80, 4))
    for row in codes:
        row[RNG.choice(4, sparsity, replace=False)] = RNG.uniform(1, 2, sparsity)
    given = np.einsum("fk,kni->fni", codes, atoms)
    learnt = shapes.learn_dictionary(given, 4, sparsity, rounds=20)
    assert learnt.shape == (4, *given.shape[1:])
    if sparsity == 1:  # the very shapes, in some order
        wanted = shapes.align(atoms)
        gaps = np.abs(learnt[:, None] - wanted[None]).max(axis=(2, 3))
        assert gaps.min(axis=1).max() < 5
    rows = learnt.reshape(4, -1)
    aligned = shapes.align(given).reshape(len(given), -1)
    rest = aligned - aligned @ np.linalg.pinv(rows) @ rows
    assert np.abs(rest).max() < 10


def test_a_shape_is_the_weighted_least_squares_of_its_nearest_exemplars():
    exemplars = shapes.align(faces_shapes(30))
    landmarks, weights = faces_shapes(40)[35].astype("float64"), RNG.uniform(0, 1, 68)
    found = shapes.reconstruct(landmarks[None], weights[None], exemplars, 5, ridge=1e-2)[0]

    share = weights**2 / np.sum(weights**2)  # by hand, from here
    mean = exemplars.mean(axis=0)
    p = landmarks - share @ landmarks
    q = mean - share @ mean
    norm = sum(w * (u @ u) for w, u in zip(share, p))
    a = sum(w * (u @ v) for w, u, v in zip(share, p, q)) / norm
    b = sum(w * (u[0] * v[1] - u[1] * v[0]) for w, u, v in zip(share, p, q)) / norm
    similarity = np.array([[a, -b], [b, a]])
    aligned = p @ similarity.T + share @ mean
    distances = [
        sum(w * ((s - e) @ (s - e)) for w, s, e in zip(share, aligned, e)) for e in exemplars
    ]
    nearest = exemplars[np.argsort(distances)[:5]]
    middle = nearest.mean(axis=0)
    root = np.repeat(np.sqrt(share), 2)
    matrix = ((nearest - middle).reshape(5, -1) * root).T
    matrix = np.vstack([matrix, np.sqrt(1e-2) * np.eye(5)])
    right = np.concatenate([(aligned - middle).ravel() * root, np.zeros(5)])
    solution = np.linalg.lstsq(matrix, right, rcond=None)[0]
    shape = middle + np.einsum("k,kni->ni", solution, nearest - middle)
    expected = (shape - share @ mean) @ np.linalg.inv(similarity).T + share @ landmarks
    np.testing.assert_allclose(found, expected, atol=1e-2)


def test_hidden_points_come_back_from_the_others():
    *known, face = faces_shapes(70)
    layer = layers.ShapeDictionary(40, 20, trust=1.0, ridge=1.0)
    given, weights = face.copy(), np.ones(68, "float32")
    given[48:] += (25, 40)  # the mouth, lost
    weights[48:] = 0.0
    layer.adapt(known)
    found = array(layer(given[None], weights[None]))[0]
    lost = np.linalg.norm(given - face, axis=-1)[48:].mean()
    assert np.linalg.norm(found - face, axis=-1)[48:].mean() < 0.25 * lost
    np.testing.assert_allclose(found[:48], face[:48], atol=1e-3)


@pytest.mark.backend
def test_the_layer_is_the_function_and_takes_weights_that_are_no_numbers_for_zero():
    *known, face = faces_shapes(40)
    layer = layers.ShapeDictionary(30, 8)
    layer.adapt(known)
    weights = RNG.uniform(0, 1, (1, 68)).astype("float32")
    weights[0, 5] = np.nan
    exemplars = array(layer.exemplars)
    found = shapes.infer(face[None], weights, exemplars, 8)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(array(compiled(layer)(face[None], weights)), found, atol=1e-2)
    weights[0, 5] = 0
    np.testing.assert_array_equal(shapes.infer(face[None], weights, exemplars, 8), found)
    with pytest.raises(ValueError, match="neighbours must be at most 30"):
        shapes.infer(face[None], weights, exemplars, 31)


@pytest.mark.backend
@pytest.mark.parametrize("weight", [0.0, 0.01, 1.0])
def test_a_point_that_is_missing_is_inferred_wherever_the_face_lies(weight):
    *known, face = faces_shapes(40)
    exemplars = shapes.align(known)
    shares = np.full((1, 68), weight, "float32")
    whole = shapes.infer(face[None], shares, exemplars, 8)[0] - face
    for offset in (0, 3000):
        given = face[None] + np.float32(offset)
        given[0, 30] = np.nan
        found = array(shapes.infer(given, shares, exemplars, 8))[0] - offset - face
        others = np.delete(found - whole, 30, axis=0)
        assert np.abs(others).max() < 1  # pixels; as the face without a hole
        assert np.abs(found[30]).max() < 8
    assert np.isfinite(shapes.infer(np.full((1, 68, 2), np.nan), shares, exemplars, 8)).all()
    with pytest.raises(ValueError, match=r"Weights \(1, 67\) do not fit"):
        shapes.infer(face[None], shares[:, :67], exemplars, 8)


def test_a_few_faces_are_the_exemplars_themselves():
    learnt = shapes.learn_dictionary(faces_shapes(12), 15)
    np.testing.assert_allclose(learnt[12:], learnt[:3])
    np.testing.assert_allclose(learnt[:12], shapes.align(faces_shapes(12)), atol=1e-3)


def test_unsure_faces_and_large_ones_keep_their_place():
    exemplars = shapes.align(faces_shapes(30))
    face = faces_shapes(40)[35].astype("float64")
    for weights in (np.zeros(68), np.eye(68)[3]):
        found = shapes.reconstruct(face[None], weights[None], exemplars)[0]
        assert np.linalg.norm(found - face, axis=-1).mean() < 10
    large = shapes.reconstruct(80 * face[None], np.ones((1, 68)), exemplars)[0]
    small = shapes.reconstruct(face[None], np.ones((1, 68)), exemplars)[0]
    np.testing.assert_allclose(large / 80, small, atol=1e-2)


def test_what_a_dictionary_cannot_be_learnt_from_is_named():
    for bad in (np.full((3, 5, 2), np.nan), np.ones((3, 5, 2))):
        with pytest.raises(ValueError, match="Expected finite shapes"):
            shapes.learn_dictionary(bad, 2)
    for bad, count in ((np.ones((3, 5, 3)), 2), ([], 2), (np.ones((3, 5, 2)), 0)):
        with pytest.raises(ValueError, match="Expected shapes .* and count > 0"):
            shapes.learn_dictionary(bad, count)
    with pytest.raises(ValueError, match="neighbours must be at most 8"):
        layers.ShapeDictionary(8, 9)
    with pytest.raises(ValueError, match=r"landmarks \(batch, n, 2\) and weights"):
        layers.ShapeDictionary(8, 4)(np.zeros((1, 5, 2)), np.zeros((1, 4)))


# The network


def test_the_network_has_two_branches_of_maps_as_large_as_the_crop():
    model = models.hourglass("five5", mean_shape=None, **SMALL)
    for name in ("heatmaps", "scores"):
        assert model.get_layer(name).output.shape == (None, 32, 32, 5)
    assert model.get_layer("stem").kernel.shape[:2] == (7, 7)
    out = model(RNG.uniform(0, 255, (2, 32, 32, 3)).astype("float32"))
    assert {name: tuple(x.shape) for name, x in out.items()} == {
        "landmarks": (2, 5, 2),
        "score": (2, 5),
    }
    assert 0 <= array(out["score"]).min() <= array(out["score"]).max() <= 1


def test_the_published_widths_have_the_parameters_of_the_docstring():
    assert models.hourglass(neighbours=1).count_params() == pytest.approx(2.2e6, rel=0.03)


def test_sizes_that_do_not_halve_are_named():
    with pytest.raises(ValueError, match="multiple of 32, not 100"):
        models.hourglass(size=100)
    with pytest.raises(ValueError, match="stride must be 1 or 2"):
        models.hourglass(stride=3)
    for name, least in (("width", 4), ("fine", 2)):  # of which layers take quarters, halves
        with pytest.raises(ValueError, match=f"{name} must be a whole number of at least {least}"):
            models.hourglass(**{name: least - 1})


@pytest.mark.parametrize("decoding", ["soft_argmax", "argmax"])
def test_all_parts_train_together(decoding):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = models.hourglass("five5", decoding=decoding, **{**SMALL, "depth": 1})
    stage_losses = {"scores": losses.ScoreMaps(radius=2.0, offset=-0.5)}
    if decoding == "argmax":
        stage_losses["heatmaps"] = losses.Heatmaps(offset=-0.5)
    else:
        stage_losses["decoded"] = losses.Wing(10, 2)
    graph = training.MultiLoss(model, stage_losses)
    graph.compile(keras.optimizers.Adam(3e-3), run_eagerly=True)
    crops = rng.uniform(0, 255, (4, 32, 32, 3)).astype("float32")
    truth = {"landmarks": rng.uniform(8, 24, (4, 5, 2)).astype("float32")}
    history = graph.fit(crops, truth, epochs=3, batch_size=4, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]


@pytest.mark.filterwarnings("error")
def test_losses_that_draw_maps_beside_where_the_model_reads_them_are_warned_of():
    model = models.hourglass("five5", **{**SMALL, "depth": 1})  # whose first pixel lies at -0.5
    for name, loss in (("heatmaps", losses.Heatmaps), ("scores", losses.ScoreMaps)):
        with pytest.raises(UserWarning, match=f"The loss of {name} draws maps .* by 1 and -0.5"):
            training.MultiLoss(model, {name: loss()})
        training.MultiLoss(model, {name: loss(offset=-0.5), "decoded": losses.Wing()})
    scaled = keras.layers.Rescaling(2.0)(model.get_layer("heatmaps").output)  # has an offset, too
    other = keras.Model(model.input, {**model.output, "scaled": scaled})
    training.MultiLoss(other, {"heatmaps": losses.Heatmaps(offset=-0.5)})
    middle = models.hourglass("five5", offset=0.0, **{**SMALL, "depth": 1})
    training.MultiLoss(middle, {"heatmaps": losses.Heatmaps()})


def test_a_dictionary_that_has_learnt_nothing_leaves_landmarks_where_they_are():
    points = np.random.default_rng(0).uniform(0, 64, (2, 68, 2)).astype("float32")
    found = layers.ShapeDictionary()(points, np.zeros((2, 68), "float32"))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), points)


def test_a_point_moves_in_proportion_to_how_unsure_it_is():
    *known, face = faces_shapes(40)

    def way(weight, **words):
        given = face[None], np.full((1, 68), weight), shapes.align(np.array(known)), 8
        return shapes.infer(*given, **words)[0] - face

    whole = way(0.0, trust=1.0)
    assert np.abs(whole).max() > 1
    np.testing.assert_allclose(way(0.125, trust=1.0), 0.75 * whole, atol=1e-3)
    np.testing.assert_allclose(way(0.2, sure=0.8, trust=1.0), 0.75 * whole, atol=1e-3)
    np.testing.assert_allclose(way(0.0), 0.5 * whole, atol=1e-3)
