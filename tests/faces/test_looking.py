"""Doubtful faces are looked at from their other sides."""

import os
import pathlib
from dataclasses import replace

import numpy as np
import pytest
from loaded import load

from keras_landmarks import Tracker, geometry
from keras_landmarks.data import read_300w
from keras_landmarks.errors import face_errors
from keras_landmarks.faces import BlazeFace, Detection, find_faces, looking
from keras_landmarks.faces.model import padded
from keras_landmarks.faces.upright import turned
from keras_landmarks.pictures import draw, images
from keras_landmarks.schemes import get_scheme

PORTRAIT = images.read_image(pathlib.Path(__file__).parents[2] / "tutorials" / "astronaut.jpg")
FACES = pathlib.Path(os.environ.get("KERAS_LANDMARKS_DATA", "none")) / "300W"
EXPECTING = "unet-fast-300w"


def wrong(degrees, score=0.9):
    """BlazeFace, but with an angle that is off by so many degrees."""

    def detector(picture):
        boxes, _, points = BlazeFace()(picture)
        x, y = (points[0, 1] - points[0, 0]).tolist()
        return boxes[:1], [score], [np.degrees(np.arctan2(y, x)) + degrees]

    detector.convention = "blazeface"
    return detector


@pytest.mark.parametrize("degrees", [90, 150, 180, -120])
def test_a_face_of_which_the_detector_saw_another_side_gets_the_points_of_the_upright_one(degrees):
    (face,) = load(EXPECTING).detect(PORTRAIT)
    (found,) = load(EXPECTING).detect(PORTRAIT, detector=wrong(degrees), turns=False)
    assert face_errors(face.landmarks[None], found.landmarks[None])[0] < 0.03
    assert abs(turned(found.angle, face.angle)) < 30


def test_a_model_that_expects_no_errors_is_asked_twice_where_the_detector_is_unsure():
    (face,) = load("cnn6-300w").detect(PORTRAIT)
    (found,) = load("cnn6-300w").detect(PORTRAIT, detector=wrong(180, 0.7), turns=False)
    assert found.error is None
    assert face_errors(face.landmarks[None], found.landmarks[None])[0] < 0.03


@pytest.mark.parametrize("side", [1, -1])
def test_points_that_turn_with_the_crop_to_one_side_alone_are_half_as_doubtful(monkeypatch, side):
    points = np.float32([[30, 30], [70, 30], [50, 50], [35, 70], [65, 70]])
    face = Detection(points, np.float32([20, 20, 80, 80]), get_scheme("five5"), angle=5.0)

    def sureness(moves):
        def look(model, views):
            return [replace(face, landmarks=points + moves(view[2] - face.angle)) for view in views]

        monkeypatch.setattr(looking, "_look", look)
        view = None, np.float32([30, 30, 71, 71]), 5.0, "truth"
        return looking._sureness(None, [view], [face])[0]

    both, one = sureness(lambda turn: 8.0), sureness(lambda turn: 8.0 * (turn * side > 0))
    assert sureness(lambda turn: 0.0) == 1
    assert both < 0.5
    assert one == pytest.approx(both**0.5)


@pytest.mark.skipif(not FACES.is_dir(), reason="needs the photos of 300W")
def test_a_photo_turned_by_60_degrees_is_placed_by_a_model_that_expects_no_errors():
    face = next(f for f in read_300w(FACES, "300w/lfpw-test") if "image_0060" in f.name)
    picture, middle = face.pixels(), (np.array(face.pixels().shape[1::-1]) - 1) / 2
    side = int(np.hypot(*picture.shape[:2])) + 1
    place = np.float64(geometry.similarity_transform(1.0, 60, middle, (side - 1) / 2 - middle))
    truth = np.float32(geometry.transform_points(np.float64(face.landmarks), place))
    found = load("cnn6-300w").detect(images.warp(picture, place, (side, side)))
    assert min(face_errors(truth[None], one.landmarks[None])[0] for one in found) < 0.1


@pytest.mark.parametrize("degrees", [75, 90, 135, 180, -100])
def test_a_box_by_hand_needs_no_angle_where_the_model_expects_errors(degrees):
    (face,) = load(EXPECTING).detect(PORTRAIT)
    place = np.float64(geometry.similarity_transform(1.0, degrees, (256, 256), (110, 110)))
    truth = np.float32(geometry.transform_points(face.landmarks, place))
    picture = images.warp(PORTRAIT, place, (732, 732))
    box = geometry.box_from_landmarks(truth)
    (found,) = load(EXPECTING).detect(picture, box, convention="truth")
    assert face_errors(truth[None], found.landmarks[None])[0] < 0.04
    np.testing.assert_array_equal(found.box, box)


