import copy
import dataclasses
import os
import pickle

import numpy as np
import pytest
from places import DATA, needs_data

from keras_landmarks import geometry
from keras_landmarks.data import Face, Samples, made_up_face, read_split
from keras_landmarks.data.face import unique_names
from keras_landmarks.faces import CONVENTIONS
from keras_landmarks.pictures.images import write_image
from keras_landmarks.schemes import COFW29, FIVE5, IBUG51, IBUG68, SCHEMES

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


def test_pixels_without_a_name_are_a_photo_of_their_own():
    one, same, other = (
        Face(pixels, LANDMARKS, "ibug68") for pixels in (IMAGE, +IMAGE, 255 - IMAGE)
    )
    assert one.photo == same.photo != other.photo
    assert Face(IMAGE, LANDMARKS, "ibug68", name="ann").photo == "ann"


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
        (LANDMARKS, "ibug68", (0.2, 0.1, 0.8, 0.9), "fractions are not"),
        (LANDMARKS / 200, "ibug68", None, "fractions are not"),
        (LANDMARKS / 200 - 0.5, "ibug68", None, "fractions are not"),
        (LANDMARKS / 200 + 0.4, "ibug68", None, "fractions are not"),  # past the picture's edge
        (LANDMARKS, "ibug68", (-0.05, -0.02, 1.02, 1.1), "fractions are not"),
    ],
)
def test_a_bad_face_is_an_error_that_names_it(landmarks, scheme, box, message):
    with pytest.raises(ValueError, match=f"ann: .*{message}"):
        Face(IMAGE, landmarks, scheme, box, name="ann")


def test_an_unknown_scheme_is_an_error():
    with pytest.raises(ValueError, match="Unknown scheme 'ibug69'"):
        Face(IMAGE, LANDMARKS, "ibug69")


def test_a_scheme_gives_its_name(monkeypatch):
    assert Face(IMAGE, LANDMARKS, IBUG68).scheme == "ibug68"
    mine = dataclasses.replace(IBUG68, name="mine")
    with pytest.raises(ValueError, match=r"ann: schemes.SCHEMES\['mine'\] is not the given scheme"):
        Face(IMAGE, LANDMARKS, mine, name="ann")
    monkeypatch.setitem(SCHEMES, "mine", mine)
    face = Face(IMAGE, LANDMARKS, mine)
    assert face.scheme == "mine"
    assert Samples([face, Face(IMAGE, LANDMARKS, "mine")], (32, 32), 1.25, "truth").scheme == mine


def test_a_point_may_be_missing_and_is_then_not_visible():
    landmarks = LANDMARKS.copy()
    landmarks[[0, 8]] = np.nan
    face = Face(IMAGE, landmarks, "ibug68")
    assert np.flatnonzero(face.missing).tolist() == [0, 8]
    np.testing.assert_array_equal(face.visible, ~face.missing)
    low = [min(c[i] for c in landmarks if c[i] == c[i]) for i in (0, 1)]
    np.testing.assert_array_equal(face.truth_box[:2], low)


def test_visible_says_which_points_are_not_covered():
    visible = np.ones(68, int)
    visible[5] = 0
    landmarks = LANDMARKS.copy()
    landmarks[6] = np.nan
    face = Face(IMAGE, landmarks, "ibug68", visible=visible)
    assert np.flatnonzero(~face.visible).tolist() == [5, 6]
    with pytest.raises(ValueError, match=r"visible has the shape \(68,\), not \(3,\)"):
        Face(IMAGE, LANDMARKS, "ibug68", visible=[1, 1, 0])


def test_a_face_without_landmarks_has_a_box():
    face = Face(IMAGE, None, "ibug68", box=(1, 2, 30, 40))
    assert (face.labelled, face.landmarks.shape) == (False, (68, 2))
    np.testing.assert_array_equal(face.square(), [-3.5, 2, 34.5, 40])
    with pytest.raises(ValueError, match="face has no landmarks: only its given box is known"):
        face.square("truth")
    with pytest.raises(ValueError, match="all landmarks are missing, and there is no box"):
        Face(IMAGE, None, "ibug68")


def test_a_box_of_another_convention_becomes_the_square_that_models_expect():
    points = made_up_face(0)[1]
    truth = Face("a.jpg", points, "ibug68").square("truth")
    side, middle = truth[2] - truth[0], (truth[:2] + truth[2:]) / 2
    laid = CONVENTIONS["wflw"]
    centre, half = middle + side * np.array([laid.x, laid.y]), side * laid.scale / 2
    face = Face("a.jpg", points, "ibug68", [*(centre - half), *(centre + half)], convention="wflw")
    np.testing.assert_allclose(face.square(), truth, atol=1e-3)
    assert face.framed() == (pytest.approx(face.box), "wflw")
    unknown = Face("a.jpg", points, "ibug68", face.box)
    np.testing.assert_allclose(unknown.square(), face.box, atol=1e-3)  # as 300W's


def test_the_square_around_few_points_is_that_of_the_whole_face():
    # Five points span about half of the face and lie above its middle, says the scheme.
    face = Face("a.jpg", [[20, 20], [40, 20], [30, 30], [22, 40], [38, 40]], "five5")
    x, y, scale = FIVE5.square
    side = 21 / scale  # the points span 21 pixels, from edge to edge
    middle = np.array([30, 30]) + 0.5 - side * np.array([x, y])
    expected = [*(middle - side / 2), *(middle + side / 2)]
    np.testing.assert_allclose(face.square(), expected, atol=1e-3)


