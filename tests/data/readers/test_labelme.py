"""LabelMe's files, whose coordinates count from the pixels' edges."""

import json

import numpy as np
import pytest
from lit import assert_lit, lit_points, write_lit

from keras_landmarks.data import BrokenFile, read_any, read_labelme

NAMES = ["right eye", "left eye", "nose", "right corner", "left corner"]


def point(label, place, group=None):
    places = [[float(v) + 0.5 for v in place]]
    return {"label": label, "points": places, "group_id": group, "shape_type": "point"}


def rectangle(*corners):
    return {"label": "face", "points": corners, "group_id": None, "shape_type": "rectangle"}


def write(path, shapes, image=None, **facts):
    content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imageData": None}
    content |= {"imagePath": image or f"{path.stem}.jpg", "imageHeight": 64, "imageWidth": 64}
    path.write_text(json.dumps(content | facts))
    return path


@pytest.fixture
def points(tmp_path):
    points = lit_points(5)
    for name in "ab":
        write_lit(tmp_path / f"{name}.jpg", points)
    return points


def test_points_of_a_folder_lie_on_their_pixels(tmp_path, points):
    shapes = [point(str(i), place) for i, place in enumerate(points)]
    write(tmp_path / "a.json", shapes[::-1])
    write(tmp_path / "b.json", [*shapes[:4], rectangle((63, 64), (1, 2))])
    first, second = read_any(tmp_path, scheme="five5")
    assert_lit(first, 5)
    assert_lit(second, 4)
    np.testing.assert_array_equal(first.landmarks, points)
    np.testing.assert_array_equal(second.box, [1, 2, 63, 64])
    assert first.box is None
    assert (first.photo, second.photo) == ("a.jpg", "b.jpg")
    (alone,) = read_any(tmp_path / "a.json", tmp_path, "five5")
    np.testing.assert_array_equal(alone.landmarks, points)


def test_faces_of_a_picture_have_a_group_each(tmp_path, points):
    shapes = [point(n, at + k, k) for k in (0, 3) for n, at in zip(NAMES, points)]
    first, second = read_labelme(write(tmp_path / "a.json", shapes), None, "five5", NAMES)
    np.testing.assert_array_equal(first.landmarks, points)
    np.testing.assert_array_equal(second.landmarks, points + 3)
    shapes = [point("nose", at) for at in points[:2]]
    with pytest.raises(
        ValueError, match="'nose' is there twice; one face a picture, or with a gro"
    ):
        read_labelme(write(tmp_path / "a.json", shapes), None, "five5", NAMES)


def test_files_beside_a_folder_of_pictures_and_broken_ones(tmp_path, points):
    (tmp_path / "set/annotations").mkdir(parents=True)
    write_lit(tmp_path / "set/images/a.jpg", points)
    shapes = [point(str(i), place) for i, place in enumerate(points)]
    write(tmp_path / "set/annotations/a.json", shapes)
    (face,) = read_any(tmp_path / "set", scheme="five5")
    assert_lit(face, 5)
    for broken in ('{"shapes": 3}', '{"shapes": [{'):
        (tmp_path / "set/annotations/b.json").write_text(broken)
        with pytest.warns(BrokenFile, match=r"b\.json: expected LabelMe's"):
            assert len(read_any(tmp_path / "set", scheme="five5", skip_broken=True)) == 1
        with pytest.raises(ValueError, match=r"b\.json: expected LabelMe's"):
            read_any(tmp_path / "set", scheme="five5")


def test_other_files_and_labels_are_errors(tmp_path, points):
    for content in ("[]", '{"shapes": [{}]}', '{"shapes": 3}', "{"):
        (tmp_path / "a.json").write_text(content)
        with pytest.raises(ValueError, match=r"a\.json: expected LabelMe's `shapes`"):
            read_labelme(tmp_path / "a.json")
    with pytest.raises(ValueError, match=r"a\.json: unknown label 'ear'"):
        read_labelme(write(tmp_path / "a.json", [point("ear", (1, 2))]), None, "five5", NAMES)
    path = write(tmp_path / "a.json", [point("nose", (1, 2))], "..\\c.jpg")
    with pytest.raises(ValueError, match=r"c\.jpg does not exist"):
        read_labelme(path, None, "five5", NAMES)


def test_files_in_folders_are_told_of_and_a_point_of_no_group_is_asked_about(tmp_path, points):
    shapes = [point(n, at) for n, at in zip(NAMES, points)]
    write(tmp_path / "a.json", shapes)
    write(tmp_path / "b.json", shapes)
    (tmp_path / "more").mkdir()
    write(tmp_path / "more/c.json", shapes)
    with pytest.warns(BrokenFile, match=r"1 files in folders .*more/c\.json: read each"):
        assert len(read_labelme(tmp_path, None, "five5", NAMES)) == 2
    grouped = [point(n, at, 1) for n, at in zip(NAMES[1:], points[1:])]
    path = write(tmp_path / "a.json", [shapes[0], *grouped])
    with pytest.raises(ValueError, match="right eye have no group_id, and other points have"):
        read_labelme(path, None, "five5", NAMES)
    path = write(tmp_path / "a.json", [*shapes, *grouped])  # two faces, the first of no group
    assert len(read_labelme(path, None, "five5", NAMES)) == 2


def test_results_among_the_files_are_none_of_them(tmp_path, points):
    write(tmp_path / "a.json", [point(name, at) for name, at in zip(NAMES, points)])
    write_lit(tmp_path / "a.jpg", points)
    (tmp_path / "report.json").write_text(json.dumps({"faces": {"all": 1}}, indent=1))
    (face,) = read_labelme(tmp_path, scheme="five5", names=NAMES)
    assert_lit(face, 5)
    (tmp_path / "set/annotations").mkdir(parents=True)
    for name in ("a.json", "report.json"):
        (tmp_path / name).rename(tmp_path / "set/annotations" / name)
    (tmp_path / "a.jpg").rename(tmp_path / "set/a.jpg")
    (face,) = read_labelme(tmp_path / "set/annotations", scheme="five5", names=NAMES)
    assert_lit(face, 5)


def test_a_point_that_is_flagged_as_occluded_is_a_covered_one(tmp_path, points):
    shapes = [point(name, place) for name, place in zip(NAMES, points)]
    shapes[1]["flags"], shapes[2]["flags"] = {"occluded": True}, {"occluded": False}
    (face,) = read_labelme(write(tmp_path / "a.json", shapes), None, "five5", NAMES)
    assert_lit(face, 5)
    assert np.flatnonzero(~face.visible).tolist() == [1]


def test_a_scheme_is_the_one_that_has_as_many_labels(tmp_path):
    points = lit_points(29)
    write_lit(tmp_path / "c.jpg", points)
    path = write(tmp_path / "c.json", [point(str(i + 1), at) for i, at in enumerate(points)])
    (face,) = read_any(path)
    assert face.scheme == "cofw29"
    assert_lit(face, 29)
    write(path, [point(str(i), at) for i, at in enumerate(points[:5])])
    with pytest.raises(ValueError, match="no scheme of 5 points is taken unnamed, name one"):
        read_any(path)
    write(path, [])
    with pytest.raises(ValueError, match="c.json holds no annotated picture"):
        read_any(path)
    write(path, [point("nose tip 99", points[0])])
    with pytest.raises(ValueError, match="name the scheme, of which the points nose tip 99 are"):
        read_any(path)
