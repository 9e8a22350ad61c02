import numpy as np
import pytest

from keras_landmarks import geometry
from keras_landmarks.faces import boxes
from keras_landmarks.faces.boxes import Convention, convert_boxes


def test_converting_a_box_there_and_back_gives_its_square():
    boxes = np.array([[10, 20, 50, 80], [0, 0, 30, 10]], np.float32)
    there = convert_boxes(boxes, "truth", "mtcnn")
    back = convert_boxes(there, "mtcnn", "truth")
    np.testing.assert_allclose(back, [[0, 20, 60, 80], [0, -10, 30, 20]], atol=1e-4)


def test_a_converted_box_lies_as_its_convention_says():
    box = convert_boxes([0, 0, 100, 100], "truth", Convention(0.1, -0.2, 1.5))
    np.testing.assert_allclose(box, [-15, -45, 135, 105], atol=1e-4)


def test_overlap_is_intersection_over_union():
    several = [[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]]
    np.testing.assert_allclose(boxes.overlap(several, [0, 0, 10, 10]), [1, 1 / 3, 0])


def test_an_unknown_convention_is_an_error():
    with pytest.raises(ValueError, match="Known: truth, annotation, mtcnn"):
        convert_boxes([0, 0, 1, 1], "truth", "dlib")


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([[1, 2, np.nan, 4]], "is not finite"),
        ([[3, 2, 1, 4]], r"inverted or empty. Was it \(left, top, width, height\)"),
        ([[30, 2, 40, 4]], "outside of the picture of 9 x 9"),
        ([0.1, 0.2, 0.5, 0.6], "fractions are not: multiply them by the width 9 and the height 9"),
        ([[0, 0, 1, 1]], "fractions are not"),
        ([-0.05, -0.02, 1.02, 1.1], "fractions are not"),
        ([-1e30, 0, 1e30, 10], "beyond any picture"),
        (np.zeros((2, 5)), r"boxes \(faces, 4\)"),
        ([{"box": (1, 2, 3, 4)}], r"boxes \(faces, 4\)"),
        ("face", r"boxes \(faces, 4\)"),
    ],
)
def test_a_box_that_no_face_can_have_is_refused_and_the_order_of_its_numbers_named(box, message):
    with pytest.raises(ValueError, match=message) as error:
        boxes.check_boxes(box, np.zeros((9, 9, 3), np.uint8))
    assert "(left, top, right, bottom)" in str(error.value)


def test_a_small_box_of_two_pixels_is_taken():
    assert boxes.check_boxes([0.2, 0.2, 2.3, 0.9], np.zeros((9, 9, 3))).shape == (1, 4)


def test_whole_numbers_do_not_overflow():
    far = np.array([[0, 0, 1000, 1000]], np.uint16), np.array([999, 1001, 1999, 2001], np.uint16)
    assert boxes.overlap(*far)[0] == 0
    square = geometry.square_box(np.uint8([200, 200, 250, 250]))
    np.testing.assert_array_equal(square, [200, 200, 250, 250])


def test_boxes_stay_when_the_callers_array_is_used_again():
    given = np.float32([[1, 2, 30, 40]])
    taken = boxes.as_boxes(given)
    given[:] = 0
    np.testing.assert_array_equal(taken, [[1, 2, 30, 40]])
