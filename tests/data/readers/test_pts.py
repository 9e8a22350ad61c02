import re

import numpy as np
import pytest
from faces import write_pts
from lit import assert_lit, lit_points, write_lit
from places import DATA, needs_data

from keras_landmarks.data import (
    BrokenFile,
    made_up_face,
    read_bounding_boxes,
    read_pts,
    read_pts_folders,
)

HEADER = "version: 1\nn_points: 3\n{\n"
POINTS = "1 1\n2.5 3\n-4 1e2\n"
EXPECTED = [[0, 0], [1.5, 2], [-5, 99]]


def write(folder, text):
    path = folder / "face.pts"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        HEADER + POINTS + "}\n",
        POINTS,
        (HEADER + POINTS + "}").replace("\n", "\r\n"),
        "version:1\nn_points:  3 \n\n{\n\n" + POINTS.replace(" ", "\t") + "\n}\n\n",
        "\n" + POINTS.strip(),
        "\ufeff" + POINTS,
        "\ufeff" + HEADER + POINTS + "}",
    ],
    ids=["header", "bare", "windows", "blank lines and tabs", "no last line end", "BOM", "both"],
)
def test_points_are_read_with_and_without_header_and_become_0_based(tmp_path, text):
    points = read_pts(write(tmp_path, text))
    assert points.dtype == np.float32
    np.testing.assert_allclose(points, EXPECTED, rtol=1e-6)


@pytest.mark.parametrize("header", [True, False])
def test_a_written_face_comes_back(tmp_path, header):
    landmarks = made_up_face(3)[1]
    write_pts(tmp_path / "face.pts", landmarks, header)
    np.testing.assert_allclose(read_pts(tmp_path / "face.pts", count=68), landmarks, atol=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no points"),
        ("version: 1\nn_points: 0\n{\n}", "holds no points"),
        (HEADER + POINTS, "closing"),
        (HEADER.replace("{", "") + POINTS + "}", "between one"),
        (HEADER + "{" + POINTS + "}", "between one"),
        (HEADER + POINTS + "}\n7 7", "between one"),
        (HEADER + "1 1\n2 2\n}", "expected 3 points, found 2"),
        (HEADER + POINTS + "9 9\n}", "expected 3 points, found 4"),
        (HEADER + "1 1\n2 two\n3 3\n}", "found '2 two'"),
        (HEADER + "1 1\n2\n3 3\n}", "found '2'"),
        (HEADER + "1 1\n2 2 2\n3 3\n}", "found '2 2 2'"),
        (HEADER + "1 1\nnan 2\n3 3\n}", "found 'nan 2'"),
        (HEADER + "1 1\n2 inf\n3 3\n}", "found '2 inf'"),
        ("1 1\n2 -inf\n", "found '2 -inf'"),
        ("a face\n", "found 'a face'"),
    ],
)
def test_a_bad_file_is_an_error_that_names_it_and_says_why(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}.*{re.escape(message)}"):
        read_pts(path)


def test_a_point_that_nobody_marked_is_a_line_of_its_own(tmp_path):
    points = np.float32([[3, 4], [np.nan, np.nan], [0, 0.5]])
    write_pts(tmp_path / "a.pts", points)
    assert "\nnan nan\n" in (tmp_path / "a.pts").read_text()
    np.testing.assert_array_equal(read_pts(tmp_path / "a.pts"), points)
    (tmp_path / "a.pts").write_text("1 nan\n2 3\n")
    with pytest.raises(ValueError, match="expected two finite numbers a line, found '1 nan'"):
        read_pts(tmp_path / "a.pts")


def test_another_number_of_points_than_expected_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="expected 68 points, found 3"):
        read_pts(write(tmp_path, POINTS), count=68)


