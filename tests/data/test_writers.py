import functools
import pathlib
import re
import warnings

import numpy as np
import pytest
from lit import lit_points, write_lit

from keras_landmarks.data import (
    BrokenFile,
    Face,
    made_up_face,
    read_coco,
    read_dlib,
    read_pts,
    read_table,
    write_coco,
    write_dlib,
    write_pts,
    write_table,
)
from keras_landmarks.faces import Convention
from keras_landmarks.pictures.images import write_image

pytest.importorskip("pyarrow")
write_dlib_exactly = functools.partial(write_dlib, whole=False)


@pytest.fixture
def faces(tmp_path):
    """Three faces in two pictures: fractions, a space, points missing, covered and outside."""
    faces = []
    for i, name in enumerate(("a.jpg", "more photos/b.png", "a.jpg")):
        image, landmarks = made_up_face(i)
        if i < 2:
            path = tmp_path / "pictures" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, image)
        landmarks = np.float32(landmarks + 1 / 3 - 60 * (i == 2))  # the last: out of the picture
        visible = np.ones(68, bool)
        if i == 1:
            landmarks[[3, 30]], visible[[7, 8]] = np.nan, False
        box = np.float32([i - 2.1, 1, 100 + 1 / 7, 120])
        path = tmp_path / "pictures" / name
        faces.append(Face(path, landmarks, "ibug68", box, f"n{i}", f"p{i}", visible))
    return faces


def same(first, second):
    np.testing.assert_array_equal(first.landmarks, second.landmarks)
    np.testing.assert_allclose(first.box, second.box, rtol=1e-6)
    assert first.image == second.image
    assert first.scheme == second.scheme


@pytest.mark.parametrize("name", ["faces.csv", "faces.parquet", "faces.PARQUET"])
def test_a_table_comes_back_as_it_was(tmp_path, faces, name):
    path = tmp_path / "pictures" / name
    write_table(path, faces)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = read_table(path)
    for face, other in zip(faces, again, strict=True):
        same(face, other)
        np.testing.assert_array_equal(face.box, other.box)
        np.testing.assert_array_equal(face.visible, other.visible)
        assert (face.name, face.photo) == (other.name, other.photo)


def test_coco_comes_back_as_it_was(tmp_path, faces):
    write_coco(tmp_path / "out/faces.json", faces, tmp_path / "pictures")
    for face, other in zip(faces, read_coco(tmp_path / "out/faces.json", tmp_path / "pictures")):
        same(face, other)
        np.testing.assert_array_equal(face.visible, other.visible)


@pytest.mark.parametrize(
    ("write", "read", "name"),
    [(write_coco, read_coco, "faces.json"), (write_dlib, read_dlib, "faces.xml")],
)
def test_faces_that_were_cut_from_one_photo_stay_together(tmp_path, write, read, name):
    for i in range(3):
        write_image(tmp_path / f"{i}.png", made_up_face(i)[0])
    photos = ["group", "group", "alone & é"]
    points = made_up_face(0)[1]
    given = [Face(tmp_path / f"{i}.png", points, "ibug68", photo=p) for i, p in enumerate(photos)]
    write(tmp_path / name, given)
    again = read(tmp_path / name)
    assert [face.photo for face in again] == photos
    for odd in (None, 17, "no\tword", "caf\udce9"):  # a picture of its own, or no word
        given[0].photo = odd or str(given[0].image)
        write(tmp_path / name, given)
        assert str(tmp_path) not in (tmp_path / name).read_text()
        assert [face.photo for face in read(tmp_path / name)] == ["0.png", *photos[1:]]


def test_dlib_comes_back_as_it_was(tmp_path, faces):
    write_dlib_exactly(tmp_path / "pictures/faces.xml", faces)
    again = {face.name: face for face in read_dlib(tmp_path / "pictures/faces.xml")}
    assert list(again) == ["a.jpg#1", "a.jpg#2", "more photos/b.png#1"]
    for face, name in zip(faces, ("a.jpg#1", "more photos/b.png#1", "a.jpg#2")):
        same(face, again[name])