class Bright:
    """Five points in the same places of every crop; it is surer the brighter their upper half."""

    scheme, size, margin, box = get_scheme("five5"), (64, 64), 1.25, "truth"
    points = 31.5 + 25.6 * np.float32([[-1, -1], [1, -1], [0, 0], [-1, 1], [1, 1]])

    def __init__(self, surest=0.9, least=0.05):
        self.surest, self.least, self.crops = surest, least, []

    def detector(self, picture):
        return [[60, 60, 140, 140]], [0.9], [0.0]

    def predict_on_batch(self, crops):
        self.crops.append(len(crops))
        bright = crops[:, :32].mean(axis=(1, 2, 3))[:, None] / 255
        confidence = self.surest * np.maximum(bright**2, self.least)
        errors = -5.12 * np.log(confidence) * np.ones((1, 5))  # of pupils that are 51.2 apart
        return {"landmarks": np.repeat(self.points[None], len(crops), 0), "error": errors}


def half(side):
    """A picture of which one half is white: where the face's upper half is."""
    picture = np.zeros((200, 200, 3), np.uint8)
    rows, columns = {
        "up": (slice(0, 100), slice(None)),
        "down": (slice(100, 200), slice(None)),
        "left": (slice(None), slice(0, 100)),
        "right": (slice(None), slice(100, 200)),
    }[side]
    picture[rows, columns] = 255
    return picture


@pytest.mark.parametrize(
    ("side", "angle", "crops"), [("up", 0, 1), ("right", 90, 4), ("down", 180, 4), ("left", -90, 4)]
)
def test_the_side_of_which_the_model_is_sure_counts(side, angle, crops):
    model = Bright()
    (face,) = find_faces(model, half(side))
    assert abs(turned(face.angle, angle)) < 1e-3
    assert face.face_confidence > 0.8
    assert sum(model.crops) == crops
    expected = geometry.transform_points(Bright.points - 31.5, np.eye(2, 3) * (100 / 64))
    turn = np.asarray(geometry.similarity_transform(1.0, angle, (0.0, 0.0)))[:, :2]
    np.testing.assert_allclose(face.landmarks, expected @ turn.T + 99.5, atol=0.1)


@pytest.mark.parametrize(("least", "angle"), [(0.05, -180), (0.5, 0)])
def test_a_side_that_is_but_the_surest_does_not_count(least, angle):
    model = Bright(surest=0.48, least=least)
    (face,) = find_faces(model, half("down"))
    assert face.angle == angle
    assert sum(model.crops) == 4


def test_doubtful_faces_of_several_pictures_are_looked_at_together():
    model = Bright()
    faces = find_faces(model, [half("down"), half("up"), half("left")])
    assert [round(face.angle) % 360 for (face,) in faces] == [180, 0, 270]
    assert model.crops == [3, 6]


def test_a_tracker_looks_at_other_sides_only_when_it_asks_the_detector():
    model = Bright(surest=0.48, least=0.5)
    tracker = Tracker(model, every=3)
    for _ in range(4):
        tracker(half("down"))
    assert model.crops == [1, 3, 1, 1, 1, 3]


@pytest.mark.parametrize(("count", "computed"), [(1, 1), (2, 2), (3, 4), (5, 8), (32, 32)])
def test_few_numbers_of_crops_are_computed_where_each_is_compiled(count, computed):
    seen = []

    def predict(crops):
        seen.append(len(crops))
        return {"landmarks": crops.sum(axis=(1, 2))}

    crops = np.random.default_rng(0).normal(size=(count, 4, 4, 3))
    for pad, expected in ((True, computed), (False, count)):
        found = padded(predict, crops, pad)
        np.testing.assert_array_equal(found["landmarks"], crops.sum(axis=(1, 2)))
        assert seen.pop() == expected


def test_a_score_of_the_face_is_that_of_each_point():
    class Sure(Bright):
        def predict_on_batch(self, crops):
            landmarks = super().predict_on_batch(crops)["landmarks"]
            return {"landmarks": landmarks, "score": np.float32([[0.8]] * len(crops))}

    (face,) = find_faces(Sure(), half("up"))
    np.testing.assert_array_equal(face.confidence, np.float32([0.8] * 5))
    face.point_score[:] = 0.5  # they are the caller's
    assert (draw(half("up"), face) != half("up")).any()
