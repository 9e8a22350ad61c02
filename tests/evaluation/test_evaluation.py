import numpy as np
import pytest

import keras_landmarks
from keras_landmarks import data, evaluation, metrics
from keras_landmarks.data import made_up_faces
from keras_landmarks.faces import boxes


@pytest.fixture(scope="module")
def model():
    return keras_landmarks.load("tiny-ibug68")


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
    other = data.Face(np.zeros((9, 9, 3), np.uint8), np.zeros((29, 2)), "cofw29", [0, 0, 5, 5])
    with pytest.raises(ValueError, match="cofw29"):
        evaluation.evaluate(model, [other], verbose=0)


def test_the_ced_plot_is_a_picture(model, faces, tmp_path):
    result = evaluation.evaluate(model, faces, verbose=0)
    evaluation.plot_ced([result, result], tmp_path / "ced.png")
    assert keras_landmarks.pictures.images.read_image(tmp_path / "ced.png").std() > 0