def test_dlib_gets_the_nearest_whole_numbers(tmp_path, faces):
    """Its loader ends at `30.33`: "string cast error"."""
    write_dlib(tmp_path / "pictures/faces.xml", faces)
    found = re.findall(
        r'(?: x| y|top|left|width|height)="(.*?)"', (tmp_path / "pictures/faces.xml").read_text()
    )
    assert len(found) == 3 * (4 + 2 * 68) - 2 * 2
    assert all(re.fullmatch(r"-?\d+", number) for number in found)
    again = {face.name: face for face in read_dlib(tmp_path / "pictures/faces.xml")}
    off = again["a.jpg#1"].landmarks - faces[0].landmarks
    assert 0.3 < np.abs(off).max() < 0.5
    assert abs(off.mean()) < 0.1


def test_pts_come_back_as_they_were(tmp_path, faces):
    write_pts(tmp_path / "a.pts", faces[0].landmarks)
    np.testing.assert_array_equal(read_pts(tmp_path / "a.pts", 68), faces[0].landmarks)
    assert (tmp_path / "a.pts").read_text().splitlines()[:3] == ["version: 1", "n_points: 68", "{"]


@pytest.mark.parametrize("ending", ["csv", "json", "xml"])
@pytest.mark.parametrize("convention", ["wflw", Convention(0.1, 0.2, 1.5), "annotation", None])
def test_a_box_of_any_convention_comes_back_as_the_same_square(tmp_path, faces, ending, convention):
    face = faces[0]
    face.convention = convention
    path = tmp_path / "pictures" / f"faces.{ending}"
    write = {"csv": write_table, "json": write_coco, "xml": write_dlib_exactly}[ending]
    write(path, [face])
    read = {"csv": read_table, "json": read_coco, "xml": read_dlib}[ending]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BrokenFile)
        (again,) = read(path)
    np.testing.assert_allclose(again.square(), face.square(), rtol=1e-6, atol=1e-5)
    if ending == "csv":  # how the square lies is known, or not, as before
        assert again.convention == (convention and "annotation")
    if convention in (None, "annotation"):
        np.testing.assert_allclose(again.box, face.box, rtol=1e-6)


@pytest.mark.parametrize("scheme", ["ibug68", "five5", "ibug51"])
@pytest.mark.parametrize(
    ("write", "read"), [(write_coco, read_coco), (write_dlib_exactly, read_dlib)]
)
def test_a_face_without_a_box_keeps_its_square(tmp_path, scheme, write, read):
    image, landmarks = made_up_face(1, scheme=scheme)
    write_image(tmp_path / "a.png", image)
    face = Face(tmp_path / "a.png", landmarks, scheme)
    write(tmp_path / "faces.txt", [face])
    (again,) = read(tmp_path / "faces.txt", scheme=scheme)
    np.testing.assert_allclose(again.square(), face.square(), rtol=1e-6)


def test_files_hold_what_other_tools_expect(tmp_path):
    write_lit(tmp_path / "a.png", lit_points(68))
    points = lit_points(68).astype(np.float32)
    face = Face(tmp_path / "a.png", points, "ibug68", [1, 2, 11, 22])
    write_dlib(tmp_path / "faces.xml", [face])
    text = (tmp_path / "faces.xml").read_text()
    x, y = points[5].astype(int)
    assert '<box top="2" left="1" width="10" height="20">' in text
    assert f'<part name="05" x="{x}" y="{y}" />' in text
    write_table(tmp_path / "faces.csv", [face])
    head, row = (tmp_path / "faces.csv").read_text().splitlines()
    assert head.startswith("image,name,photo,scheme,left,top,right,bottom,x0,y0,x1,y1,")
    assert row.startswith(f"a.png,{tmp_path / 'a.png'},")


@pytest.mark.parametrize("write", [write_coco, write_dlib, write_table])
def test_faces_that_a_file_cannot_hold_are_errors(tmp_path, faces, write):
    image, landmarks = made_up_face(0)
    with pytest.raises(ValueError, match="faces.csv: expected faces of one scheme, found no faces"):
        write(tmp_path / "faces.csv", [])
    other = Face(faces[0].image, lit_points(29), "cofw29")
    with pytest.raises(ValueError, match="one scheme, found \\['cofw29', 'ibug68'\\]"):
        write(tmp_path / "faces.csv", [*faces, other])
    held = Face(image, landmarks, "ibug68", name="held")
    with pytest.raises(ValueError, match="picture of held is no file"):
        write(tmp_path / "faces.csv", [held])
    assert not (tmp_path / "faces.csv").exists()


