"""How boxes lie on faces is measured where nobody says so."""

import dataclasses

import numpy as np
import pytest

from keras_landmarks import data, schemes
from keras_landmarks.data import lay_boxes
from keras_landmarks.faces import Convention, convert_boxes

SEES = Convention(0.1, -0.2, 1.3)
GIVEN = Convention(-0.05, 0.15, 0.8)


class Detector:
    """Knows the faces: lays their boxes by its own convention, and one of a stranger's beside."""

    convention = SEES

    def __init__(self, faces):
        self.boxes = {f.pixels().tobytes(): f.truth_box for f in faces}

    def __call__(self, image):
        box = self.boxes.get(image.tobytes())
        if box is None:
            return None
        own = convert_boxes(box[None], "truth", self.convention)
        return np.concatenate([own, own + 150]), np.array([0.9, 0.9])


@pytest.fixture(scope="module")
def known():
    return [dataclasses.replace(face, box=None) for face in data.made_up_faces(12, size=200)]


def given(face):
    return dataclasses.replace(face, box=convert_boxes(face.truth_box, "truth", GIVEN))


def assert_near(face, expected, kind="annotation"):
    np.testing.assert_allclose(face.square(kind), expected, atol=0.05)


def test_how_given_boxes_lie_is_measured(known):
    faces, (said,) = lay_boxes([given(face) for face in known], Detector(known))
    assert said.startswith("The boxes of 12 faces are 0.80 times 300W's, -0.05 right and +0.15 do")
    assert dataclasses.astuple(faces[3].convention) == pytest.approx((-0.05, 0.15, 0.8), abs=1e-3)
    for face in faces:
        assert_near(face, face.square("truth"))


def test_a_face_without_a_box_takes_the_detectors_or_else_its_points(known):
    faces, (said,) = lay_boxes(known, Detector(known[1:]))
    assert "12 of 12 faces have no box: Detector's are taken, and for 1 that it misses" in said
    np.testing.assert_allclose(
        faces[1].box, convert_boxes(known[1].truth_box, "truth", SEES), atol=1e-3
    )
    for face in faces:
        assert_near(face, face.square("truth"))
    assert known[1].box is None  # the given faces stay as they are


def test_boxes_whose_lie_is_known_are_left_alone(known):
    faces = [dataclasses.replace(given(face), convention="annotation") for face in known]
    laid, said = lay_boxes(faces, None)
    assert said == []
    assert all(one is other for one, other in zip(laid, faces))


def test_too_few_finds_are_said(known):
    faces, (said,) = lay_boxes([given(face) for face in known], Detector(known[:3]))
    assert "are taken as those of 300W: Detector finds 3 of 12 faces" in said
    assert faces[0].convention == "annotation"


def test_the_squares_of_a_scheme_of_ones_own_are_measured(known):
    mine = schemes.Scheme(
        name="mine",
        count=2,
        mirror=(1, 0),
        contours={"eyes": ((0, 1), False)},
        regions={"eyes": (0, 1)},
        right_eye=(0,),
        left_eye=(1,),
        eye_corners=None,
        normaliser="pupils",
    )
    schemes.SCHEMES["mine"] = mine
    try:
        faces = [data.Face(known[0].image, None, "mine", box=known[0].truth_box)]
        assert "mine" not in lay_boxes(faces, Detector(known))[1][0]  # tells no square of points
        for face in known:  # two corners of the upper half of the face's square
            left, top, right, bottom = face.square("truth")
            corners = np.array([[left, top], [right - 1, (top + bottom) / 2 - 1]])
            faces.append(data.Face(face.image, corners, "mine"))
        laid, said = lay_boxes(faces, Detector(known), truth=True)
        assert len(said) == 1
        assert schemes.SCHEMES["mine"] == mine
        assert schemes.SCHEMES["mine"].square == pytest.approx((0, -0.25, 1), abs=0.02)
        assert schemes.get_scheme(mine).square == schemes.SCHEMES["mine"].square
        swapped = dataclasses.replace(mine, right_eye=(1,), left_eye=(0,))
        schemes.SCHEMES["mine"] = swapped  # as the one who looks at the picture sees them
        with pytest.warns(UserWarning, match="In 12 of 12 faces right_eye of mine lies right of"):
            lay_boxes(faces, Detector(known), truth=True)
        assert laid[1].box is None
        assert_near(laid[1], known[0].square("truth"), "truth")
    finally:
        schemes.SCHEMES.pop("mine")


def test_a_broken_picture_is_left_to_those_who_crop(known, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    broken = dataclasses.replace(known[0], image=tmp_path / "a.jpg")
    faces, _ = lay_boxes([broken, *known[1:]], Detector(known))
    assert_near(faces[0], faces[0].square("truth"))


def test_faces_may_come_one_by_one_and_there_is_one():
    faces = list(data.made_up_faces(3))
    laid, _ = lay_boxes((face for face in faces), Detector(faces))
    assert len(laid) == 3
    with pytest.raises(ValueError, match="at least one face"):
        lay_boxes([])


@pytest.mark.parametrize("scheme", ["five5", "ibug51"])
def test_made_up_faces_have_the_same_boxes_in_every_scheme(scheme):
    for face, other in zip(data.made_up_faces(4), data.made_up_faces(4, scheme=scheme)):
        np.testing.assert_array_equal(face.box, other.box)


def test_a_box_of_a_part_of_the_face_is_none_of_it(known):
    class Nose(Detector):
        convention = "annotation"

        def __call__(self, image):
            middle = self.boxes[image.tobytes()].reshape(2, 2).mean(axis=0)
            return np.concatenate([middle - 5, middle + 5])[None], np.array([0.9])

    faces, (said,) = lay_boxes(known, Nose(known))
    assert "for 12 that it misses" in said
    for face in faces:
        assert_near(face, face.square("truth"))


def test_faces_of_few_marked_points_take_the_box_that_holds_them(known):
    def marked(face, count):
        points = np.where(np.arange(68)[:, None] < count, face.landmarks, np.nan)
        return dataclasses.replace(face, landmarks=points, visible=None)

    few = [marked(face, count) for face, count in zip(known, (1, 2) * 6)]
    faces, (said,) = lay_boxes(few, Detector(known))
    assert "for 0 that it misses" in said
    for face, whole in zip(faces, known):
        assert_near(face, whole.square("truth"))
    with pytest.raises(ValueError, match="one point is marked, where Detector finds no face: give"):
        lay_boxes(few, Detector([]))
