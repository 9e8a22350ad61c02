"""Boxes of annotation tools: turned ones, and which face each belongs to."""

import numpy as np
import pytest
from lit import lit_points, write_lit
from test_annotation_tools import at, key_point, rectangle, task, write_cvat, write_tasks

from keras_landmarks.data import BrokenFile, read_cvat, read_labelstudio

POINTS = np.float64([[12, 30], [20, 30], [16, 34], [13, 38], [19, 38]])


def labelled(points, parent=None):
    return [key_point(str(i), *p) | {"parentID": parent} for i, p in enumerate(points)]


def numbered(frame, name, degrees=0):
    return frame | {"id": name, "value": frame["value"] | {"rotation": degrees}}


def test_label_studio_takes_the_box_that_holds_the_points(tmp_path):
    write_lit(tmp_path / "a.jpg", lit_points(5))
    frames = [rectangle(5, 20, 30, 45), rectangle(0, 0, 5, 5)]
    for order in (1, -1):
        path = write_tasks(tmp_path, task([*labelled(POINTS), *frames[::order]], "a.jpg"))
        (face,) = read_labelstudio(path, scheme="five5")
        np.testing.assert_allclose(face.box, [5, 20, 30, 45], atol=1e-4)


def test_label_studio_has_a_face_in_each_rectangle(tmp_path):
    write_lit(tmp_path / "a.jpg", lit_points(5))
    frames = [numbered(rectangle(5, 20, 30, 45), "x"), numbered(rectangle(30, 18, 55, 48), "y")]
    for parents in ((None, None), ("x", "y")):
        points = [labelled(POINTS + [25 * k, 0], parents[k]) for k in (0, 1)]
        path = write_tasks(tmp_path, task([*points[1], *frames, *points[0]], "a.jpg"))
        first, second = read_labelstudio(path, scheme="five5")
        np.testing.assert_allclose(first.landmarks, POINTS, atol=1e-4)
        np.testing.assert_allclose(second.landmarks, POINTS + [25, 0], atol=1e-4)
        np.testing.assert_allclose(second.box, [30, 18, 55, 48], atol=1e-4)
        assert (first.name, second.name, second.photo) == ("a.jpg#1", "a.jpg#2", "a.jpg")
    good, stray = (
        task(labelled(POINTS), "a.jpg"),
        task([*points[1], *frames, *labelled([[1, 1]])], "a.jpg"),
    )
    path = write_tasks(tmp_path, good, stray)
    with pytest.raises(ValueError, match="'0' is there twice"):
        read_labelstudio(path, scheme="five5")
    with pytest.warns(BrokenFile, match="is there twice"):
        assert len(read_labelstudio(path, scheme="five5", skip_broken=True)) == 1


def test_label_studio_parts_faces_that_share_no_label(tmp_path):
    write_lit(tmp_path / "a.jpg", lit_points(5))
    points = labelled(POINTS)
    left, right = points[:2], [key_point(str(i), 40.0 + i, 30.0) for i in (2, 3, 4)]
    frames = [numbered(rectangle(5, 20, 30, 45), "x"), numbered(rectangle(35, 18, 55, 48), "y")]
    path = write_tasks(tmp_path, task([*left, *frames, *right], "a.jpg"))
    first, second = read_labelstudio(path, scheme="five5")
    assert (first.missing.sum(), second.missing.sum()) == (3, 2)
    np.testing.assert_allclose(second.box, [35, 18, 55, 48], atol=1e-4)
    eye = numbered(rectangle(10, 28, 14, 32), "eye")  # within the face's
    path = write_tasks(tmp_path, task([*points, frames[0], eye], "a.jpg"))
    (face,) = read_labelstudio(path, scheme="five5")
    assert not face.missing.any()


