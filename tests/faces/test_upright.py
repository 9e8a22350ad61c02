"""Faces made upright, on the bundled portrait turned about."""

import functools
import pathlib

import numpy as np
import pytest
from loaded import load

from keras_landmarks import Landmarker, data, geometry, models
from keras_landmarks.errors import face_errors
from keras_landmarks.faces import BlazeFace, Framed
from keras_landmarks.faces.upright import (
    eye_angle,
    in_other_directions,
    level_transform,
    turned,
    upright_box,
)
from keras_landmarks.pictures import images

PORTRAIT = images.read_image(pathlib.Path(__file__).parents[2] / "tutorials" / "astronaut.jpg")
TURNS = [0, 30, 45, 60, 90, 135, 180, -60, -135]


def model():
    return load("cnn6-300w")


@functools.cache
def upright():
    (face,) = model().detect(PORTRAIT)
    return face


def turn(degrees):
    """The portrait turned clockwise about its face, whole, and its landmarks."""
    place = np.float64(geometry.similarity_transform(1.0, degrees, (256, 256), (110, 110)))
    picture = images.warp(PORTRAIT, place, (732, 732))
    return picture, geometry.transform_points(upright().landmarks, place).astype(np.float32)


def error(landmarks, truth):
    return face_errors(truth[None], landmarks[None])[0]


@pytest.mark.parametrize("degrees", TURNS)
def test_a_turned_face_gets_the_points_of_the_upright_one(degrees):
    picture, truth = turn(degrees)
    found = model().detect(picture)
    face = min(found, key=lambda face: error(face.landmarks, truth))
    assert error(face.landmarks, truth) < 0.04
    assert abs(turned(face.angle, upright().angle + degrees)) < 10
    (straight,) = model().detect(turn(0)[0])
    assert face.score <= straight.score
    assert abs(turned(face.pose.roll, upright().pose.roll + degrees)) < 4
    assert face.to_dict()["angle"] == round(face.angle, 1)


@pytest.mark.parametrize("degrees", [30, 45, -50])
def test_a_tilted_face_in_a_box_by_hand_is_looked_at_twice(degrees):
    picture, truth = turn(degrees)
    (face,) = model().detect(picture, geometry.box_from_landmarks(truth), convention="truth")
    assert error(face.landmarks, truth) < 0.04
    assert abs(turned(face.angle, degrees)) < 15
    assert face.score is None


@pytest.mark.parametrize("degrees", [90, 180, -120])
def test_a_box_by_hand_may_come_with_its_angle(degrees):
    picture, truth = turn(degrees)
    box = upright_box(truth, degrees)
    (face,) = model().detect(picture, box, convention="truth", angles=[degrees])
    assert error(face.landmarks, truth) < 0.04
    assert face.angle == degrees


def test_angles_that_are_not_of_the_boxes_are_refused():
    with pytest.raises(ValueError, match="1 boxes, but angles for 2"):
        model().detect(PORTRAIT, upright().box, angles=[0, 0])


class Counting:
    """Counts the crops that a model is given."""

    def __init__(self, model):
        self.model, self.crops = model, 0

    def __getattr__(self, name):
        return getattr(self.model, name)

    def predict_on_batch(self, crops):
        self.crops += len(crops)
        return self.model.predict_on_batch(crops)


@pytest.mark.parametrize(("degrees", "crops"), [(0, 1), (15, 1), (45, 2)])
def test_a_second_look_is_taken_only_where_a_face_is_tilted_and_nobody_said_so(degrees, crops):
    from keras_landmarks.faces import find_faces

    picture, truth = turn(degrees)
    counting = Counting(model())
    find_faces(counting, picture, geometry.box_from_landmarks(truth), convention="truth")
    assert counting.crops == crops
    counting = Counting(model())
    found = find_faces(counting, picture)
    assert counting.crops == len(found)


def test_a_detector_with_angles_or_eyes_levels_the_face():
    picture, truth = turn(70)
    box, eyes = upright_box(truth, 70), truth[[36, 45]]
    for third in ([70.0], eyes[None]):
        (face,) = model().detect(picture, detector=lambda _, third=third: ([box], [0.9], third))
        assert error(face.landmarks, truth) < 0.05
        assert face.angle == pytest.approx(70, abs=10)


@functools.cache
def upright_always():
    """A model that sees an upright face of the mean shape in whatever it is shown."""
    shape = data.Samples(data.made_up_faces(64), (16, 16)).mean_shape()
    network = models.cnn(size=16, filters=(4,), hidden=4, mean_shape=shape)
    return Landmarker(network.input, network.output)


class OnlyUpright:
    """A detector that sees a face only where one corner of the picture is bright."""

    def __init__(self, angle=None):
        self.angle, self.calls = angle, 0

    def __call__(self, picture):
        self.calls += 1
        bright = bool(picture[:4, :4].mean() > 200)
        boxes = [[1.0, 2.0, 5.0, 8.0]] if bright else np.zeros((0, 4))
        angles = () if self.angle is None else ([self.angle] * len(boxes),)
        return boxes, [0.9] * len(boxes), *angles


