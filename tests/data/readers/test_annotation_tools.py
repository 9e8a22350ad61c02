"""Exports of Label Studio and CVAT, whose coordinates count from the pixels' edges."""

import json

import numpy as np
import pytest
from lit import assert_lit, lit_points, write_lit

from keras_landmarks.data import BrokenFile, read_any, read_cvat, read_labelstudio
from keras_landmarks.own_schemes import scheme_of_names
from keras_landmarks.schemes import SCHEMES

NAMES = ["right eye", "left eye", "nose", "right corner", "left corner"]


@pytest.fixture
def points(tmp_path):
    points = lit_points(5)
    write_lit(tmp_path / "pictures/a.jpg", points)
    return points


# Label Studio


def key_point(label, x, y):
    """In percent of 64 pixels: the first pixel's centre is at half a pixel from the edge."""
    value = {"x": (x + 0.5) / 64 * 100, "y": (y + 0.5) / 64 * 100, "keypointlabels": [label]}
    value["width"] = 0.5
    facts = {"original_width": 64, "original_height": 64, "type": "keypointlabels"}
    return facts | {"value": value}


def rectangle(left, top, right, bottom):
    value = {"x": left / 0.64, "y": top / 0.64, "rectanglelabels": ["face"], "rotation": 0}
    value |= {"width": (right - left) / 0.64, "height": (bottom - top) / 0.64}
    facts = {"original_width": 64, "original_height": 64, "type": "rectanglelabels"}
    return facts | {"value": value}


def task(results, image="/data/upload/1/0123abcd-a.jpg", number=4):
    annotations = [{"was_cancelled": True, "result": []}, {"result": results}]
    return {"id": number, "data": {"img": image}, "annotations": annotations}


def write_tasks(folder, *tasks):
    (folder / "export.json").write_text(json.dumps(tasks))
    return folder / "export.json"


@pytest.mark.parametrize(
    "link", ["/data/upload/1/0123abcd-a.jpg", "/data/local-files/?d=faces/a.jpg", "s3://my/a.jpg"]
)
def test_points_of_a_task_lie_on_their_pixels(tmp_path, points, link):
    results = [key_point(name, x, y) for name, (x, y) in zip(NAMES, points)][::-1]
    path = write_tasks(tmp_path, task([*results, rectangle(2, 3, 30, 40)], link), task([]))
    (face,) = read_labelstudio(path, tmp_path / "pictures", "five5", NAMES)
    np.testing.assert_allclose(face.landmarks, points, atol=1e-4)
    np.testing.assert_allclose(face.box, [2, 3, 30, 40], atol=1e-4)


@pytest.mark.parametrize("link", ["/data/upload/1/0123abcd-a.webp", "b.tif", "s3://my/c?at=3"])
def test_a_task_may_have_a_picture_of_any_kind_or_without_an_ending(tmp_path, points, link):
    for name in ("a.webp", "b.tif", "c.png"):
        write_lit(tmp_path / name, points)
    facts = {"ref": "v1", "img": link} if "?" not in link else {"img": link}
    results = [key_point(name, x, y) for name, (x, y) in zip(NAMES, points)]
    path = write_tasks(tmp_path, task(results) | {"data": facts})
    with pytest.warns(BrokenFile, match="no face for 2 pictures"):
        (face,) = read_labelstudio(path, scheme="five5", names=NAMES)
    np.testing.assert_allclose(face.landmarks, points, atol=1e-4)


def test_a_task_without_a_picture_is_named_or_left_out(tmp_path, points):
    results = [key_point(name, x, y) for name, (x, y) in zip(NAMES, points)]
    path = write_tasks(tmp_path, task(results), task(results, number=5) | {"data": {"age": 3}})
    with pytest.raises(ValueError, match="task 5 .*: its data names no picture"):
        read_labelstudio(path, tmp_path / "pictures", "five5", NAMES)
    with pytest.warns(BrokenFile, match="task 5"):
        faces = read_labelstudio(path, tmp_path / "pictures", "five5", NAMES, skip_broken=True)
    assert len(faces) == 1


