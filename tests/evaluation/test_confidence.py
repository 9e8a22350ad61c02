"""How sure a model is: in detections, on pictures, and measured."""

import functools
import json
import math
import types

import keras
import numpy as np
import pytest
from keras import layers

import keras_landmarks
from keras_landmarks import Detection, Landmarker, data, draw, evaluation, metrics
from keras_landmarks.evaluation import Evaluation
from keras_landmarks.evaluation.confidence import without_worst
from keras_landmarks.pictures.drawing import POINT, UNSURE

SIZE = 16
POINTS = np.float32([[4, 5], [11, 5], [7.5, 8], [5, 12], [10, 12]])
ERRORS = np.float32([0.5, 1, 2, 4, 8])
PICTURE = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)


def landmarker(points=POINTS, errors=ERRORS, scheme="five5", **arguments):
    """A model that gives the same points and errors, in crop pixels, whatever it sees."""
    crops = keras.Input((SIZE, SIZE, 3), name="crops")
    flat = layers.GlobalAveragePooling2D(name="average")(crops)

    def constant(values, name):
        bias = keras.initializers.Constant(np.ravel(values))
        dense = layers.Dense(np.size(values), kernel_initializer="zeros", bias_initializer=bias)
        return layers.Reshape(np.shape(values), name=name)(dense(flat))

    outputs = {"landmarks": constant(points, "landmarks")}
    if errors is not None:
        outputs["error"] = constant(errors, "error")
    return Landmarker(crops, outputs, scheme=scheme, **arguments)


@functools.cache
def sure_landmarker():
    return landmarker()


@functools.cache
def unsaying_landmarker():
    return landmarker(errors=None)


def detection(error=ERRORS, points=10 * POINTS, scheme="five5", box=(0, 0, 160, 160)):
    return Detection(np.float32(points), np.float32(box), scheme, None, error)


# Detections


def test_the_error_is_in_pixels_of_the_picture():
    # The crop has a margin of 1.25 about the longer side, and 16 pixels.
    boxes = np.float32([[20, 30, 84, 94], [100, 50, 120, 182], [10.5, 20.5, 20.5, 26.5]])
    for face, side in zip(sure_landmarker().detect(PICTURE, boxes), (64, 132, 10)):
        assert face.error.shape == (5,)
        assert face.error.dtype == np.float32
        np.testing.assert_allclose(face.error, ERRORS * side * 1.25 / SIZE, rtol=1e-4)
        # As far as two points lie apart, measured with the same rule.
        apart = np.linalg.norm(face.landmarks[1] - face.landmarks[0])
        assert face.error[1] / apart == pytest.approx(1 / 7, rel=1e-4)


def test_the_error_follows_the_margin_of_the_model():
    model = landmarker(margin=2.0)
    (face,) = model.detect(PICTURE, np.float32([20, 30, 84, 94]))
    np.testing.assert_allclose(face.error, ERRORS * 64 * 2 / SIZE, rtol=1e-4)


def test_faces_of_a_batch_have_their_own_errors():
    boxes = [np.float32([[20, 30, 84, 94]]), np.float32([[0, 0, 32, 32], [50, 50, 146, 146]])]
    found = sure_landmarker().detect([PICTURE, PICTURE], boxes)
    scales = [[face.error[0] / ERRORS[0] for face in faces] for faces in found]
    assert scales == [pytest.approx([5.0]), pytest.approx([2.5, 7.5])]


def test_a_model_that_does_not_say_gives_no_confidence():
    (face,) = unsaying_landmarker().detect(PICTURE, np.float32([20, 30, 84, 94]))
    assert (face.error, face.confidence, face.face_confidence) == (None, None, None)
    assert list(face.to_dict()) == ["scheme", "score", "box", "landmarks", "angle", "pose"]


