"""Which box is a face's, what of the picture a model then sees, and when a face has left it."""

import cv2
import keras
import numpy as np
import pytest
from loaded import load

from keras_landmarks import Landmarker, Tracker, faces
from keras_landmarks.data import Face
from keras_landmarks.pictures import VideoReader, VideoWriter

PICTURE = cv2.resize(np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8), (120, 100))
BOX = np.float32([40, 30, 80, 70])
CORNERS = np.float32([[40, 30], [79, 30], [60, 50], [40, 69], [79, 69]])  # of the box
FACE = Face(PICTURE, np.resize(CORNERS, (68, 2)), "ibug68", BOX)


def landmarker(low, high, kernel="zeros", **facts):
    """A model that always says the same square of its crop of 16 pixels."""
    square = np.float32([(low, low), (high, low), (8, 8), (low, high), (high, high)])
    crops = keras.Input((16, 16, 3), name="crops")
    flat = keras.layers.GlobalAveragePooling2D()(crops)
    bias = keras.initializers.Constant(square.ravel())
    dense = keras.layers.Dense(10, kernel_initializer=kernel, bias_initializer=bias)(flat)
    landmarks = keras.layers.Reshape((5, 2))(dense)
    return Landmarker(crops, {"landmarks": landmarks}, scheme="five5", **facts)


@pytest.mark.parametrize(("box", "margin"), [("truth", 1.0), ("mtcnn", 1.0), ("annotation", 1.5)])
def test_a_crop_is_the_box_as_the_model_knows_it_times_its_margin(box, margin):
    model = landmarker(-0.5, 15.5, box=box, margin=margin)  # says the edges of its crop
    (found,) = model.detect(PICTURE, BOX, convention="annotation")
    x, y, scale = {"mtcnn": (-0.013, -0.171, 1.237)}.get(box, (0, 0, 1))
    centre = np.array([60 + 40 * x, 50 + 40 * y])
    half = 20 * scale * margin
    np.testing.assert_allclose(found.landmarks[0] + 0.5, centre - half, atol=0.01)
    np.testing.assert_allclose(found.landmarks[-1] + 0.5, centre + half, atol=0.01)


def test_boxes_of_300w_and_those_of_the_truth_lie_alike():
    found = faces.convert_boxes(BOX, "annotation", "truth")
    np.testing.assert_allclose(found, BOX)


def test_a_box_that_only_touches_the_picture_is_outside():
    for box in ([120, 0, 130, 9], [0, 100, 9, 110], [-9, 0, 0, 9], [0, -9, 9, 0]):
        with pytest.raises(ValueError, match="outside of the picture of 120 x 100"):
            faces.check_boxes(box, PICTURE)
    assert len(faces.check_boxes([[119, 99, 130, 110], [-9, -9, 1, 1]], PICTURE)) == 2


@pytest.mark.parametrize("turn", [1, -1])
def test_a_known_face_is_the_box_that_overlaps_it_most(turn):
    boxes = np.stack([BOX + 12, BOX + 2, BOX - 14])[::turn]
    found = faces.find_face(lambda picture: boxes, PICTURE, BOX)
    np.testing.assert_array_equal(found, BOX + 2)


@pytest.mark.parametrize("turn", [1, -1])
def test_calibration_takes_the_box_that_overlaps_a_face_most(turn):
    boxes = np.stack([BOX + (-15, -15, 15, 15), BOX + 2])[::turn]
    found = faces.calibrate(lambda picture: boxes, [FACE])
    assert (found.x, found.y, found.scale) == pytest.approx((0.05, 0.05, 1))


def test_calibration_does_not_mind_a_few_faces_that_are_framed_otherwise():
    framed = iter([BOX, BOX, BOX + (-20, -20, 20, 20), BOX, BOX])
    found = faces.calibrate(lambda picture: next(framed)[None], [FACE] * 5)
    assert (found.x, found.y, found.scale) == pytest.approx((0, 0, 1))