def test_of_several_annotations_the_ground_truth_or_the_first_with_results_is_taken(tmp_path):
    write_lit(tmp_path / "a.jpg", lit_points(5))
    off = {"result": labelled(POINTS + 5)}
    for annotations in (
        [{"result": []}, {"result": labelled(POINTS)}, off],
        [off, {"result": labelled(POINTS), "ground_truth": True}],
    ):
        path = write_tasks(tmp_path, task([], "a.jpg") | {"annotations": annotations})
        (face,) = read_labelstudio(path, scheme="five5")
        np.testing.assert_allclose(face.landmarks, POINTS, atol=1e-4)


def test_of_turned_boxes_the_upright_one_around_them_is_taken(tmp_path):
    """Label Studio turns clockwise about the first corner, CVAT about the middle."""
    write_lit(tmp_path / "a.jpg", lit_points(5))
    frame = numbered(rectangle(25, 25, 40, 45), "x", 90)  # 15 wide, 20 high
    path = write_tasks(tmp_path, task([*labelled(POINTS), frame], "a.jpg"))
    (face,) = read_labelstudio(path, scheme="five5")
    np.testing.assert_allclose(face.box, [5, 25, 25, 40], atol=1e-4)
    line = f"<points points='{';'.join(at(*p) for p in POINTS)}'/>"
    box = "<box xtl='6' ytl='24' xbr='26' ybr='44' rotation='45.00'/>"
    (face,) = read_cvat(write_cvat(tmp_path, line, box, name="a.jpg"), scheme="five5")
    half = 10 * 2**0.5
    np.testing.assert_allclose(face.box, [16 - half, 34 - half, 16 + half, 34 + half], atol=1e-4)


def test_a_face_has_its_own_box_and_not_its_persons(tmp_path):
    """Of its five points the face's box misses two."""
    write_lit(tmp_path / "a.jpg", lit_points(5))
    line = f"<points points='{';'.join(at(*p) for p in POINTS)}'/>"
    boxes = [
        "<box xtl='8' ytl='24' xbr='24' ybr='37'/>",
        "<box xtl='0' ytl='0' xbr='64' ybr='64'/>",
    ]
    for order in (1, -1):
        path = write_cvat(tmp_path, *boxes[::order], line, name="a.jpg")
        (face,) = read_cvat(path, scheme="five5")
        np.testing.assert_array_equal(face.box, [8, 24, 24, 37])


def test_neighbours_have_the_boxes_that_hold_most_of_their_points(tmp_path):
    write_lit(tmp_path / "a.jpg", lit_points(5))
    lines = [f"<points points='{';'.join(at(x + k, y) for x, y in POINTS)}'/>" for k in (0, 4)]
    boxes = ["10' ytl='26' xbr='22' ybr='42", "14' ytl='26' xbr='26' ybr='42"]
    boxes = [f"<box xtl='{box}'/>" for box in boxes]
    faces = read_cvat(write_cvat(tmp_path, *lines, *boxes, name="a.jpg"), scheme="five5")
    np.testing.assert_array_equal(faces[0].box, [10, 26, 22, 42])
    np.testing.assert_array_equal(faces[1].box, [14, 26, 26, 42])


def test_label_studio_has_rectangles_within_the_faces_of_a_task(tmp_path):
    """Around mouths, whose corners also lie half a pixel beside the first face."""
    write_lit(tmp_path / "a.jpg", lit_points(5))
    frames = [rectangle(5, 20, 30, 37.5), rectangle(30, 18, 55, 48)]
    mouths = [rectangle(12 + k, 36, 20 + k, 37.4) for k in (0, 25)]
    numbers = [numbered(frame, f"f{i}") for i, frame in enumerate([*mouths, *frames])]
    points = [*labelled(POINTS), *labelled(POINTS + [25, 0])]
    path = write_tasks(tmp_path, task([*numbers, *points], "a.jpg"))
    first, second = read_labelstudio(path, scheme="five5")
    np.testing.assert_allclose(first.landmarks, POINTS, atol=1e-4)
    np.testing.assert_allclose(second.landmarks, POINTS + [25, 0], atol=1e-4)
    np.testing.assert_allclose(first.box, [5, 20, 30, 37.5], atol=1e-4)
    np.testing.assert_allclose(second.box, [30, 18, 55, 48], atol=1e-4)