@pytest.mark.parametrize("write", [write_dlib, write_table])
def test_a_picture_whose_name_is_no_utf8_is_an_error_that_names_it(tmp_path, write):
    face = Face(tmp_path / "caf\udce9.jpg", lit_points(68), "ibug68")
    with pytest.raises(ValueError, match=r"'caf\\udce9.jpg' is no name in UTF-8.*: rename it"):
        write(tmp_path / "faces.csv", [face])


def test_points_that_a_file_cannot_hold_are_errors(tmp_path, faces):
    with pytest.raises(ValueError, match="finite or missing as a whole"):
        write_pts(tmp_path / "a.pts", [[1, 2], [3, np.nan]])
    with pytest.raises(ValueError, match="finite or missing as a whole"):
        write_pts(tmp_path / "a.pts", np.zeros((0, 2)))
    with pytest.raises(ValueError, match="point 3 is missing in all faces"):
        write_dlib(tmp_path / "a.xml", faces[1:2])
    hidden = Face(faces[0].image, faces[0].landmarks, "ibug68", visible=np.zeros(68, bool))
    with pytest.raises(ValueError, match="no point is visible"):
        write_coco(tmp_path / "a.json", [hidden])


@pytest.mark.parametrize("write", [write_table, write_coco, write_dlib])
def test_faces_may_come_one_by_one_or_alone(tmp_path, faces, write):
    write(tmp_path / "list", faces[:2], tmp_path)
    write(tmp_path / "generator", (face for face in faces[:2]), tmp_path)
    assert (tmp_path / "list").read_bytes() == (tmp_path / "generator").read_bytes()
    write(tmp_path / "alone", faces[0], tmp_path)
    write(tmp_path / "list", faces[:1], tmp_path)
    assert (tmp_path / "list").read_bytes() == (tmp_path / "alone").read_bytes()


def test_a_name_that_xml_cannot_hold_is_refused(tmp_path):
    image, landmarks = made_up_face(0)
    write_image(tmp_path / "a\x0cb.png", image)
    with pytest.raises(ValueError, match="XML has no letter for what is in"):
        write_dlib(tmp_path / "f.xml", [Face(tmp_path / "a\x0cb.png", landmarks, "ibug68")])


def test_a_photo_is_kept_whatever_names_it(tmp_path):
    image, points = made_up_face(0)
    for i in (0, 1):
        write_image(tmp_path / f"{i}.png", image)
    for write, read, name in ((write_coco, read_coco, "t.json"), (write_dlib, read_dlib, "t.xml")):
        for photo in (pathlib.Path("party.jpg"), 7):
            faces = [Face(tmp_path / f"{i}.png", points, "ibug68", photo=photo) for i in (0, 1)]
            write(tmp_path / name, faces)
            assert {face.photo for face in read(tmp_path / name)} == {str(photo)}


def test_pictures_go_by_their_names_here(tmp_path, monkeypatch):
    """A link by its own, not that of what it stands for, and `~` by the home folder's."""
    image, points = made_up_face(0)
    write_image(tmp_path / "store/0.png", image)
    (tmp_path / "set").mkdir()
    (tmp_path / "set/anna.png").symlink_to("../store/0.png")
    (tmp_path / "linked").symlink_to("set")
    monkeypatch.setenv("HOME", str(tmp_path))
    for picture, folder, called in (
        (tmp_path / "set/anna.png", None, "anna.png"),
        (tmp_path / "linked/anna.png", tmp_path / "linked", "anna.png"),
        (tmp_path / "linked/../set/anna.png", None, "anna.png"),
        ("~/set/anna.png", "~", "set/anna.png"),
    ):
        write_table(tmp_path / "set/t.csv", [Face(picture, points, "ibug68")], folder)
        assert (tmp_path / "set/t.csv").read_text().splitlines()[1].split(",")[0] == called
        (face,) = read_table(tmp_path / "set/t.csv", folder)
        np.testing.assert_array_equal(face.pixels(), image)