def test_a_picture_is_not_an_annotation(tmp_path):
    path = tmp_path / "face.pts"
    path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)))
    with pytest.raises(ValueError, match="face.pts"):
        read_pts(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nobody.pts"):
        read_pts(tmp_path / "nobody.pts")


# Folders


def write_lit_face(folder, stem, seed=0, count=68, ending=".png"):
    points = lit_points(count, seed=seed)
    write_lit(folder / f"{stem}{ending}", points)
    write_pts(folder / f"{stem}.pts", points)
    return points


def test_points_of_a_folder_lie_on_their_pixels(tmp_path):
    write_lit_face(tmp_path / "01_Indoor", "indoor_001")
    write_lit_face(tmp_path / "01_Indoor", "indoor 002", 1, ending=".JPG")
    (tmp_path / "01_Indoor/indoor 002.pts").rename(tmp_path / "01_Indoor/indoor 002.PTS")
    (tmp_path / "01_Indoor/._indoor_001.pts").write_bytes(b"\x00\x05\x16\x07")
    faces = read_pts_folders(tmp_path, ["01_Indoor"])
    assert [face.name for face in faces] == ["01_Indoor/indoor 002.JPG", "01_Indoor/indoor_001.png"]
    for face in faces:
        assert_lit(face, 68)


def test_profiles_have_39_points(tmp_path):
    write_lit_face(tmp_path, "a", count=39)
    (face,) = read_pts_folders(tmp_path, scheme="menpo39")
    assert_lit(face, 39)
    assert (face.name, face.scheme) == ("a.png", "menpo39")
    with pytest.raises(ValueError, match=r"a\.pts: expected 68 points, found 39"):
        read_pts_folders(tmp_path)
    with pytest.raises(FileNotFoundError, match="No folder"):
        read_pts_folders(tmp_path, ["profile"])


def test_mirror_images_without_points_are_left_out(tmp_path):
    for seed, stem in enumerate(("1_1", "2_1_mirror")):
        write_lit_face(tmp_path, stem, seed)
    write_lit(tmp_path / "1_1_mirror.png", lit_points(68))
    faces = read_pts_folders(tmp_path)
    assert [face.name for face in faces] == ["1_1.png", "2_1_mirror.png"]


def test_each_picture_is_a_photo_unless_numbers_tell_the_faces_of_one(tmp_path):
    for i in (1, 2):
        write_lit_face(tmp_path, f"face_{i}", i)
    assert [face.photo for face in read_pts_folders(tmp_path)] == ["face_1", "face_2"]
    numbered = read_pts_folders(tmp_path, numbered=True)
    assert [face.photo for face in numbered] == ["face", "face"]
    (tmp_path / "face_2.png").unlink()
    (tmp_path / "face_1.png").rename(tmp_path / "face.png")
    assert [face.photo for face in read_pts_folders(tmp_path)] == ["face", "face"]


@pytest.mark.parametrize("place", ["", "a"])
def test_pictures_may_lie_elsewhere(tmp_path, place):
    points = [write_lit_face(tmp_path / "pts/a", stem, i) for i, stem in enumerate(("1", "v1.2"))]
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pts/a").rename(tmp_path / "both")
    (tmp_path / "pts/a").mkdir()
    for path in (tmp_path / "both").iterdir():
        to = "pts/a" if path.suffix == ".pts" else f"pictures/{place}"
        (tmp_path / to).mkdir(exist_ok=True)
        path.rename(tmp_path / to / path.name)
    write_pts(tmp_path / "pts/a/1_1.pts", points[0])
    write_lit(tmp_path / "pictures" / place / "other.png", points[0])
    with pytest.warns(BrokenFile, match=r"no face for 1 pictures .*other\.png"):
        faces = read_pts_folders(tmp_path / "pts", ["a"], images=tmp_path / "pictures")
    assert [face.name for face in faces] == ["a/1.png", "a/1_1.png", "a/v1.2.png"]
    assert [face.photo for face in faces] == ["a/1", "a/1", "a/v1.2"]
    for face in faces:
        assert_lit(face, 68)
    (tmp_path / "pictures" / place / "v1.2.png").unlink()
    with pytest.raises(ValueError, match=r"v1\.2 does not exist"):
        read_pts_folders(tmp_path / "pts", ["a"], images=tmp_path / "pictures")


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path):
    path = tmp_path / "face.pts"
    for text in (HEADER + POINTS + "}", POINTS):
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        np.testing.assert_allclose(read_pts(path), EXPECTED, rtol=1e-6)


