import json

import numpy as np
import pytest
from lit import assert_lit, lit_points, write_lit
from places import DATA, needs_data

from keras_landmarks.data import BrokenFile, read_any, read_coco
from keras_landmarks.own_schemes import scheme_of_names
from keras_landmarks.schemes import SCHEMES


def triples(points, flag=2):
    return [v for x, y in points.tolist() for v in (x, y, flag)]


def write_coco(folder, annotations, images=None):
    images = images or [{"id": 7, "file_name": "a.jpg", "height": 64, "width": 64}]
    content = {"images": images, "annotations": annotations, "categories": []}
    path = folder / "faces.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(content).encode())
    return path


@pytest.fixture
def points(tmp_path):
    points = lit_points(68)
    write_lit(tmp_path / "a.jpg", points)
    return points


def test_points_lie_on_their_pixels(tmp_path, points):
    row = {"id": 1, "image_id": 7, "keypoints": triples(points), "bbox": [-3, 2, 20, 30]}
    (face,) = read_coco(write_coco(tmp_path, [row]))
    assert_lit(face, 68)
    assert (face.scheme, face.name, face.photo) == ("ibug68", "a.jpg#1", "a.jpg")
    np.testing.assert_array_equal(face.box, [-3, 2, 17, 32])


def test_pictures_in_a_folder_beside_the_file_are_found(tmp_path, points):
    (tmp_path / "a.jpg").unlink()
    write_lit(tmp_path / "images/a.jpg", points)
    path = write_coco(tmp_path, [{"id": 1, "image_id": 7, "keypoints": triples(points)}])
    assert_lit(read_any(path)[0], 68)
    assert_lit(read_any(tmp_path)[0], 68)


@pytest.mark.parametrize("place", ["images", "images/val", "val", "."])
def test_pictures_are_found_beside_a_folder_of_annotations(tmp_path, points, place):
    (tmp_path / "set/annotations").mkdir(parents=True)
    write_lit(tmp_path / "set" / place / "a.jpg", points)
    row = {"id": 1, "image_id": 7, "keypoints": triples(points)}
    path = write_coco(tmp_path / "set/annotations", [row])
    path = path.rename(path.with_name("person_keypoints_val.json"))
    for found in (read_any(tmp_path / "set"), read_any(path), read_coco(path)):
        assert_lit(found[0], 68)


def test_faces_of_whole_bodies_are_read_where_they_are_valid(tmp_path, points):
    numbers = triples(points)
    body = {"image_id": 7, "keypoints": [1, 2, 2] * 17}
    rows = [
        {"id": 1, **body, "face_kpts": numbers, "face_box": [1, 2, 3, 4], "face_valid": True},
        {"id": 2, **body, "face_kpts": numbers, "face_box": [0, 0, 0, 0], "face_valid": True},
        {"id": 3, **body, "face_kpts": [0.0] * 204, "face_box": [0, 0, 0, 0], "face_valid": False},
    ]
    first, second = read_coco(write_coco(tmp_path, rows))
    assert_lit(first, 68)
    np.testing.assert_array_equal(first.box, [1, 2, 4, 6])
    assert second.box is None


def test_flags_say_what_is_missing_covered_and_seen(tmp_path, points):
    numbers = triples(points)
    numbers[2], numbers[5] = 0, 1
    row = {"id": 1, "image_id": 7, "keypoints": numbers}
    (face,) = read_coco(write_coco(tmp_path, [row]))
    assert np.flatnonzero(face.missing).tolist() == [0]
    assert np.flatnonzero(~face.visible).tolist() == [0, 1]
    assert_lit(face, 67)


def test_where_all_points_have_1_all_are_seen(tmp_path, points):
    row = {"id": 1, "image_id": 7, "keypoints": triples(points, 1)}
    (face,) = read_coco(write_coco(tmp_path, [row]))
    assert face.visible.all()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"keypoints": [1, 2, 2] * 67}, r"annotation 5 \(a.jpg\): no scheme of 67 points"),
        ({"keypoints": [1, 2] * 68 + [1]}, r"annotation 5 \(a.jpg\): expected triples"),
        ({"image_id": 9}, "no image has the id 9"),
    ],
)
def test_a_broken_face_is_named_or_left_out(tmp_path, points, row, message):
    good = {"id": 1, "image_id": 7, "keypoints": triples(points)}
    path = write_coco(tmp_path, [good, good | {"id": 5} | row])
    with pytest.raises(ValueError, match=message):
        read_coco(path)
    with pytest.warns(BrokenFile, match=message):
        assert len(read_coco(path, skip_broken=True)) == 1


def test_pictures_without_their_partner_are_named(tmp_path, points):
    row = {"id": 1, "image_id": 7, "keypoints": triples(points)}
    path = write_coco(tmp_path, [row])
    write_lit(tmp_path / "b.jpg", points)
    with pytest.warns(BrokenFile, match=r"no face for 1 pictures .*b\.jpg"):
        read_coco(path)
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(ValueError, match=r"a\.jpg does not exist"):
        read_coco(path)
    with pytest.raises(FileNotFoundError, match="No folder"):
        read_coco(path, tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"images": [{}], "annotations": []}',
        '{"images": [], "annotations": "x"}',
        '{"images": [], "annotations": [], "categories": true}',
        '{"images": [], "annotations": [{"image_id": [], "keypoints": [1, 2, 2]}]}',
    ],
)
def test_another_kind_of_file_is_an_error(tmp_path, text):
    (tmp_path / "faces.json").write_text(text)
    with pytest.raises(ValueError, match=r"faces\.json: expected COCO's"):
        read_coco(tmp_path / "faces.json")


