"""Tracking on made videos: a portrait under known motion."""

import pathlib

import cv2
import keras
import numpy as np
import pytest
from loaded import load

from keras_landmarks import Landmarker, geometry
from keras_landmarks.conversion_tables import CONVERSIONS
from keras_landmarks.faces.smoothing import OneEuro
from keras_landmarks.faces.tracking import Tracker
from keras_landmarks.faces.upright import landmark_angle
from keras_landmarks.pictures import images
from keras_landmarks.pictures.video import VideoReader, VideoWriter
from keras_landmarks.schemes import convert

PORTRAIT = images.read_image(pathlib.Path(__file__).parents[2] / "tutorials" / "astronaut.jpg")
BOX = np.array([172.0, 75.0, 272.0, 175.0])  # the square around its landmarks
SIZE = (256, 320)


def frame(x=0.0, noise=None, degrees=0.0):
    """The portrait moved right by x pixels, turned, with a camera's noise."""
    moved = geometry.similarity_transform(1.0, degrees, (222, 125), (x - 80, 0))
    picture = images.warp(PORTRAIT, moved, SIZE)
    if noise is not None:
        picture = np.clip(picture + noise.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
    return picture


class Known:
    """A detector that knows where the face of a frame is, and counts its calls."""

    convention = "truth"

    def __init__(self, *shifts):
        self.shifts, self.calls = shifts, 0

    def __call__(self, picture):
        self.calls += 1
        if not picture.any():
            return np.zeros((0, 4))
        return np.array([BOX + (x - 80, 0, x - 80, 0) for x in self.shifts])


def model():
    return load("cnn6-300w")


def spread(landmarks):
    """How far points stray from their mean place, in pixels."""
    landmarks = np.array(landmarks)
    return np.sqrt(((landmarks - landmarks.mean(axis=0)) ** 2).sum(axis=-1).mean())


# The filter


def test_the_filter_is_the_papers_written_by_hand():
    rng = np.random.default_rng(0)
    points = np.cumsum(rng.normal(size=(20, 3, 2)), axis=0)
    smooth = OneEuro(30.0, cutoff=1.5, beta=4.0, speed_cutoff=2.0)
    found = np.array([smooth(p, 50.0) for p in points])

    def weight(cutoff):
        return 1 / (1 + 1 / (2 * np.pi * cutoff) * 30)

    for k in range(3):
        x, speed = points[0, k], np.zeros(2)
        for t in range(20):
            speed = weight(2.0) * ((points[t, k] - x) * 30 / 50) + (1 - weight(2.0)) * speed
            a = weight(1.5 + 4.0 * np.hypot(*speed))
            x = a * points[t, k] + (1 - a) * x
            np.testing.assert_allclose(found[t, k], x, atol=1e-9)


def test_a_point_that_is_missing_begins_anew_when_it_is_there():
    smooth, points = OneEuro(30), np.ones((2, 2))
    missing = np.array([[2, 2], [np.nan, np.nan]])
    found = [smooth(given, 10.0) for given in (points, missing, [[2, 2], [5, 5]])]
    np.testing.assert_array_equal(np.isnan(found[1]), np.isnan(missing))
    alone = OneEuro(30)
    expected = [alone(given, 10.0) for given in ([[1, 1]], [[2, 2]], [[2, 2]])]
    np.testing.assert_allclose(found[2], [*expected[2], [5, 5]])
    with pytest.raises(ValueError, match="width must be a finite number above 0"):
        smooth(points, 0)
    with pytest.raises(ValueError, match=r"Expected points \(2, 2\), got \(3, 2\)"):
        smooth(np.ones((3, 2)), 10.0)


@pytest.mark.parametrize("wrong", [{"frame_rate": 0}, {"cutoff": -1}, {"beta": -1}])
def test_a_filter_of_no_frequency_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be a finite number"):
        OneEuro(**{"frame_rate": 30.0} | wrong)


# Following


def test_a_still_face_jitters_half_as_much_as_without_tracking_and_is_seldom_detected():
    noise = np.random.default_rng(0)
    frames = [frame(noise=noise) for _ in range(61)]
    tracker = Tracker(model())
    tracked = [tracker(picture) for picture in frames]
    assert {len(faces) for faces in tracked} == {1}
    assert tracker.detections == 3  # at frames 0, 30 and 60
    alone = [model().detect(picture)[0].landmarks for picture in frames[10:22]]
    assert spread([faces[0].landmarks for faces in tracked[10:22]]) < 0.5 * spread(alone)


@pytest.mark.parametrize("speed", [1, 3])
def test_a_moving_face_is_followed_with_little_lag(speed):
    noise, detector, video = np.random.default_rng(1), Known(0), load("unet-fast-300w")
    frames = [frame(speed * t, noise) for t in range(30)]
    tracker = Tracker(video, detector)
    tracked = [tracker(picture)[0] for picture in frames]
    assert {face.id for face in tracked} == {0}
    assert detector.calls == tracker.detections == 1
    assert min(face.score for face in tracked) > 0.8
    truth = [video.detect(f, BOX + (x, 0, x, 0), convention="truth")[0].landmarks
             for f, x in zip(frames, speed * np.arange(30) - 80)]  # fmt: skip
    behind = [(t - face.landmarks)[:, 0].mean() for t, face in zip(truth, tracked)]
    assert np.mean(behind[15:]) / speed < 1  # frames


def test_two_faces_keep_their_ids_and_do_not_mix():
    left, right = frame(-80), frame(80)
    detector = Known(-80, 80)
    both = [np.concatenate([left[:, :160], right[:, 160:]], axis=1)] * 4
    tracker = Tracker(model(), detector, every=2)
    for picture in both:
        faces = tracker(picture)
        assert [face.id for face in faces] == [0, 1]
        assert faces[0].landmarks[:, 0].max() < 165 < faces[1].landmarks[:, 0].min()
    detector.shifts = (80, -80)  # found in another order
    assert [face.id for face in tracker(both[0])] == [0, 1]


def test_a_face_that_is_away_for_a_while_comes_back_as_itself_and_later_as_another():
    detector = Known(0)
    tracker = Tracker(model(), detector, every=12, search=3)
    dark = np.zeros_like(frame())
    assert [face.id for face in tracker(frame())] == [0]
    assert tracker(dark) == []
    assert detector.calls == 2  # at once
    assert [tracker(dark) for _ in range(5)] == [[]] * 5
    assert detector.calls == 3  # and every three frames
    assert [face.id for face in tracker(frame())] == [0]
    for _ in range(15):
        assert tracker(dark) == []
    back = [tracker(frame()) for _ in range(3)]
    assert [face.id for face in back[-1]] == [1]


@pytest.mark.parametrize("away", [0, 6])
def test_a_face_that_comes_back_in_another_place_is_itself(away):
    detector = Known(-80)
    tracker = Tracker(model(), detector, every=12, search=3)
    assert [face.id for face in tracker(frame(-80))] == [0]
    for _ in range(away):
        assert tracker(np.zeros_like(frame())) == []
    detector.shifts = (80,)
    (face,), (alone,) = tracker(frame(80)), Tracker(model(), detector)(frame(80))
    assert face.id == 0
    np.testing.assert_allclose(face.landmarks, alone.landmarks, atol=0.5)  # nothing of before
    assert [face.id for face in tracker(frame(80))] == [0]


def test_an_empty_scene_is_searched_now_and_then():
    detector = Known(0)
    tracker = Tracker(model(), detector, search=4)
    for _ in range(12):
        assert tracker(np.zeros_like(frame())) == []
    assert detector.calls == 3


def test_a_face_that_jumps_is_detected_again_at_its_new_place():
    detector = Known(0)
    tracker = Tracker(model(), detector)
    tracker(frame())
    detector.shifts = (40,)
    (face,) = tracker(frame(40))
    assert face.id == 0
    expected = model().detect(frame(40), BOX + (-40, 0, -40, 0), convention="truth")[0].landmarks
    assert np.abs(face.landmarks - expected).mean() < 25  # on its way there


def test_a_second_box_on_a_face_is_no_second_face():
    tracker = Tracker(model(), Known(0, 12), every=2)
    for _ in range(4):
        assert [face.id for face in tracker(frame())] == [0]


def test_a_lost_face_does_not_take_the_box_of_another_in_view():
    left, right = frame(-80), frame(80)
    both = np.concatenate([left[:, :160], right[:, 160:]], axis=1)
    detector = Known(-80, 80)
    tracker = Tracker(model(), detector)
    assert [face.id for face in tracker(both)] == [0, 1]
    hidden = both.copy()
    hidden[:, :160] = 0
    detector.shifts = (80, 70)  # two boxes on the one that is left
    assert [face.id for face in tracker(hidden)] == [1]
    assert [face.id for face in tracker(hidden)] == [1]


def test_one_detection_may_miss_a_face_that_is_still_there_but_not_two():
    class Blind(Known):
        def __call__(self, picture):
            found = super().__call__(picture)
            return found if self.calls == 1 else np.zeros((0, 4))

    tracker = Tracker(model(), Blind(0), every=2)
    assert [len(tracker(frame())) for _ in range(6)] == [1, 1, 1, 1, 0, 0]


def test_without_smoothing_points_are_the_models_own():
    tracker = Tracker(model(), Known(0), cutoff=None)
    (face,) = tracker(frame())
    expected = model().detect(frame(), BOX + (-80, 0, -80, 0), convention="truth")[0].landmarks
    np.testing.assert_allclose(face.landmarks, expected, atol=1e-4)
    assert face.to_dict()["id"] == 0


def test_a_video_is_tracked_by_its_path_and_any_iterable_by_itself(tmp_path):
    path = tmp_path / "made.avi"
    with VideoWriter(path, 25) as video:
        for t in range(5):
            video.write(frame(t))
    tracker = Tracker(model(), Known(0), frame_rate=25)
    from_file = [faces for _, faces in tracker.track(path)]
    again = [faces for _, faces in tracker.track(list(VideoReader(path)))]
    for one, other in zip(from_file, again, strict=True):
        np.testing.assert_allclose(one[0].landmarks, other[0].landmarks, atol=1e-4)
    assert list(tracker.track([])) == []


def test_a_bad_argument_is_refused_when_the_tracker_is_made():
    with pytest.raises(ValueError, match="every must be a whole number of at least 1, not 0"):
        Tracker(model(), every=0)
    with pytest.raises(ValueError, match="cutoff must be a finite number above 0, not -1"):
        Tracker(model(), cutoff=-1)
    with pytest.raises(ValueError, match="A detector is a callable"):
        Tracker(model(), detector="mtcnn")
    for rate in (0, -5, "30", float("nan")):
        with pytest.raises(ValueError, match="frame_rate must be a finite number above 0"):
            Tracker(model()).reset(rate)


# Video files


@pytest.mark.parametrize("suffix", [".avi", ".mp4"])
def test_a_written_video_is_read_again(tmp_path, suffix):
    path = tmp_path / "new" / f"made{suffix}"
    with VideoWriter(path, 12.5) as video:
        for t in range(4):
            video.write(frame(10 * t))
        assert not path.exists()  # until it is whole
    reader = VideoReader(path)
    assert (reader.frame_rate, reader.count) == (12.5, 4)
    frames = list(reader)
    assert np.abs(frames[3].astype(int) - frame(30)).mean() < 6
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_video_can_be_left_and_gone_through_again(tmp_path):
    path = tmp_path / "made.avi"
    with VideoWriter(path, 25) as video:
        for t in range(3):
            video.write(frame(t))
    reader = VideoReader(path)
    next(iter(reader))
    assert len(list(reader)) == len(list(reader)) == 3
    reader.count = 30
    with pytest.warns(UserWarning, match="ends after 3 of 30 frames"):
        list(reader)


def write_and_stop(path, *frames):
    with VideoWriter(path, 25) as video:
        for picture in frames:
            video.write(picture)
        raise KeyboardInterrupt


def test_an_interrupted_video_is_not_written(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(tmp_path / "made.avi", frame())
    assert not list(tmp_path.iterdir())


def test_what_is_no_video_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="No video at"):
        VideoReader(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match="text.mp4 is no video"):
        VideoReader(tmp_path / "text.mp4")
    with pytest.raises(ValueError, match=r"Known endings: .*\.avi"):
        VideoWriter(tmp_path / "made.gif", 25)
    with pytest.raises(ValueError, match="Frames of one size"):
        write_and_stop(tmp_path / "made.avi", frame(), frame()[:100])


def test_a_camera_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="Camera 77 does not open"):
        VideoReader(77)