def write_boxes_mat(path, boxes):
    """`bounding_boxes_*.mat`: 1-based corners x0 y0 x1 y1 in structs in cells."""
    kinds = [("imgName", object), ("bb_detector", object), ("bb_ground_truth", object)]
    cells = np.empty((1, len(boxes)), object)
    for i, (name, box) in enumerate(boxes.items()):
        corners = np.float64([box]) + 1
        cells[0, i] = np.array([[(name, corners, corners + 2)]], kinds)
    path.parent.mkdir(parents=True, exist_ok=True)
    pytest.importorskip("scipy.io").savemat(path, {"bounding_boxes": cells})


def test_official_boxes_are_found_beside_the_folders(tmp_path):
    write_lit_face(tmp_path / "ibug", "image_092_01", ending=".jpg")
    write_lit_face(tmp_path / "lfpw/testset", "image_0001", 1)
    boxes = tmp_path / "Bounding Boxes"
    write_boxes_mat(boxes / "bounding_boxes_ibug.mat", {"image_092 _01.jpg": [-3, 2, 30, 40]})
    write_boxes_mat(boxes / "bounding_boxes_lfpw_testset.mat", {"image_0001.png": [1, 2, 3, 4]})
    first, second = read_pts_folders(tmp_path, ["ibug", "lfpw/testset"])
    np.testing.assert_array_equal(first.box, [-2.5, 2.5, 30.5, 40.5])
    np.testing.assert_array_equal(second.box, [1.5, 2.5, 3.5, 4.5])


def test_a_file_of_boxes_of_another_kind_is_an_error(tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    scipy_io.savemat(tmp_path / "bounding_boxes_a.mat", {"bounding_boxes": np.zeros(3)})
    with pytest.raises(ValueError, match="expected imgName, bb_detector and bb_ground_truth"):
        read_bounding_boxes(tmp_path / "bounding_boxes_a.mat")


@needs_data
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("afw", 337),
        ("helen_testset", 330),
        ("helen_trainset", 2000),
        ("ibug", 337),
        ("lfpw_testset", 224),
        ("lfpw_trainset", 811),
        ("xm2vts", None),
    ],
)
def test_the_official_boxes_are_read(name, count):
    boxes = read_bounding_boxes(DATA / f"formats/boxes_mat/bounding_boxes_{name}.mat")
    assert count in (None, len(boxes))
    corners = np.array(list(boxes.values()))
    assert (corners[..., 2:] > corners[..., :2]).all()


@needs_data
def test_an_official_box_is_where_the_file_says():
    boxes = read_bounding_boxes(DATA / "formats/boxes_mat/bounding_boxes_ibug.mat")
    detector, landmarks = boxes["image_003_1.jpg"]  # copied from the file by hand, 1-based
    expected = np.array([335.655, 187.87, 499.274, 388.435]) - 0.5
    np.testing.assert_allclose(detector, expected, atol=1e-3)
    np.testing.assert_allclose(landmarks[:2], np.array([334.238, 201.895]) - 0.5, atol=1e-3)
    assert "image_092 _01.jpg" in boxes


@needs_data
def test_the_boxes_of_landmarks_are_those_of_real_annotations():
    # Pictures of 300W here are crops, which moves and scales points: shapes of boxes stay.
    boxes = read_bounding_boxes(DATA / "formats/boxes_mat/bounding_boxes_lfpw_testset.mat")
    faces = read_pts_folders(DATA / "300W", ["lfpw/testset"])
    for face in faces[:20]:
        left, top, right, bottom = boxes[face.image.with_suffix(".png").name][1]
        low, high = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
        width, height = high - low
        assert width / height == pytest.approx((right - left) / (bottom - top), rel=0.01)


@pytest.mark.parametrize("name", ["Jo\u0308rg.pts", "j\xf6rg.PTS"])
def test_a_partner_may_be_written_in_another_way(tmp_path, name):
    write_lit(tmp_path / "J\xf6rg.jpg", points := lit_points(68))
    write_pts(tmp_path / name, points)
    (face,) = read_pts_folders(tmp_path, [""], "ibug68")
    assert_lit(face, 68)