def test_a_face_whose_landmarks_leave_their_crop_is_lost():
    for model, count in ((landmarker(2, 13), 1), (landmarker(0, 4), 0)):
        tracker = Tracker(model, lambda picture: BOX[None])
        assert len(tracker(PICTURE)) == count
        assert tracker.detections == 1  # not again in the same frame


def test_a_track_has_the_score_of_looking_like_itself():
    tracker = Tracker(landmarker(2, 13), lambda picture: BOX[None])
    for _ in range(2):
        (face,) = tracker(PICTURE)
        assert face.score == pytest.approx(1, abs=0.1)
        assert face.score <= 1


@pytest.mark.parametrize(("dark", "again"), [(4, 0), (5, 1)])
def test_a_face_that_comes_back_within_so_many_frames_is_itself(dark, again):
    detector = lambda picture: BOX[None] if picture.any() else []  # noqa: E731
    tracker = Tracker(landmarker(2, 13), detector, every=4, search=1)
    assert [face.id for face in tracker(PICTURE)] == [0]
    for _ in range(dark):
        assert tracker(np.zeros_like(PICTURE)) == []
    assert [face.id for face in tracker(PICTURE)] == [again]


def moved(tracker, size=1):
    """Landmarks of two frames: those of the second lie further right and down."""
    frames = [PICTURE // 2, PICTURE // 2 + 100]
    for frame in frames:
        (face,) = tracker(frame.repeat(size, axis=0).repeat(size, axis=1))
        yield (face.landmarks + 0.5) / size


def brightness_tracker(size=1, **arguments):
    """Follows a face whose points move by a crop pixel for 100 levels."""
    model = landmarker(2, 13, keras.initializers.Constant(0.01 / 3))
    return Tracker(model, lambda picture: BOX[None] * size, **arguments)


def test_smoothing_knows_no_size_of_the_face():
    small, large = (list(moved(brightness_tracker(size), size)) for size in (1, 3))
    moves = [(second - first).mean(axis=0) for first, second in (small, large)]
    assert moves[0].min() > 0.5
    np.testing.assert_allclose(*moves, atol=0.1)


def test_smoothing_goes_by_the_frame_rate_of_the_video():
    class Video(list):
        frame_rate = 4.0

    frames = Video([PICTURE // 2, PICTURE // 2 + 100])
    found = [faces[0].landmarks + 0.5 for _, faces in brightness_tracker().track(frames)]
    np.testing.assert_allclose(found, list(moved(brightness_tracker(frame_rate=4.0))), atol=1e-4)
    assert np.abs(found[1] - list(moved(brightness_tracker()))[1]).mean() > 0.1


def test_smoothing_goes_by_when_frames_were_taken_whatever_rate_is_claimed(tmp_path):
    with VideoWriter(tmp_path / "slow.avi", 4) as video:
        for picture in (PICTURE // 2, PICTURE // 2 + 100):
            video.write(picture)
    reader = VideoReader(tmp_path / "slow.avi")
    slow, fast = (brightness_tracker(frame_rate=rate) for rate in (4, 30))
    expected, quicker = ([t(f)[0].landmarks for f in reader] for t in (slow, fast))
    assert np.abs(quicker[1] - expected[1]).mean() > 0.1
    reader.frame_rate = 30.0  # as a camera says that is slower in the dark
    found = [faces[0].landmarks for _, faces in fast.track(reader)]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    fast.reset()
    found = [fast(f, time)[0].landmarks for f, time in zip(reader, (9.0, 9.25))]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_an_empty_scene_is_searched_every_five_frames():
    calls = []
    tracker = Tracker(load("tiny-ibug68"), lambda picture: calls.append(1) or [])
    for _ in range(11):
        assert tracker(PICTURE) == []
    assert len(calls) == 3


def test_a_filter_may_leave_speed_out_of_account():
    smooth = faces.OneEuro(30, cutoff=1.0, beta=0.0)
    weight = 1 / (1 + 30 / (2 * np.pi))
    points = np.float32([[0, 0], [100, -7]])
    smooth(points, 50.0)
    np.testing.assert_allclose(smooth(points + 90, 50.0), points + 90 * weight, rtol=1e-5)
