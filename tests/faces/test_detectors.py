import numpy as np
import pytest

from keras_landmarks.data import made_up_faces
from keras_landmarks.faces import detectors
from keras_landmarks.faces.boxes import Convention, convert_boxes


class Framer:
    """A detector that knows the answer, and frames it in a way of its own."""

    def __init__(self, faces, convention):
        self.faces, self.convention = faces, convention

    def __call__(self, image):
        face = next(f for f in self.faces if np.array_equal(f.pixels(), image))
        return convert_boxes(face.truth_box[None], "truth", self.convention), np.array([0.9])


@pytest.mark.parametrize("scale", [0.5, 1.2, 2.2])
def test_calibration_finds_the_convention_of_a_detector(scale):
    faces = made_up_faces(6)
    wanted = Convention(0.05, -0.15, scale)
    found = detectors.calibrate(Framer(faces, wanted), faces)
    np.testing.assert_allclose(
        [found.x, found.y, found.scale], [wanted.x, wanted.y, wanted.scale], atol=1e-4
    )


def test_calibration_of_a_blind_detector_is_an_error():
    with pytest.raises(ValueError, match="none of 2 faces"):
        detectors.calibrate(lambda image: np.zeros((0, 4)), made_up_faces(2))


PICTURE = np.zeros((90, 120, 3), np.uint8)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.zeros((2, 5)), r"boxes \(faces, 4\), each \(left, top, right, bottom\)"),
        (np.zeros((2, 2, 4)), r"boxes \(faces, 4\)"),
        (([[1, 2, 30, 40]], np.zeros(3)), "1 boxes, but 3 scores"),
        ([{"box": [1, 2, 3, 4], "confidence": 1}], "not dicts"),
        ({"faces": []}, "not dicts"),
        (3, "not ints: got 3"),
        ((box for box in [[1, 2, 30, 40]]), "not generators"),
        ("faces", "not strs"),
        ([[[1, 2], [3, 4]]], r"boxes \(faces, 4\)"),
        (([[1, 2, 30, 40]], [0.5], np.zeros((2, 5, 2))), "angles or eyes"),
        (([[1, 2, 30, 40]], [0.5], np.zeros((1, 2))), r"\(faces, k, 2\)"),
        (([[1, 2, 30, 40]], [0.5], ["a"]), "angles or eyes"),
    ],
)
def test_a_detector_that_returns_no_boxes_is_told_what_is_expected(result, message):
    with pytest.raises(ValueError, match=message):
        detectors.detect_boxes(lambda image: result, PICTURE)


@pytest.mark.parametrize("result", [None, (None, None), (None, [None]), (None, None, None)])
def test_none_for_boxes_is_no_face(result):
    assert len(detectors.detect_faces(lambda image: result, PICTURE).boxes) == 0


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([1, 2, np.nan, 4], "not finite"),
        ([1, 2, np.inf, 4], "not finite"),
        ([3, 2, 1, 4], "inverted"),
        ([130, 2, 140, 4], "outside of the picture of 120 x 90"),
        ([0.1, 0.1, 0.4, 0.4], "fractions are not"),
    ],
)
def test_an_unusable_box_of_a_detector_is_dropped_with_a_warning_and_the_others_stay(box, message):
    result = [[1, 2, 30, 40], box, [5, 6, 70, 80]], [0.9, 0.8, 0.7], [10.0, 20.0, 30.0]
    with pytest.warns(UserWarning, match=message):
        found = detectors.detect_faces(lambda image: result, PICTURE)
    np.testing.assert_array_equal(found.boxes, [[1, 2, 30, 40], [5, 6, 70, 80]])
    np.testing.assert_allclose(found.scores, [0.9, 0.7])
    np.testing.assert_allclose(found.angles, [10, 30])


@pytest.mark.parametrize("result", [None, (), [], np.zeros((0, 4)), (np.zeros((0, 4)), [])])
def test_no_face_may_be_said_in_many_ways(result):
    assert detectors.detect_faces(lambda image: result, PICTURE).boxes.shape == (0, 4)


def test_a_third_value_is_angles_or_key_points_of_which_the_eyes_come_first():
    boxes, scores = [[1, 2, 30, 40], [5, 6, 70, 80]], [0.9, 0.8]
    eyes = [[[10, 10], [20, 10], [0, 0]], [[10, 10], [10, 30], [0, 0]]]
    for third in ([0.0, 90.0], eyes):
        found = detectors.detect_faces(lambda image, third=third: (boxes, scores, third), PICTURE)
        np.testing.assert_allclose(found.angles, [0, 90])
    found = detectors.detect_faces(lambda image: (boxes, scores, [np.inf, 3]), PICTURE)
    assert np.isnan(found.angles[0])


def test_a_detector_may_return_boxes_alone():
    found, scores = detectors.detect_boxes(lambda image: [[1, 2, 30, 40]], PICTURE)
    assert found.shape == (1, 4)
    assert np.isnan(scores).all()


def test_a_detector_may_return_tuples():
    picture, box = PICTURE, (1, 2, 30, 40)
    assert detectors.detect_boxes(lambda image: (), picture)[0].shape == (0, 4)
    assert detectors.detect_boxes(lambda image: (box, box), picture)[0].shape == (2, 4)
    assert detectors.detect_boxes(lambda image: ([box], [0.5]), picture)[1] == [0.5]


def test_a_face_is_found_by_a_detector_that_frames_it_widely():
    (face,) = made_up_faces(1)
    detector = Framer([face], Convention(0, 0, 2.5))
    found = detectors.find_face(detector, face.image, face.annotation_box)
    assert found is not None
    assert detectors.find_face(detector, face.image, face.annotation_box + 1000) is None


def test_a_detector_is_no_name():
    with pytest.raises(ValueError, match=r"a callable, as faces.BlazeFace\(\), not 'mtcnn'"):
        detectors.detect_faces("mtcnn", PICTURE)


def test_a_generator_of_faces_calibrates_as_a_list_does():
    wanted = Convention(0.1, -0.2, 1.3)
    faces = list(made_up_faces(3))
    found = detectors.calibrate(Framer(faces, wanted), (face for face in faces))
    assert found == detectors.calibrate(Framer(faces, wanted), faces)
