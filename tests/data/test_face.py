import numpy as np
import pytest

from keras_landmarks.data import Face, made_up_face
from keras_landmarks.pictures.images import write_image

IMAGE, LANDMARKS = made_up_face(0)


def test_without_a_box_the_annotation_box_is_the_landmarks_own():
    face = Face(IMAGE, LANDMARKS, "ibug68")
    left = min(x for x, _ in LANDMARKS)
    bottom = max(y for _, y in LANDMARKS)
    assert face.truth_box[0] == left
    assert face.truth_box[3] == bottom + 1
    np.testing.assert_array_equal(face.annotation_box, face.truth_box)


def test_a_given_box_is_the_annotation_box():
    face = Face(IMAGE, LANDMARKS, "ibug68", box=(1, 2, 30, 40))
    assert face.box.dtype == np.float32
    np.testing.assert_array_equal(face.annotation_box, [1, 2, 30, 40])
    assert not np.array_equal(face.truth_box, face.annotation_box)


def test_pixels_are_read_from_a_file_or_taken_as_they_are(tmp_path):
    write_image(tmp_path / "face.png", IMAGE)
    face = Face(tmp_path / "face.png", LANDMARKS, "ibug68")
    np.testing.assert_array_equal(face.pixels(), IMAGE)
    np.testing.assert_array_equal(Face(IMAGE, LANDMARKS, "ibug68").pixels(), IMAGE)


def test_name_and_photo_follow_from_the_picture(tmp_path):
    path = tmp_path / "face.png"
    face = Face(path, LANDMARKS, "ibug68")
    assert face.name == face.photo == str(path)
    named = Face(path, LANDMARKS, "ibug68", name="ann")
    assert (named.name, named.photo) == ("ann", "ann")


@pytest.mark.parametrize(
    ("landmarks", "scheme", "box", "message"),
    [
        (LANDMARKS[:67], "ibug68", None, r"\(68, 2\), not \(67, 2\)"),
        (LANDMARKS, "cofw29", None, r"\(29, 2\), not \(68, 2\)"),
        (LANDMARKS * [np.nan, 1], "ibug68", None, "not all finite"),
        (LANDMARKS, "ibug68", (1, 2, 3), "4 finite numbers"),
        (LANDMARKS, "ibug68", (1, 2, np.inf, 4), "4 finite numbers"),
        (LANDMARKS, "ibug68", (30, 2, 1, 40), "inverted or empty"),
        (LANDMARKS, "ibug68", (1, 2, 30, 2), "inverted or empty"),
    ],
)
def test_a_bad_face_is_an_error_that_names_it(landmarks, scheme, box, message):
    with pytest.raises(ValueError, match=f"ann: .*{message}"):
        Face(IMAGE, landmarks, scheme, box, name="ann")


def test_an_unknown_scheme_is_an_error():
    with pytest.raises(ValueError, match="Unknown scheme 'ibug69'"):
        Face(IMAGE, LANDMARKS, "ibug69")