@needs_data
@pytest.mark.parametrize(
    ("name", "scheme", "faces"),
    [
        ("300w/test_300w", "ibug68", 2),
        ("300wlp/test_300wlp", "ibug68", 2),
        ("300vw/anno_300vw", "ibug68", 3),
        ("aflw/test_aflw", "aflw19", 2),
        ("cofw/test_cofw", "cofw29", 2),
        ("lapa/test_lapa", "lapa106", 2),
        ("wflw/test_wflw", "wflw98", 4),
    ],
)
@pytest.mark.filterwarnings("ignore:.*has no face for")
def test_real_files_are_read_and_their_points_lie_in_their_pictures(name, scheme, faces):
    read = read_coco(DATA / f"formats/mmpose/{name}.json")
    assert (len(read), {face.scheme for face in read}) == (faces, {scheme})
    for face in read:
        height, width = face.pixels().shape[:2]
        assert (face.landmarks > -1).all()
        assert (face.landmarks < [width, height]).all()


@needs_data
def test_real_covered_points_are_known():
    first, second = read_coco(DATA / "formats/mmpose/cofw/test_cofw.json")
    assert [(~face.visible).sum() for face in (first, second)] == [6, 9]
    # Copied from the file by hand.
    np.testing.assert_allclose(first.landmarks[8], [51.898355, 144.292173], atol=1e-4)
    np.testing.assert_array_equal(first.box, [38, 102, 143, 282])


@needs_data
def test_a_real_frame_has_the_same_points_as_its_pts_file():
    from keras_landmarks.data import read_300vw

    # Which keeps the 1-based points of the .pts files.
    path = DATA / "formats/mmpose/300vw/anno_300vw.json"
    with pytest.warns(BrokenFile):
        coco = {face.name.split("#")[0]: face for face in read_coco(path, first=1)}
    (first, _) = read_300vw(DATA / "formats/mmpose/300vw")
    again = coco["001/imgs/000006.jpg"]
    np.testing.assert_allclose(again.landmarks, first.landmarks, atol=1e-3)


@pytest.mark.parametrize("box", [[1, 2, 3], [1, 2, None, 4], "x"])
def test_a_broken_box_is_named_or_left_out(tmp_path, points, box):
    good = {"id": 1, "image_id": 7, "keypoints": triples(points)}
    path = write_coco(tmp_path, [good, good | {"id": 2, "bbox": box}])
    with pytest.raises(ValueError, match="annotation 2 .*expected triples x, y, v, and a box"):
        read_coco(path)
    with pytest.warns(BrokenFile, match="annotation 2"):
        assert len(read_coco(path, skip_broken=True)) == 1


def test_an_id_of_two_pictures_is_an_error(tmp_path, points):
    images = [{"id": 7, "file_name": name} for name in ("a.jpg", "b.jpg")]
    row = {"id": 1, "image_id": 7, "keypoints": triples(points)}
    with pytest.raises(ValueError, match=r"[ab]\.jpg and [ab]\.jpg have the id 7"):
        read_coco(write_coco(tmp_path, [row], images))
    assert len(read_coco(write_coco(tmp_path, [row], images[:1] * 2))) == 1


def write_named(folder, names, annotations):
    path = write_coco(folder, annotations)
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    content["categories"] = [{"id": 1, "name": "face", "keypoints": names}]
    path.write_text(json.dumps(content))
    return path


FIVE = ["right_eye", "left_eye", "nose", "right_mouth", "left_mouth"]


def test_further_points_of_a_category_are_left_out_with_a_warning(tmp_path, points, monkeypatch):
    monkeypatch.setitem(SCHEMES, "mine", scheme_of_names("mine", FIVE))
    names = ["left_ear", *FIVE[::-1], "hat"]
    row = {"id": 1, "image_id": 7, "category_id": 1, "keypoints": triples(points[:7])}
    path = write_named(tmp_path, names, [row])
    with pytest.warns(BrokenFile, match="2 points that mine has not are left out, as 'left_ear'"):
        (face,) = read_coco(path, scheme="mine")
    np.testing.assert_array_equal(face.landmarks, points[5:0:-1])
    path = write_named(tmp_path, names[1:], [row])
    monkeypatch.setitem(SCHEMES, "other", scheme_of_names("other", [*FIVE[:3], "chin", "top"]))
    with pytest.raises(ValueError, match="Call all points as the scheme does, or none"):
        read_coco(path, scheme="other")


def test_annotations_without_points_are_told(tmp_path, points):
    rows = [{"id": i, "image_id": 7, "bbox": [1, 2, 3, 4], "keypoints": []} for i in range(3)]
    with pytest.raises(ValueError, match="none of its 3 annotations has a point.*`keypoints`"):
        read_coco(write_coco(tmp_path, rows))


def test_roboflows_copies_of_a_photo_are_of_that_photo(tmp_path, points):
    names = [f"a_jpg.rf.{word * 16}.jpg" for word in ("0a", "3F")] + ["b.rf.1.jpg"]
    for name in names:
        write_lit(tmp_path / name, points)
    images = [{"id": i, "file_name": name} for i, name in enumerate(names)]
    rows = [{"id": i, "image_id": i, "keypoints": triples(points)} for i in range(3)]
    with pytest.warns(BrokenFile, match="no face for 1 pictures"):  # of the fixture
        faces = read_coco(write_coco(tmp_path, rows, images))
    assert [face.photo for face in faces] == ["a_jpg.jpg", "a_jpg.jpg", "b.rf.1.jpg"]
