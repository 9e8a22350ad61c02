import dataclasses

import numpy as np
import pytest
from loaded import load

import keras_landmarks
from keras_landmarks import data, evaluation, metrics
from keras_landmarks.conversion_tables import CONVERSIONS
from keras_landmarks.data import made_up_faces
from keras_landmarks.evaluation.predicting import predict_face
from keras_landmarks.evaluation.subsets import by_attribute
from keras_landmarks.faces import boxes
from keras_landmarks.own_schemes import scheme_of_names
from keras_landmarks.schemes import SCHEMES


@pytest.fixture(scope="module")
def model(tiny):
    return tiny


@pytest.fixture(scope="module")
def faces():
    return made_up_faces(5)


def test_the_errors_are_those_of_the_detections(model, faces):
    result = evaluation.evaluate(model, faces, verbose=0)
    for face, error in zip(faces, result.errors()):
        points = model.detect(face.pixels(), face.annotation_box)[0].landmarks
        np.testing.assert_allclose(
            error, metrics.face_errors(face.landmarks[None], points[None])[0], rtol=1e-4
        )


def test_the_summary_says_its_protocol(model, faces):
    result = evaluation.evaluate(model, faces, box="truth", verbose=0)
    summary = result.summary("pupils")
    assert (summary["faces"], summary["box"], summary["normaliser"]) == (5, "truth", "pupils")
    assert summary["nme_percent"] == pytest.approx(100 * result.errors("pupils").mean(), abs=1e-3)
    assert set(summary["regions_percent"]) == {"jaw", "brows", "nose", "eyes", "mouth"}
    listed = result.by_face()
    assert list(listed.values()) == sorted(listed.values(), reverse=True)


def test_detector_boxes_are_converted_and_missed_faces_counted(model, faces):
    known = {f.pixels().tobytes(): f.truth_box for f in faces[1:]}

    def detector(image):
        box = known.get(image.tobytes())
        if box is None:
            return np.zeros((0, 4))
        return boxes.convert_boxes(box[None], "truth", "mtcnn")

    detector.convention = "mtcnn"
    result = evaluation.evaluate(model, faces, "detector", detector, verbose=0)
    truth = evaluation.evaluate(model, faces[1:], "truth", verbose=0)
    assert (result.missed, len(result.names)) == (1, 4)
    np.testing.assert_allclose(result.errors(), truth.errors(), rtol=0.02)


def test_a_missed_face_is_a_failure_and_has_no_part_in_the_mean(model, faces, tmp_path):
    known = {f.pixels().tobytes(): f.truth_box for f in faces[1:]}

    def detector(image):
        box = known.get(image.tobytes())
        return np.zeros((0, 4)) if box is None else box[None]

    detector.convention = "truth"
    result = evaluation.evaluate(model, faces, "detector", detector, verbose=0)
    truth = evaluation.evaluate(model, faces[1:], "truth", verbose=0)
    found, summary = truth.summary(), result.summary()
    assert (summary["faces"], summary["missed"]) == (4, 1)
    for name in ("nme_percent", "median_percent"):
        assert summary[name] == pytest.approx(found[name], abs=0.01)
    for name in ("failure_rate_at_8", "failure_rate_at_10"):
        assert summary[name] == pytest.approx((4 * found[name] + 1) / 5, abs=1e-3)
        assert summary[name] >= 0.2
    assert summary["auc_at_8"] == pytest.approx(0.8 * found["auc_at_8"], abs=1e-3)
    assert metrics.ced(result.all_errors())[1][-1] == pytest.approx(0.8)
    listed = result.by_face()
    assert next(iter(listed.items())) == (faces[0].name, None)
    assert set(listed) == {face.name for face in faces}
    evaluation.plot_ced([result], tmp_path / "ced.png", threshold=1.0)
    shown, without = (tmp_path / name for name in ("ced.png", "without.png"))
    evaluation.plot_ced([truth], without, threshold=1.0)
    assert shown.read_bytes() != without.read_bytes()


def test_where_all_faces_are_missed_all_have_failed(model, faces, tmp_path):
    result = evaluation.evaluate(model, faces, "detector", lambda image: [], verbose=0)
    summary = result.summary()
    assert (summary["faces"], summary["missed"], summary["nme_percent"]) == (0, 5, None)
    assert (summary["failure_rate_at_8"], summary["auc_at_8"]) == (1, 0)
    assert result.by_face() == {face.name: None for face in faces}
    evaluation.plot_ced([result], tmp_path / "ced.png")