@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
def test_a_picture_without_a_face_is_tried_in_other_directions(corner):
    picture = np.zeros((40, 60, 3), np.uint8)
    rows = slice(0, 4) if "top" in corner else slice(-4, None)
    columns = slice(0, 4) if "left" in corner else slice(-4, None)
    picture[rows, columns] = 255
    box, angle = {
        "top left": ([1, 2, 5, 8], 0),
        "bottom right": ([55, 32, 59, 38], -180),
        "bottom left": ([3, 34, 7, 40], -90),  # of the upright face, about the same middle
        "top right": ([53, 0, 57, 6], 90),
    }[corner]
    model = upright_always()
    (face,) = model.detect(picture, detector=OnlyUpright())
    np.testing.assert_allclose(face.box, box)
    (tilted,) = model.detect(picture, detector=OnlyUpright(20.0))
    assert abs(turned(tilted.angle, angle + 20)) < 1e-3
    assert (model.detect(picture, detector=OnlyUpright(), turns=False) == []) == bool(angle)
    if angle:
        assert face.angle == angle
        assert face.score < 0.9


def test_a_faceless_picture_costs_four_calls_or_one():
    picture, detector = np.zeros((40, 60, 3), np.uint8), OnlyUpright()
    assert model().detect(picture, detector=detector) == []
    assert detector.calls == 4
    assert model().detect(picture, detector=detector, turns=False) == []
    assert detector.calls == 5


def test_points_in_turned_pictures_come_back_where_a_pixel_is_lit():
    picture = np.zeros((30, 50, 3), np.uint8)
    picture[7, 11] = 255

    def find(image):
        y, x = np.argwhere(image[..., 0])[0]
        box = np.array([[x, y, x + 1.0, y + 1.0]], np.float32)
        found = Framed(box, np.ones(1), np.zeros(1, np.float32), "truth")
        return found if image.shape[0] == wanted else empty

    empty = Framed(np.zeros((0, 4), np.float32), np.ones(0), np.zeros(0, np.float32), "truth")
    for height, angle in ((30, -180), (50, -90)):
        wanted = height
        found = in_other_directions(find, picture)
        np.testing.assert_allclose(found.boxes, [[11, 7, 12, 8]])
        assert abs(turned(found.angles[0], angle)) < 1e-3


@pytest.mark.parametrize("degrees", [0, 30, -110])
def test_a_level_transform_takes_the_face_upright_into_its_crop(degrees):
    landmarks = np.float64(upright().landmarks)
    place = np.float64(geometry.similarity_transform(2.0, degrees, (10, 20), (5, 5)))
    moved = geometry.transform_points(landmarks, place)
    box = upright_box(moved, degrees)
    crop = geometry.transform_points(moved, level_transform(box, box, degrees, (64, 64)))
    straight = geometry.square_box(geometry.box_from_landmarks(landmarks))
    expected = geometry.transform_points(landmarks, geometry.box_transform(straight, (64, 64)))
    np.testing.assert_allclose(crop, expected, atol=0.2)


def test_the_eyes_angle_is_clockwise():
    points = np.array([[[0, 0], [1, 0]], [[0, 0], [0, 1]], [[0, 0], [-1, 0]], [[0, 0], [1, -1]]])
    np.testing.assert_allclose(np.abs(eye_angle(points)), [0, 90, 180, 45])
    assert eye_angle(points)[3] == -45
    assert BlazeFace.convention == "blazeface"


def test_a_picture_whose_best_face_lies_on_its_side_is_tried_turned_back():
    seen = []

    def detector(picture):
        seen.append(picture.shape[:2])
        upright = picture.shape[0] > picture.shape[1]  # the picture's own form
        if upright:
            return [[1, 2, 9, 10], [11, 2, 19, 10]], [0.9, 0.9], [0.0, 5.0]
        return [[30, 1, 38, 9]], [0.8], [80.0]

    found = model().detect(np.zeros((40, 60, 3), np.uint8), detector=detector)
    assert seen == [(40, 60), (60, 40)]
    assert [round(face.angle) for face in found] == [90, 95]
    np.testing.assert_allclose(found[0].box, [50, 1, 58, 9])
    seen.clear()
    model().detect(np.zeros((40, 60, 3), np.uint8), detector=detector, turns=False)
    assert seen == [(40, 60)]


def test_the_box_of_a_face_upside_down_ends_at_its_pixels_edges():
    points = np.array([[10.0, 10], [21, 10], [21, 17]])
    np.testing.assert_allclose(upright_box(points, 0), [10, 8, 22, 20], atol=1e-4)
    np.testing.assert_allclose(upright_box(-points, 180), [-21, -19, -9, -7], atol=1e-4)