@pytest.mark.parametrize(("scheme", "count"), [("five5", 5), ("ibug68", 68)])
def test_confidence_falls_by_the_tenth_of_the_distance_of_the_pupils(scheme, count):
    rng = np.random.default_rng(0)
    points, error = rng.uniform(0, 200, (count, 2)), rng.uniform(0, 30, count)
    right, left = points[0], points[1]
    if scheme == "ibug68":
        right, left = points[36:42].sum(axis=0) / 6, points[42:48].sum(axis=0) / 6
    expected = [math.exp(-e / (0.1 * math.dist(right, left))) for e in error]
    face = detection(np.float32(error), points, scheme)
    np.testing.assert_allclose(face.confidence, expected, rtol=1e-4)
    assert face.face_confidence == pytest.approx(sum(expected) / count, rel=1e-4)
    assert isinstance(face.face_confidence, float)


def test_an_expected_error_of_nothing_is_certain_and_of_a_tenth_of_the_pupils_0_37():
    points = np.float32([[0, 0], [60, 80], [1, 1], [2, 2], [3, 3]])  # pupils 100 px apart
    face = detection(np.float32([0, 10, 20, 1e6, 10]), points)
    expected = [1, math.exp(-1), math.exp(-2), 0, math.exp(-1)]
    np.testing.assert_allclose(face.confidence, expected, atol=1e-6)


def test_eyes_on_one_point_count_as_one_pixel_apart():
    face = detection(np.float32([0, 0.1, 0.2, 0.3, 1e9]), np.zeros((5, 2)))
    np.testing.assert_allclose(face.confidence, np.exp([0, -1, -2, -3, -np.inf]), rtol=1e-5)


def test_a_detection_as_plain_numbers_says_how_sure_it_is():
    face = detection()
    numbers = json.loads(json.dumps(face.to_dict()))
    assert list(numbers) == [
        "scheme",
        "score",
        "box",
        "landmarks",
        "angle",
        "pose",
        "error",
        "confidence",
        "face_confidence",
    ]
    assert numbers["error"] == [0.5, 1, 2, 4, 8]
    np.testing.assert_allclose(numbers["confidence"], face.confidence, atol=6e-4)
    np.testing.assert_allclose(numbers["face_confidence"], face.face_confidence, atol=6e-4)
    assert numbers["score"] is None


# Drawing


def colours(face):
    """The colours of the middles of a face's points."""
    drawn = draw(np.zeros((160, 160, 3), np.uint8), [face], boxes=False)
    return [tuple(int(c) for c in drawn[int(y), int(x)]) for x, y in face.landmarks]


def test_the_less_a_point_is_sure_the_redder_it_is():
    points = np.float32([[40, 50], [110, 50], [75, 80], [50, 120], [100, 120]])
    assert colours(detection(np.zeros(5, np.float32), points)) == [POINT] * 5
    assert colours(detection(np.full(5, 1e9, np.float32), points)) == [UNSURE] * 5
    face = detection(np.float32([0, 3, 7, 14, 40]), points)
    found = colours(face)
    for colour, sure in zip(found, face.confidence):
        mixed = [sure * p + (1 - sure) * u for p, u in zip(POINT, UNSURE)]
        np.testing.assert_allclose(colour, mixed, atol=1.01)
    greens = [green for _, green, _ in found]
    assert greens == sorted(greens, reverse=True)
    assert len(set(greens)) == 5
    assert {red for red, _, _ in found} == {255}


def test_points_of_a_model_that_does_not_say_are_white():
    points = np.float32([[40, 50], [110, 50], [75, 80], [50, 120], [100, 120]])
    assert colours(detection(None, points)) == [POINT] * 5
    bare = types.SimpleNamespace(landmarks=points, scheme="five5", box=None)
    assert colours(bare) == [POINT] * 5


# Evaluation


def made_up_evaluation(faces=6, count=68, scheme="ibug68", tells=True, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 200, (faces, count, 2))
    errors = rng.normal(size=truth.shape) * rng.uniform(0.1, 9, (faces, count, 1))
    distance = np.linalg.norm(errors, axis=-1)
    expected = distance * rng.uniform(0.5, 2, distance.shape) if tells else None
    names = [f"face {i}" for i in range(faces)]
    return Evaluation(
        "made up", "truth", names, truth, truth + errors, scheme, expected_error=expected
    )