@pytest.mark.parametrize("other", ["cccccccc-a.jpg", "a.jpg"])
@pytest.mark.parametrize("order", [1, -1])
def test_two_uploads_of_one_name_are_not_taken_for_one_picture(tmp_path, points, other, order):
    results = [key_point(name, x, y) for name, (x, y) in zip(NAMES, points)]
    links = [f"/data/upload/1/{name}" for name in ("aaaaaaaa-a.jpg", other)][::order]
    path = write_tasks(tmp_path, *(task(results, link) for link in links))
    with pytest.raises(ValueError, match=r"a\.jpg is the picture of .*a\.jpg already"):
        read_labelstudio(path, tmp_path / "pictures", "five5", NAMES)
    path = write_tasks(tmp_path, *(task(results, links[0]) for _ in range(2)))
    assert len(read_labelstudio(path, tmp_path / "pictures", "five5", NAMES)) == 2


@pytest.mark.parametrize("first", [0, 1])
def test_labels_may_be_numbers_and_a_label_may_be_missing(tmp_path, points, first):
    results = [key_point(str(i + first), x, y) for i, (x, y) in enumerate(points) if i != 3]
    path = write_tasks(tmp_path, task(results))
    (face,) = read_labelstudio(path, tmp_path / "pictures", "five5")
    assert np.flatnonzero(face.missing).tolist() == [3]
    np.testing.assert_allclose(face.landmarks[4], points[4], atol=1e-4)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ([key_point("ear", 1, 2)], r"task 5 \(.*a\.jpg\): unknown label 'ear'"),
        ([key_point("nose", 1, 2), key_point("nose", 3, 4)], "task 5 .*'nose' is there twice"),
        ([key_point("nose", 1, 2) | {"original_width": None}], "task 5 .*expected numbers"),
        ([key_point("nose", 1, 2) | {"value": {}}], "task 5 .*expected numbers and a label"),
        ([key_point([], 1, 2) | {"value": {"keypointlabels": []}}], "task 5 .*and a label"),
    ],
)
def test_a_broken_task_is_named_or_left_out(tmp_path, points, broken, message):
    good = task([key_point(name, x, y) for name, (x, y) in zip(NAMES, points)])
    path = write_tasks(tmp_path, good, task(broken, number=5))
    with pytest.raises(ValueError, match=message):
        read_labelstudio(path, tmp_path / "pictures", "five5", NAMES)
    with pytest.warns(BrokenFile, match=message):
        faces = read_labelstudio(path, tmp_path / "pictures", "five5", NAMES, skip_broken=True)
    assert len(faces) == 1


def test_other_files_and_names_are_errors(tmp_path, points):
    for text in ("", "{}", '[{"id": 1}]', '[{"annotations": [{"result": [{"type": 3}]}]}]'):
        (tmp_path / "export.json").write_text(text)
        with pytest.raises(ValueError, match=r"export\.json"):
            read_labelstudio(tmp_path / "export.json", scheme="five5")
    path = write_tasks(tmp_path, task([key_point("nose", 1, 2)]))
    with pytest.raises(ValueError, match="five5 has 5 points, not 4 names"):
        read_labelstudio(path, scheme="five5", names=NAMES[:4])
    missing = task([key_point("nose", 1, 2)], "nobody.jpg")
    with pytest.raises(ValueError, match=r"nobody\.jpg does not exist"):
        read_labelstudio(write_tasks(tmp_path, missing), scheme="five5", names=NAMES)


# CVAT