@needs_data
def test_the_conventions_of_boxes_are_the_medians_of_real_ones():
    faces = read_split(DATA / "WFLW-206", "wflw/test")
    rows = []
    for face in faces:
        box, truth = geometry.square_box(face.box), face.square("truth")
        side = truth[2] - truth[0]
        shift = ((box[:2] + box[2:]) - (truth[:2] + truth[2:])) / 2 / side
        rows.append([*shift, (box[2] - box[0]) / side])
    for half in (rows, rows[::2], rows[1::2]):
        expected = dataclasses.astuple(CONVENTIONS["wflw"])
        np.testing.assert_allclose(np.median(half, axis=0), expected, atol=0.005)


@needs_data
def test_the_squares_of_schemes_are_the_medians_of_real_faces():
    faces = read_split(DATA / "300W", "300w/train")
    whole = [face.square("truth") for face in faces]
    inner = [face.landmarks[17:] for face in faces]
    outer = [face.landmarks[[*range(17, 68), 8]] for face in faces]
    for points, scheme in ((inner, IBUG51), (outer, COFW29)):
        rows = []
        for p, square in zip(points, whole):
            box = geometry.square_box(geometry.box_from_landmarks(p))
            side = square[2] - square[0]
            shift = ((box[:2] + box[2:]) - (square[:2] + square[2:])) / 2 / side
            rows.append([*shift, (box[2] - box[0]) / side])
        np.testing.assert_allclose(np.median(rows, axis=0), scheme.square, atol=0.002)


def test_a_face_keeps_its_points_and_box_when_a_buffer_is_used_again():
    points, box, seen = (
        np.array(LANDMARKS, np.float32),
        np.float32([1, 2, 30, 40]),
        np.ones(68, bool),
    )
    face = Face(IMAGE, points, "ibug68", box, visible=seen)
    points += 100
    box += 100
    seen[:] = False
    np.testing.assert_array_equal(face.landmarks, np.float32(LANDMARKS))
    np.testing.assert_array_equal(face.box, [1, 2, 30, 40])
    assert face.visible.all()


def test_a_name_that_another_face_would_get_is_not_given_twice():
    faces = [Face(IMAGE, np.array(LANDMARKS), "ibug68", name=n) for n in ("a", "a", "a (2)", "a")]
    names = unique_names(faces)
    assert names[:2] == ["a", "a (2)"]
    assert len(set(names)) == 4


def test_a_size_may_be_any_two_numbers_and_a_picture_any_path(tmp_path):
    write_image(tmp_path / "a.png", IMAGE)
    for size in (list(IMAGE.shape[:2]), np.array(IMAGE.shape[:2])):
        face = Face(tmp_path / "a.png", LANDMARKS, "ibug68", size=size)
        np.testing.assert_array_equal(face.pixels(), IMAGE)
    (entry,) = os.scandir(tmp_path)
    face = Face(entry, LANDMARKS, "ibug68")
    assert face.name == face.photo == str(tmp_path / "a.png")


def test_what_a_face_gives_is_not_its_own():
    face = Face(IMAGE.copy(), LANDMARKS, "ibug68", box=(1, 2, 30, 40), facts={"pose": [0]})
    other = dataclasses.replace(face, name="other")
    face.pixels()[:] = 0
    face.annotation_box[:] = 0
    face.framed()[0][:] = 0
    other.facts["more"] = 1
    np.testing.assert_array_equal(face.pixels(), IMAGE)
    np.testing.assert_array_equal(face.box, [1, 2, 30, 40])
    assert [*face.facts] == ["pose"]


def test_a_face_is_told_in_a_line_and_others_points_want_their_own_visible_ones():
    face = Face(IMAGE, LANDMARKS, "ibug68", name="a.jpg")
    assert repr(face) == "<Face 'a.jpg': 68 of 68 ibug68 points>"
    with pytest.raises(ValueError, match="give visible=None, too"):
        dataclasses.replace(face, landmarks=LANDMARKS[:5], scheme="five5")
    five = dataclasses.replace(face, landmarks=LANDMARKS[:5], scheme="five5", visible=None)
    assert five.visible.all()


def test_a_face_takes_a_scheme_of_ones_own_to_another_process(monkeypatch):
    mine = dataclasses.replace(FIVE5, name="mine", names=("a", "b", "c", "d", "e"))
    monkeypatch.setitem(SCHEMES, "mine", mine)
    face = Face(IMAGE, LANDMARKS[:5], "mine")
    data = pickle.dumps(face)
    del SCHEMES["mine"]  # as in a process that was started anew
    assert pickle.loads(data).scheme == "mine"
    assert SCHEMES["mine"].names == mine.names
    np.testing.assert_array_equal(copy.deepcopy(face).square(), face.square())
    SCHEMES["mine"] = dataclasses.replace(mine, regions={"all": range(5)})
    with pytest.raises(ValueError, match="SCHEMES\\['mine'\\] is not the scheme of"):
        pickle.loads(data)