def discarded_by_hand(result, fraction, kind):
    """Table 5: the mean error of each face without the points of the largest expected error."""
    faces = []
    for truth, predicted, expected in zip(result.truth, result.predicted, result.expected_error):
        right, left = truth[36], truth[45]
        if kind == "pupils":
            right, left = truth[36:42].sum(axis=0) / 6, truth[42:48].sum(axis=0) / 6
        pairs = [(f, math.dist(p, q)) for f, p, q in zip(expected, truth, predicted)]
        pairs.sort()
        kept = pairs[: len(pairs) - round(fraction * len(pairs))]
        faces.append(sum(d for _, d in kept) / len(kept) / math.dist(right, left))
    return faces


@pytest.mark.parametrize("fraction", [0, 0.1, 0.2, 0.3, 0.9])
@pytest.mark.parametrize("kind", ["corners", "pupils"])
def test_the_least_sure_points_of_each_face_are_discarded(fraction, kind):
    result = made_up_evaluation()
    found = result.discarded(fraction, kind)
    assert found.shape == (6,)
    np.testing.assert_allclose(found, discarded_by_hand(result, fraction, kind), rtol=1e-5)


def test_discarding_nothing_is_the_error_and_the_unsure_points_lower_it():
    result = made_up_evaluation()
    np.testing.assert_allclose(result.discarded(0), result.errors(), rtol=1e-6)
    means = [result.discarded(fraction).mean() for fraction in (0, 0.1, 0.2, 0.3)]
    assert means == sorted(means, reverse=True)
    assert means[3] < 0.8 * means[0]


def test_an_oracle_leaves_the_truly_worst_points_out():
    result = made_up_evaluation()
    away = np.linalg.norm(result.truth - result.predicted, axis=-1)
    away /= np.linalg.norm(result.truth[:, 36] - result.truth[:, 45], axis=-1)[:, None]
    best = np.sort(away, axis=1)[:, : 68 - 20].mean(axis=1)
    np.testing.assert_allclose(without_worst(result, 20 / 68, "corners"), best, rtol=1e-5)
    assert best.mean() < result.discarded(20 / 68, "corners").mean()