def write_cvat(folder, *shapes, name="pictures\\a.jpg"):
    text = (
        f"<annotations><version>1.1</version><meta/><image id='0' name='{name}' width='64' "
        f"height='64'>{''.join(shapes)}</image></annotations>"
    )
    (folder / "annotations.xml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    return folder / "annotations.xml"


def at(x, y):
    return f"{x + 0.5},{y + 0.5}"


def test_points_of_a_shape_lie_on_their_pixels(tmp_path, points):
    line = ";".join(at(x, y) for x, y in points)
    left, top = points.min(axis=0) - 1
    boxes = (
        "<box label='face' xtl='0' ytl='0' xbr='1' ybr='1'/>",
        f"<box label='face' xtl='{left}' ytl='{top}' xbr='64.00' ybr='64.00'/>",
    )
    path = write_cvat(tmp_path, *boxes, f"<points label='face' occluded='0' points='{line}'/>")
    (face,) = read_cvat(path, scheme="five5")
    assert_lit(face, 5)
    np.testing.assert_array_equal(face.box, [left, top, 64, 64])
    assert face.visible.all()


def test_parts_of_a_project_may_have_pictures_of_one_name(tmp_path, points):
    images = []
    for k, part in enumerate(("train", "val")):
        write_lit(tmp_path / f"images/{part}/1.jpg", points + k)
        line = ";".join(at(x, y) for x, y in points + k)
        shape = f"<points label='face' points='{line}'/>"
        images.append(f"<image id='{k}' name='1.jpg' subset='{part}'>{shape}</image>")
    (tmp_path / "annotations.xml").write_text(f"<annotations>{''.join(images)}</annotations>")
    faces = read_cvat(tmp_path / "annotations.xml", scheme="five5")
    for face, part in zip(faces, ("train", "val"), strict=True):
        assert_lit(face, 5)
        assert (face.name, face.photo) == (f"{part}/1.jpg#1", f"images/{part}/1.jpg")


@pytest.mark.parametrize("order", [1, -1])
def test_a_face_has_the_smallest_box_that_holds_it(tmp_path, points, order):
    line = ";".join(at(x, y) for x, y in points)
    left, top = points.min(axis=0) - 1
    boxes = [
        "<box label='person' xtl='0' ytl='0' xbr='640' ybr='640'/>",
        f"<box label='face' xtl='{left}' ytl='{top}' xbr='64' ybr='64'/>",
        "<box label='mouth' xtl='0' ytl='0' xbr='1' ybr='1'/>",
    ]
    path = write_cvat(tmp_path, *boxes[::order], f"<points label='face' points='{line}'/>")
    (face,) = read_cvat(path, scheme="five5")
    np.testing.assert_array_equal(face.box, [left, top, 64, 64])


def test_points_of_a_skeleton_have_labels_and_flags(tmp_path, points):
    parts = [
        f"<points label='{i + 1}' outside='{int(i == 1)}' occluded='{int(i == 2)}' "
        f"points='{at(x, y)}'/>"
        for i, (x, y) in enumerate(points)
    ]
    path = write_cvat(tmp_path, f"<skeleton label='face'>{''.join(parts[::-1])}</skeleton>")
    (face,) = read_cvat(path, scheme="five5")
    assert_lit(face, 4)
    assert np.flatnonzero(face.missing).tolist() == [1]
    assert np.flatnonzero(~face.visible).tolist() == [1, 2]
    np.testing.assert_array_equal(face.landmarks[4], points[4])
    assert face.box is None


@pytest.mark.parametrize("groups", [1, 2])
def test_labelled_points_alone_are_one_face_or_one_of_each_group(tmp_path, points, groups):
    shapes = []
    for k in range(groups):
        group = f"group_id='{k}'" if groups > 1 else ""
        for name, point in zip(NAMES, points + 3 * k):
            flag = int(name == "nose")
            places = f"occluded='{flag}' points='{at(*point)}'"
            shapes.append(f"<points label='{name}' {places} {group}/>")
    faces = read_cvat(write_cvat(tmp_path, *shapes[::-1]), scheme="five5", names=NAMES)
    assert len(faces) == groups
    for k, face in enumerate(faces[::-1]):
        np.testing.assert_array_equal(face.landmarks, points + 3 * k)
        assert np.flatnonzero(~face.visible).tolist() == [2]


def test_labels_are_the_names_of_a_scheme_of_ones_own(tmp_path, points, monkeypatch):
    monkeypatch.setitem(SCHEMES, "mine", scheme_of_names("mine", NAMES))
    parts = [f"<points label='{n}' points='{at(*point)}'/>" for n, point in zip(NAMES, points)]
    path = write_cvat(tmp_path, f"<skeleton label='face'>{''.join(parts[::-1])}</skeleton>")
    results = [key_point(name, x, y) for name, (x, y) in zip(NAMES, points)][::-1]
    tasks = write_tasks(tmp_path, task(results))
    for faces in (
        read_cvat(path, scheme="mine"),
        read_labelstudio(tasks, tmp_path / "pictures", "mine"),
    ):
        np.testing.assert_allclose(faces[0].landmarks, points, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("<points points='1,2;3,4'/>", "face 2 of .*a.jpg: expected 5 points, found 2"),
        ("<points points='1,2;3,b'/>", "face 2 of .*: expected x,y;x,y"),
        ("<skeleton><points label='ear' points='1,2'/></skeleton>", "unknown label 'ear'"),
    ],
)
def test_a_broken_shape_is_named_or_left_out(tmp_path, points, shape, message):
    line = ";".join(at(x, y) for x, y in points)
    path = write_cvat(tmp_path, f"<points points='{line}'/>", shape)
    with pytest.raises(ValueError, match=message):
        read_cvat(path, scheme="five5", names=NAMES)
    with pytest.warns(BrokenFile, match=message):
        assert len(read_cvat(path, scheme="five5", names=NAMES, skip_broken=True)) == 1