def test_a_broken_picture_is_an_error_or_left_out_by_name(model, faces, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    broken = data.Face(tmp_path / "broken.jpg", faces[0].landmarks, "ibug68", [0, 0, 9, 9])
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        evaluation.evaluate(model, [*faces, broken], verbose=0)
    with pytest.warns(data.BrokenFile, match=r"broken\.jpg"):
        result = evaluation.evaluate(model, [*faces, broken], skip_broken=True, verbose=0)
    assert len(result.names) == 5


def test_a_face_whose_box_is_outside_is_named_or_left_out(model, faces):
    outside = data.Face(faces[0].image, faces[0].landmarks, "ibug68", [900, 900, 950, 950], "far")
    with pytest.raises(ValueError, match="far: Box .* outside of the picture"):
        evaluation.evaluate(model, [*faces, outside], verbose=0)
    with pytest.warns(data.BrokenFile, match="far is left out"):
        result = evaluation.evaluate(model, [*faces, outside], skip_broken=True, verbose=0)
    assert len(result.names) == 5


def test_annotated_boxes_are_not_made_up(model, faces):
    bare = data.Face(faces[0].image, faces[0].landmarks, "ibug68")
    with pytest.raises(ValueError, match="1 of 6 faces have no annotated box"):
        evaluation.evaluate(model, [*faces, bare], verbose=0)


def test_bad_arguments_are_errors(model, faces):
    with pytest.raises(ValueError, match="Known: annotation, detector, truth"):
        evaluation.evaluate(model, faces, box="mine")
    with pytest.raises(ValueError, match="None of 0 faces"):
        evaluation.evaluate(model, [], verbose=0)
    other = data.Face(np.zeros((9, 9, 3), np.uint8), np.zeros((39, 2)), "menpo39", [0, 0, 5, 5])
    with pytest.raises(ValueError, match="ibug68 and menpo39 share no points"):
        evaluation.evaluate(model, [other], verbose=0)
    with pytest.raises(ValueError, match=r"not of \['ibug68', 'menpo39'\]"):
        evaluation.evaluate(model, [*faces, other], verbose=0)


def test_the_ced_plot_is_a_picture(model, faces, tmp_path):
    result = evaluation.evaluate(model, faces, verbose=0)
    evaluation.plot_ced([result, result], tmp_path / "ced.png")
    assert keras_landmarks.pictures.images.read_image(tmp_path / "ced.png").std() > 0


def wflw_faces(count=3):
    """Faces of 98 points, of which 68 are those of made-up faces."""
    rows = [row[0] for row in CONVERSIONS["wflw98", "ibug68"]]
    for face in data.made_up_faces(count):
        landmarks = np.tile(face.landmarks.mean(axis=0), (98, 1))
        landmarks[rows] = face.landmarks
        yield data.Face(face.image, landmarks, "wflw98", face.box, face.name)


def test_faces_of_another_scheme_are_compared_by_the_points_they_share(model):
    faces, others = data.made_up_faces(3), list(wflw_faces())
    result = evaluation.evaluate(model, faces, verbose=0)
    other = evaluation.evaluate(model, others, verbose=0)
    assert (other.scheme, other.annotated_scheme) == ("ibug68", "wflw98")
    np.testing.assert_allclose(other.errors(), result.errors(), rtol=1e-5)
    assert other.annotated.shape == (3, 98, 2)


def test_errors_are_divided_by_what_the_faces_own_scheme_has(model):
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(40, 160, (29, 2)).astype(np.float32)
    face = data.Face(data.made_up_face(0)[0], landmarks, "cofw29", [20, 20, 180, 170])
    result = evaluation.evaluate(model, [face], verbose=0)
    assert (result.scheme, result.truth.shape) == ("five5", (1, 5, 2))
    five = landmarks[[16, 17, 20, 22, 23]]
    off = [np.linalg.norm(p - t) for p, t in zip(result.predicted[0], five)]
    mean = sum(off) / 5
    pupils = np.linalg.norm(landmarks[16] - landmarks[17])
    corners = np.linalg.norm(landmarks[8] - landmarks[9])
    assert result.errors("pupils")[0] == pytest.approx(mean / pupils, rel=1e-4)
    assert result.errors("corners")[0] == pytest.approx(mean / corners, rel=1e-4)
    assert result.errors("face_box")[0] == pytest.approx(mean / np.sqrt(160 * 150), rel=1e-4)
    assert result.summary("face_box")["normaliser"] == "face_box"


def test_a_limit_is_that_of_the_area_and_of_failures(model, faces):
    result = evaluation.evaluate(model, faces, verbose=0)
    summary = result.summary(limit=0.07)
    assert summary["auc_at_7"] == pytest.approx(metrics.auc(result.errors(), 0.07), abs=1e-4)
    share = sum(error >= 0.07 for error in result.errors()) / len(faces)
    assert summary["failure_rate_at_7"] == pytest.approx(share, abs=1e-4)


def test_the_side_of_a_box_needs_boxes(model):
    image, landmarks = data.made_up_face(0)
    result = evaluation.evaluate(model, [data.Face(image, landmarks, "ibug68")], "truth", verbose=0)
    with pytest.raises(ValueError, match="face_box needs faces with boxes"):
        result.errors("face_box")


def test_squares_around_the_truth_lie_as_the_model_has_measured():
    names = ["right eye", "left eye", "nose", "chin"]
    plain = scheme_of_names("mine", names, right_eye=names[:1], left_eye=names[1:2])
    measured = dataclasses.replace(plain, square=(0.1, 0.2, 0.8))

    class Model:
        scheme = measured

        def detect(self, pixels, box, convention):
            return [convention]

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SCHEMES, "mine", plain)
        face = data.Face(np.zeros((9, 9, 3), np.uint8), 3 * np.eye(4, 2), "mine", (0, 0, 8, 8))
        assert predict_face(Model(), face, "truth", None) == boxes.Convention(0.1, 0.2, 0.8)
        assert predict_face(Model(), face, "annotation", None) == "annotation"