def test_points_at_random_are_discarded_for_comparison():
    result = made_up_evaluation(tells=False)
    found = [result.discarded(0.3, rng=np.random.default_rng(seed)) for seed in range(200)]
    assert np.std(found) > 0
    np.testing.assert_allclose(np.mean(found, axis=0), result.errors(), rtol=0.05)
    again = result.discarded(0.3, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(found[0], again)
    np.testing.assert_allclose(
        result.discarded(0, rng=np.random.default_rng(0)), result.errors(), rtol=1e-6
    )


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan")])
def test_a_fraction_that_leaves_no_points_is_refused(fraction):
    with pytest.raises(ValueError, match="fraction must be 0 or more and below 1"):
        made_up_evaluation().discarded(fraction)


@pytest.mark.parametrize(("count", "scheme"), [(68, "ibug68"), (5, "five5")])
def test_a_fraction_below_one_leaves_the_surest_point(count, scheme):
    result = made_up_evaluation(count=count, scheme=scheme)
    found = result.discarded(0.995, "pupils" if count == 68 else None)
    assert np.isfinite(found).all()


def test_the_rank_correlation_is_that_of_the_ranks():
    from scipy.stats import rankdata, spearmanr

    result = made_up_evaluation()
    distance = [
        math.dist(p, q)
        for truth, predicted in zip(result.truth, result.predicted)
        for p, q in zip(truth, predicted)
    ]
    eyes = [math.dist(face[36], face[45]) for face in result.truth for _ in face]
    expected, distance = result.expected_error.ravel() / eyes, np.divide(distance, eyes)
    found = result.rank_correlation()
    assert isinstance(found, float)
    assert found == pytest.approx(spearmanr(expected, distance).statistic)
    ranks = np.corrcoef(rankdata(expected), rankdata(distance))[0, 1]
    assert found == pytest.approx(ranks)
    assert 0.5 < found < 1


@pytest.mark.parametrize("sign", [1, -1])
def test_the_rank_correlation_of_perfectly_expected_errors_is_one(sign):
    result = made_up_evaluation(tells=False)
    distance = np.linalg.norm(result.truth - result.predicted, axis=-1)
    eyes = metrics.normaliser(result.truth)[:, None]
    expected = eyes * (100 + sign * np.sqrt(distance / eyes))  # any rising curve of it
    again = Evaluation(*(getattr(result, f) for f in FIELDS), expected_error=expected)
    assert again.rank_correlation() == pytest.approx(sign)


FIELDS = ("model", "box", "names", "truth", "predicted", "scheme")


@pytest.mark.parametrize(
    "ask",
    [
        lambda result, path: result.discarded(0.1),
        lambda result, path: result.rank_correlation(),
        lambda result, path: evaluation.plot_reliability(result, path),
        lambda result, path: evaluation.plot_discarding(result, path),
    ],
    ids=["discarded", "rank_correlation", "plot_reliability", "plot_discarding"],
)
def test_a_model_that_expects_no_error_is_named(ask, tmp_path):
    with pytest.raises(ValueError, match="made up does not tell its expected errors"):
        ask(made_up_evaluation(tells=False), tmp_path / "plot.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("plot", [evaluation.plot_reliability, evaluation.plot_discarding])
def test_plots_are_pictures(plot, tmp_path):
    pytest.importorskip("matplotlib")
    plot(made_up_evaluation(), tmp_path / "new" / "plot.png")
    picture = keras_landmarks.pictures.images.read_image(tmp_path / "new" / "plot.png")
    assert picture.std() > 0


def test_evaluating_a_model_keeps_what_it_expects():
    rng = np.random.default_rng(0)
    sides = (40, 80, 120)
    faces = [
        data.Face(PICTURE, rng.uniform(0, 200, (5, 2)), "five5", [10, 10, 10 + side, 10 + side])
        for side in sides
    ]
    result = evaluation.evaluate(sure_landmarker(), faces, verbose=0)
    expected = [[e * side * 1.25 / SIZE for e in ERRORS] for side in sides]
    np.testing.assert_allclose(result.expected_error, expected, rtol=1e-4)
    assert -1 <= result.rank_correlation() <= 1
    plain = evaluation.evaluate(unsaying_landmarker(), faces, verbose=0)
    assert plain.expected_error is None
    np.testing.assert_allclose(plain.errors(), result.errors(), rtol=1e-5)


# Faces that are none


class Guard:
    """Expects errors by a rule of how far a box lies from the face's; keeps the boxes."""

    def __init__(self, rule):
        self.rule, self.seen = rule, []

    def detect(self, image, boxes, convention):
        self.seen.append((image, np.array(boxes)))
        return [
            Detection(10 * POINTS, box, "five5", None, np.full(5, self.rule(i, box), np.float32))
            for i, box in enumerate(boxes)
        ]


def face_with_room(side=50, size=(300, 400), seed=0):
    left, top = np.random.default_rng(seed).uniform(0, 60, 2)
    picture = np.zeros((*size, 3), np.uint8)
    box = [left, top, left + side, top + 0.8 * side]
    points = [left, top] + POINTS * side / SIZE
    return data.Face(picture, points, "five5", box, f"face {seed}")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (lambda i, box: 1.0 + i, 1),
        (lambda i, box: 2.0 - 1.5 * i, 0),
        (lambda i, box: 0.0, 0.5),
    ],
    ids=["larger", "smaller", "the same"],
)
def test_false_faces_are_told_by_a_larger_expected_error(rule, expected):
    faces = [face_with_room(seed=seed) for seed in range(6)]
    guard = Guard(rule)
    assert evaluation.false_detection_auc(guard, faces) == expected
    assert len(guard.seen) == 6
    for face, (image, boxes) in zip(faces, guard.seen):
        np.testing.assert_array_equal(image, face.image)
        np.testing.assert_allclose(boxes[0], face.box, rtol=1e-6)
        left, top, right, bottom = boxes[1]
        assert right - left == pytest.approx(25, abs=1e-2)
        assert bottom - top == pytest.approx(25, abs=1e-2)
        assert left >= 0
        assert top >= 0
        assert right <= 400 + 1e-3
        assert bottom <= 300 + 1e-3
        # Elsewhere: beside, above or below the face.
        x0, y0, x1, y1 = face.box
        assert right <= x0 or left >= x1 or bottom <= y0 or top >= y1


