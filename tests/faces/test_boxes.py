import numpy as np
import pytest

from keras_landmarks.data import made_up_faces
from keras_landmarks.faces import Mtcnn, boxes
from keras_landmarks.faces.boxes import Convention, convert_boxes


class Framer:
    """A detector that knows the answer, and frames it in a way of its own."""

    def __init__(self, faces, convention):
        self.faces, self.convention = faces, convention

    def __call__(self, image):
        face = next(f for f in self.faces if np.array_equal(f.pixels(), image))
        return convert_boxes(face.truth_box[None], "truth", self.convention), np.array([0.9])


def test_converting_a_box_there_and_back_gives_its_square():
    boxes = np.array([[10, 20, 50, 80], [0, 0, 30, 10]], np.float32)
    there = convert_boxes(boxes, "truth", "mtcnn")
    back = convert_boxes(there, "mtcnn", "truth")
    np.testing.assert_allclose(back, [[0, 20, 60, 80], [0, -10, 30, 20]], atol=1e-4)


def test_a_converted_box_lies_as_its_convention_says():
    box = convert_boxes([0, 0, 100, 100], "truth", Convention(0.1, -0.2, 1.5))
    np.testing.assert_allclose(box, [-15, -45, 135, 105], atol=1e-4)


@pytest.mark.parametrize("scale", [0.5, 1.2, 2.2])
def test_calibration_finds_the_convention_of_a_detector(scale):
    faces = made_up_faces(6)
    wanted = Convention(0.05, -0.15, scale)
    found = boxes.calibrate(Framer(faces, wanted), faces)
    np.testing.assert_allclose(
        [found.x, found.y, found.scale], [wanted.x, wanted.y, wanted.scale], atol=1e-4
    )


def test_calibration_of_a_blind_detector_is_an_error():
    with pytest.raises(ValueError, match="none of 2 faces"):
        boxes.calibrate(lambda image: np.zeros((0, 4)), made_up_faces(2))


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.zeros((2, 5)), r"boxes \(faces, 4\)"),
        (np.zeros((2, 2, 4)), r"boxes \(faces, 4\)"),
        (([[1, 2, 3, 4]], np.zeros(3)), "1 boxes, but 3 scores"),
        ([[1, 2, np.nan, 4]], "not finite"),
        ([[3, 2, 1, 4]], "inverted"),
        ([[30, 2, 40, 4]], "outside of the picture of 9 x 9"),
    ],
)
def test_a_detector_that_returns_no_boxes_is_told_what_is_expected(result, message):
    with pytest.raises(ValueError, match=message):
        boxes.detect_boxes(lambda image: result, np.zeros((9, 9, 3), np.uint8))


def test_a_detector_may_return_boxes_alone():
    found, scores = boxes.detect_boxes(lambda image: [[1, 2, 3, 4]], np.zeros((9, 9)))
    assert found.shape == (1, 4)
    assert np.isnan(scores).all()


def test_a_detector_may_return_tuples():
    picture, box = np.zeros((9, 9)), (1, 2, 3, 4)
    assert boxes.detect_boxes(lambda image: (), picture)[0].shape == (0, 4)
    assert boxes.detect_boxes(lambda image: (box, box), picture)[0].shape == (2, 4)
    assert boxes.detect_boxes(lambda image: ([box], [0.5]), picture)[1] == [0.5]


def test_a_face_is_found_by_a_detector_that_frames_it_widely():
    (face,) = made_up_faces(1)
    detector = Framer([face], Convention(0, 0, 2.5))
    found = boxes.find_face(detector, face.image, face.annotation_box)
    assert found is not None
    assert boxes.find_face(detector, face.image, face.annotation_box + 1000) is None


def test_overlap_is_intersection_over_union():
    several = [[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]]
    np.testing.assert_allclose(boxes.overlap(several, [0, 0, 10, 10]), [1, 1 / 3, 0])


def test_an_unknown_convention_is_an_error():
    with pytest.raises(ValueError, match="Known: truth, annotation, mtcnn"):
        convert_boxes([0, 0, 1, 1], "truth", "dlib")


def test_mtcnn_finds_nothing_on_an_empty_picture_and_on_a_very_small_one():
    find = Mtcnn()
    for size in ((200, 300, 3), (5, 5, 3)):
        found, scores = find(np.full(size, 127, np.uint8))
        assert found.shape == (0, 4)
        assert scores.shape == (0,)