def test_a_detected_face_is_known_by_a_square_that_lies_as_the_model_has_measured():
    names = ["right eye", "left eye", "nose", "chin"]
    plain = scheme_of_names("mine", names, right_eye=names[:1], left_eye=names[1:2])

    class Model:
        scheme = dataclasses.replace(plain, square=(0.0, 0.0, 0.4))

        def detect(self, pixels, box, *_):
            return [box.tolist()]

    class Detector:
        convention = "annotation"

        def __call__(self, picture):
            return np.float32([[0, 0, 100, 100]]), np.float32([0.9])

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SCHEMES, "mine", plain)
        inner = np.float32([[30, 30], [70, 30], [50, 50], [50, 70]])  # two fifths of the face
        face = data.Face(np.zeros((101, 101, 3), np.uint8), inner, "mine")
        assert predict_face(Model(), face, "detector", Detector()) == [0, 0, 100, 100]


def test_without_standard_error_there_is_no_progress(model, faces, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    assert len(evaluation.evaluate(model, faces[:1], verbose=1).names) == 1


def test_distances_of_ones_own_divide_the_errors(model, faces):
    result = evaluation.evaluate(model, faces, verbose=0)
    distances = np.float64([50, 60, 70, 80, 90])
    pixels = np.linalg.norm(result.truth - result.predicted, axis=2).mean(axis=1)
    np.testing.assert_allclose(result.errors(distances), pixels / distances, rtol=1e-5)
    summary = result.summary(distances)
    assert summary["normaliser"] == "given"
    assert summary["nme_percent"] == pytest.approx(100 * (pixels / distances).mean(), abs=1e-3)


@pytest.mark.parametrize("limit", [8, 0, -0.08])
def test_a_limit_in_percent_or_none_is_refused(model, faces, limit):
    result = evaluation.evaluate(model, faces[:1], verbose=0)
    with pytest.raises(ValueError, match="limit must be a finite number above 0 and of at most 1"):
        result.summary(limit=limit)


def test_a_face_without_an_error_is_the_worst(model, faces):
    result = evaluation.evaluate(model, faces, verbose=0)
    predicted = result.predicted.copy()
    predicted[3] = np.nan
    result = dataclasses.replace(result, predicted=predicted)
    assert next(iter(result.by_face())) == result.names[3]


def test_an_attribute_of_which_no_face_was_left_has_no_figures(model, faces):
    some = [
        dataclasses.replace(face, name=f"face {i}", facts={"blur": i == 0, "pose": i == 1})
        for i, face in enumerate(faces[:3])
    ]
    some[0] = dataclasses.replace(some[0], image="none.jpg", size=(9, 9))
    with pytest.warns(UserWarning, match="is left out"):
        result = evaluation.evaluate(model, some, skip_broken=True, verbose=0)
    assert list(by_attribute(result, some)) == ["pose"]
    figures = by_attribute(result, some, np.float64([50, 60]))["pose"]
    expected = 100 * result.errors(np.float64([50, 60]))[0]
    assert figures["nme_percent"] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("distance", [0, -1, np.inf, np.nan])
def test_a_given_distance_that_is_none_is_named(model, faces, distance):
    result = evaluation.evaluate(model, faces, verbose=0)
    with pytest.raises(ValueError, match=f"The distance of {result.names[1]} must be a finite"):
        result.summary(np.float64([50, distance, 70, 80, 90]))


def test_an_attribute_need_not_be_told_of_every_face(model, faces):
    told = [{"blur": np.True_, "pose": True}, {"pose": False, "blur": None}, {}]
    some = [
        dataclasses.replace(face, name=f"face {i}", facts=facts)
        for i, (face, facts) in enumerate(zip(faces, told))
    ]
    rows = by_attribute(evaluation.evaluate(model, some, verbose=0), some)
    assert {name: row["faces"] for name, row in rows.items()} == {"blur": 1, "pose": 1}


def test_where_no_face_was_found_nothing_is_said_of_the_model(faces):
    unsure = load("unet-fast-300w")
    result = evaluation.evaluate(unsure, faces, "detector", lambda image: [], verbose=0)
    with pytest.raises(ValueError, match="found none of the faces"):
        result.discarded(0.1)


def test_the_figures_of_a_summary_are_counted_by_hand():
    truth = np.zeros((4, 68, 2))
    truth[:, 45, 0] = 100  # between the corners
    away = np.float64([3, 5, 9, 19])[:, None, None] * [1, 0]
    result = evaluation.Evaluation("m", "truth", list("abcd"), truth, truth + away, "ibug68")
    found = result.summary()
    assert (found["nme_percent"], found["median_percent"]) == (9, 7)
    assert (found["failure_rate_at_8"], found["failure_rate_at_10"]) == (0.5, 0.25)
    assert set(found["regions_percent"].values()) == {9}