@pytest.mark.parametrize("source", [-1, np.int64(-3), True])
def test_a_camera_of_no_index_is_refused_and_opencv_not_asked(source, monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", None)
    with pytest.raises(ValueError, match="index is 0 or more"):
        VideoReader(source)


def test_a_cameras_index_may_be_numpys():
    with pytest.raises(ValueError, match="Camera 77 does not open"):
        VideoReader(np.int64(77))
    with pytest.raises(ValueError, match="Camera 77 does not open"):
        next(Tracker(model()).track(np.int64(77)))
    for source in (None, 1.5, [1]):
        with pytest.raises(TypeError, match="a path or a camera's index"):
            VideoReader(source)


def test_an_address_of_a_stream_is_left_as_it_is():
    with pytest.raises(ValueError, match="http://127.0.0.1:9/none.mp4 is no video"):
        VideoReader("http://127.0.0.1:9/none.mp4")


def test_opencv_can_write_every_known_ending(tmp_path):
    for suffix in (".mp4", ".mov", ".mkv", ".avi"):
        with VideoWriter(tmp_path / f"made{suffix}", 25) as video:
            video.write(frame())
        assert cv2.VideoCapture(str(tmp_path / f"made{suffix}")).read()[0]


def test_the_few_points_of_another_scheme_are_followed_and_levelled():
    whole = load("unet-fast-300w")
    rows = CONVERSIONS["ibug68", "five5"]
    mix = np.float32([[(i in row) / len(row) for i in range(68)] for row in rows])
    points = keras.ops.einsum("bnc,kn->bkc", whole.output["landmarks"], mix)
    few = Landmarker(whole.input, {"landmarks": points}, scheme="five5")
    detector = Known(80)
    for degrees in (0, 40):
        picture = frame(80, degrees=degrees)
        (right,) = whole.detect(picture, BOX, convention="truth")
        (found,) = few.detect(picture, BOX, convention="truth")
        away = np.linalg.norm(found.landmarks - convert(right.landmarks, "ibug68", "five5"), axis=1)
        assert away.max() < 2.5
    tracker = Tracker(few, detector)
    for x in range(0, 8, 2):
        assert [face.id for face in tracker(frame(80 + x))] == [0]
    assert detector.calls == 1


def test_the_box_of_a_face_that_rolled_is_turned_by_its_new_angle():
    tracker = Tracker(model(), Known(0), cutoff=None)
    tracker(frame())
    (face,) = tracker(frame(degrees=14))
    rolled = landmark_angle(face.landmarks, face.scheme)
    assert abs(rolled) > 11
    assert face.angle == pytest.approx(rolled, abs=0.01)


def test_what_a_tracker_hands_out_is_the_callers(tiny):
    frames = [frame()] * 5
    untouched = [faces[0].landmarks.copy() for _, faces in Tracker(tiny, Known(80)).track(frames)]
    found = []
    for _, faces in Tracker(tiny, Known(80)).track(frames):
        found.append(faces[0].landmarks.copy())
        faces[0].landmarks *= 0.5
        faces[0].box *= 0.5
    np.testing.assert_array_equal(found, untouched)
