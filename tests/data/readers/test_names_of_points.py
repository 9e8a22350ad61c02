"""Files that call their points by the names of a scheme of one's own."""

import json
import warnings

import numpy as np
import pytest
from lit import assert_lit, lit_points, write_lit

from keras_landmarks import data
from keras_landmarks.own_schemes import scheme_of_names
from keras_landmarks.schemes import SCHEMES

NAMES = ["right_eye", "left_eye", "nose", "mouth_right", "mouth_left"]
SIDES = [1, 0, 2, 4, 3]  # left before right


@pytest.fixture
def points(tmp_path, monkeypatch):
    monkeypatch.setitem(SCHEMES, "mine", scheme_of_names("mine", NAMES))
    points = lit_points(5)
    write_lit(tmp_path / "a.jpg", points)
    return points


def write_xml(folder, parts):
    parts = "".join(f"<part name='{n}' x='{x}' y='{y}'/>" for n, (x, y) in parts)
    box = f"<box top='1' left='1' width='60' height='60'>{parts}</box>"
    text = f"<dataset><images><image file='a.jpg'>{box}</image></images></dataset>"
    (folder / "faces.xml").write_text(text)
    return folder / "faces.xml"


def test_parts_of_dlib_are_taken_by_name(tmp_path, points):
    path = write_xml(tmp_path, zip(NAMES, points))
    (face,) = data.read_any(path, scheme="mine")
    np.testing.assert_array_equal(face.landmarks, points)
    path = write_xml(tmp_path, [(NAMES[i], points[i]) for i in (4, 1)])
    (face,) = data.read_any(path, scheme="mine")
    assert np.flatnonzero(~face.missing).tolist() == [1, 4]
    np.testing.assert_array_equal(face.landmarks[[1, 4]], points[[1, 4]])


def test_a_part_that_the_scheme_does_not_name_is_an_error(tmp_path, points):
    path = write_xml(tmp_path, zip([*NAMES[:4], "chin"], points))
    with pytest.raises(
        ValueError, match=r"faces.xml: 'chin' is no point of mine, which has right_"
    ):
        data.read_any(path, scheme="mine")
    (face,) = data.read_dlib(path, scheme="mine", names=[*NAMES[:4], "chin"])
    np.testing.assert_array_equal(face.landmarks, points)
    path = write_xml(tmp_path, zip([f"p{i}" for i in range(5)], points))
    with pytest.warns(data.BrokenFile, match="'p0' is no point of mine"):
        (face,) = data.read_any(path, scheme="mine")
    np.testing.assert_array_equal(face.landmarks, points)


def write_json(folder, rows, *categories):
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}
    content["categories"] = [{"id": i, **kind} for i, kind in enumerate(categories)]
    for number, (category, points) in enumerate(rows):
        flat = [v for x, y in points.tolist() for v in (x, y, 2)]
        row = {"id": number, "image_id": 1, "category_id": category, "keypoints": flat}
        content["annotations"].append(row)
    (folder / "faces.json").write_text(json.dumps(content))
    return folder / "faces.json"


def test_points_of_coco_are_taken_by_the_names_of_their_category(tmp_path, points):
    kind = {"name": "face", "keypoints": [NAMES[i] for i in SIDES]}
    path = write_json(tmp_path, [(0, points[SIDES])], kind)
    (face,) = data.read_any(path, scheme="mine")
    np.testing.assert_array_equal(face.landmarks, points)
    for names, expected in ((list("abcde"), "'a' is no point of mine"), (list(range(5)), None)):
        path = write_json(tmp_path, [(0, points)], {"name": "face", "keypoints": names})
        with warnings.catch_warnings(record=True) as caught:
            (face,) = data.read_any(path, scheme="mine")
        assert [expected in str(w.message) for w in caught] == [True] * bool(expected)
        np.testing.assert_array_equal(face.landmarks, points)
    kind = {"name": "face", "keypoints": ["nose", "left_eye"]}
    (face,) = data.read_any(write_json(tmp_path, [(0, points[[2, 1]])], kind), scheme="mine")
    assert np.flatnonzero(~face.missing).tolist() == [1, 2]
    np.testing.assert_array_equal(face.landmarks[[1, 2]], points[[1, 2]])
    path = write_json(tmp_path, [(0, points)], {"name": "face", "keypoints": [*NAMES[:4], "chin"]})
    with pytest.raises(ValueError, match="'chin' is no point of mine"):
        data.read_any(path, scheme="mine")


def test_categories_of_coco_are_not_mixed(tmp_path, points):
    face, hand = {"name": "face", "keypoints": NAMES}, {"name": "hand", "keypoints": list("abcde")}
    body = {"name": "person", "keypoints": list("abcdefgh")}
    rows = [(1, points + 1), (0, points)]
    path = write_json(tmp_path, rows, face, hand)
    with pytest.raises(ValueError, match=r"several categories, \['face', 'hand'\]: name one"):
        data.read_any(path, scheme="mine")
    (found,) = data.read_coco(path, scheme="mine", category="face")
    assert_lit(found, 5)
    with pytest.raises(ValueError, match="no annotation of 'foot', but of"):
        data.read_coco(path, scheme="mine", category="foot")
    path = write_json(tmp_path, [(1, lit_points(8)), (0, points)], face, body)
    (found,) = data.read_any(path, scheme="mine")
    assert_lit(found, 5)


def test_a_scheme_that_no_name_stands_for_is_told_how_to_be_known(tmp_path, points):
    unknown = scheme_of_names("unknown", NAMES)
    path = write_xml(tmp_path, zip(NAMES, points))
    with pytest.raises(ValueError, match=r"schemes.SCHEMES\['unknown'\] is not the given scheme"):
        data.read_any(path, scheme=unknown)


def test_names_that_are_numbers_are_names(tmp_path, points):
    """As those of a scheme of some of the 68 points, in another order than the numbers'."""
    names, order = ["36", "5", "42", "45", "30"], [4, 1, 0, 2, 3]
    SCHEMES["mine"] = scheme_of_names("mine", names)
    some = [(names[i], points[i]) for i in order]
    kind = {"name": "face", "keypoints": [name for name, _ in some]}
    shapes = [{"label": name, "points": [at.tolist()], "shape_type": "point"} for name, at in some]
    labelme = {"imagePath": "a.jpg", "shapes": shapes}
    (tmp_path / "a.json").write_text(json.dumps(labelme))
    for path in (
        write_xml(tmp_path, some),
        write_json(tmp_path, [(0, points[order])], kind),
        tmp_path / "a.json",
    ):
        (face,) = data.read_any(path, scheme="mine")
        shift = face.landmarks[0] - points[0]  # LabelMe counts from the pixel's edge
        np.testing.assert_allclose(face.landmarks - shift, points, atol=1e-4)
        assert np.abs(shift).max() <= 0.5