def test_a_missing_picture_or_another_file_is_an_error(tmp_path, points):
    shape = "<points points='1,2'/>"
    with pytest.raises(ValueError, match=r"nobody\.jpg does not exist"):
        read_cvat(write_cvat(tmp_path, shape, name="nobody.jpg"), scheme="five5")
    (tmp_path / "annotations.xml").write_text("{}")
    with pytest.raises(ValueError, match=r"annotations\.xml: expected an XML file"):
        read_cvat(tmp_path / "annotations.xml", scheme="five5")


def test_numbers_without_the_first_and_the_last_one_are_asked_about(tmp_path, points):
    results = [key_point(str(i), *points[i]) for i in range(1, 4)]
    with pytest.raises(ValueError, match="without 0 and 5: do they begin at 0 or at 1"):
        read_labelstudio(write_tasks(tmp_path, task(results)), tmp_path / "pictures", "five5")


def test_the_scheme_of_cvats_points_is_that_of_most_shapes(tmp_path):
    write_lit(tmp_path / "pictures/a.jpg", lit_points(29))
    line = ";".join(f"{x + 0.5},{y + 0.5}" for x, y in lit_points(29))
    whole = f"<points label='face' points='{line}'/>"
    path = write_cvat(tmp_path, whole.replace(line, "1,2;3,4"), whole, whole)
    with pytest.warns(BrokenFile, match="29 points"):
        assert len(read_cvat(path, scheme=None, skip_broken=True)) == 2


def test_points_of_cvat_in_their_order_are_of_the_scheme_of_so_many(tmp_path):
    points = lit_points(29)
    write_lit(tmp_path / "b.jpg", points)
    places = ";".join(f"{x + 0.5},{y + 0.5}" for x, y in points)
    shape = f'<points label="face" points="{places}"/>'
    image = f'<image id="0" name="b.jpg" width="64" height="64">{shape}</image>'
    (tmp_path / "b.xml").write_text(f"<annotations>{image}</annotations>")
    (face,) = read_any(tmp_path / "b.xml")
    assert face.scheme == "cofw29"
    assert_lit(face, 29)