def test_the_auc_is_the_probability_of_a_larger_error():
    # Of the box's side real faces have 1 and 3; false ones, whose boxes are half as large, 2 and 4.
    real, false = iter([50.0, 150.0]), iter([50.0, 100.0])
    guard = Guard(lambda i, box: next(false if i else real))
    faces = [face_with_room(seed=seed) for seed in range(2)]
    found = evaluation.false_detection_auc(guard, faces)
    assert found == pytest.approx(3 / 4)


def test_errors_are_taken_over_the_size_of_the_box():
    # As large in pixels of the crop, and so not to be told apart by the size of the face.
    faces = [face_with_room(side, (900, 900), seed) for seed, side in enumerate((20, 50, 200))]
    guard = Guard(lambda i, box: (box[2:] - box[:2]).max())
    values = []
    for face in faces:
        side = float((face.box[2:] - face.box[:2]).max())
        values.append([side / side] * 2)
    found = evaluation.false_detection_auc(guard, faces)
    assert 0.2 <= found <= 0.8  # rounding alone decides
    scaled = Guard(lambda i, box: (box[2:] - box[:2]).max() * (1.1 if i else 1))
    assert evaluation.false_detection_auc(scaled, faces) == 1


def test_pictures_without_room_are_left_out():
    roomy, tight = face_with_room(), face_with_room(200, (220, 240))
    guard = Guard(lambda i, box: 1.0 + i)
    assert evaluation.false_detection_auc(guard, [tight, roomy, tight]) == 1
    assert len(guard.seen) == 1
    with pytest.raises(ValueError, match="No picture has room"):
        evaluation.false_detection_auc(guard, [tight])


def test_the_places_without_a_face_depend_on_the_seed_alone():
    faces = [face_with_room(seed=seed) for seed in range(3)]
    places = []
    for seed in (0, 0, 1):
        guard = Guard(lambda i, box: 1.0)
        evaluation.false_detection_auc(guard, faces, seed)
        places.append([boxes[1].tolist() for _, boxes in guard.seen])
    assert places[0] == places[1] != places[2]


def test_a_model_that_expects_no_error_cannot_tell_false_faces():
    with pytest.raises(ValueError, match="does not say how sure it is"):
        evaluation.false_detection_auc(unsaying_landmarker(), [face_with_room()])


def test_false_detections_are_cropped_as_the_faces_boxes_lie():
    seen = []

    class Watched:
        name = "watched"

        def detect(self, picture, boxes, convention):
            seen.append(convention)
            return [detection(), detection(error=2 * ERRORS)]

    landmarks = 8 * POINTS
    face = data.Face(PICTURE, landmarks, "five5", box=(30, 20, 90, 110), convention="wflw")
    assert evaluation.false_detection_auc(Watched(), [face]) == 1
    assert seen == ["wflw"]


def test_false_faces_are_told_by_a_lower_score():
    class Scores(Guard):
        def detect(self, image, boxes, convention):
            scores = [np.full(5, 0.2 if i else 0.9) for i in range(len(boxes))]
            found = zip(boxes, scores)
            return [Detection(10 * POINTS, b, "five5", None, None, s) for b, s in found]

    faces = [face_with_room(seed=seed) for seed in range(3)]
    assert evaluation.false_detection_auc(Scores(None), faces) == 1
