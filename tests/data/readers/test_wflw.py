import numpy as np
import pytest
from lit import assert_lit, lit_points, write_lit
from places import DATA, needs_data

from keras_landmarks.data import BrokenFile, read_lapa, read_wflw, read_wflw_list
from keras_landmarks.pictures import write_image

LIST = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt"


def line(points, name, box="3 4 50 60", attributes="0 0 1 0 0 1"):
    return " ".join([*(f"{v:.6f}" for v in np.ravel(points)), box, attributes, name])


def write_wflw(folder, lines):
    (folder / LIST).parent.mkdir(parents=True)
    (folder / LIST).write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, ""]).encode())


@pytest.fixture
def tree(tmp_path):
    one, two = lit_points(98, seed=1), lit_points(98, seed=2)
    write_lit(tmp_path / "WFLW_images/0--Parade/a b.jpg", np.concatenate([one, two]))
    write_lit(tmp_path / "WFLW_images/1--Handshaking/c.JPG", one)
    lines = [
        line(one, "0--Parade/a b.jpg"),
        line(two, "0--Parade\\a b.jpg", attributes="1 0 0 0 0 0"),
        line(one, "1--Handshaking/c.jpg", box="-7 -2 50 60"),
    ]
    write_wflw(tmp_path, lines)
    return tmp_path, lines


def test_points_lie_on_their_pixels_and_boxes_on_their_corners(tree):
    faces = read_wflw(tree[0])
    for face in faces:
        assert_lit(face, 98)
        assert face.scheme == "wflw98"
    np.testing.assert_array_equal(faces[0].box, [3.5, 4.5, 50.5, 60.5])
    np.testing.assert_array_equal(faces[2].box, [-6.5, -1.5, 50.5, 60.5])
    assert len({face.name for face in faces}) == 3
    assert faces[0].photo == faces[1].photo != faces[2].photo


def test_a_subset_holds_the_faces_of_its_attribute(tree):
    folder, _ = tree
    assert [len(read_wflw(folder, attribute=a)) for a in ("pose", "blur", "make-up")] == [1, 2, 0]
    assert not read_wflw(folder, attribute="none")
    assert read_wflw(folder)[0].facts == {
        "pose": False,
        "expression": False,
        "illumination": True,
        "make-up": False,
        "occlusion": False,
        "blur": True,
    }
    with pytest.raises(ValueError, match="Unknown attribute 'age'"):
        read_wflw(folder, attribute="age")


def test_a_list_of_a_subset_has_neither_boxes_nor_attributes(tree):
    folder, _ = tree
    points = lit_points(98, seed=1)
    words = [f"{v:g}" for v in np.ravel(points)]
    (folder / "list.txt").write_text(" ".join([*words, "1--Handshaking/c.jpg"]))
    (face,) = read_wflw_list(folder / "list.txt", folder / "WFLW_images")
    assert_lit(face, 98)
    assert (face.box, face.facts) == (None, {})


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            line(lit_points(97), "0--Parade/a b.jpg"),
            "line 4: .*: expected 98 points, found 97",
        ),
        (line(lit_points(98), "0--Parade/nobody.jpg"), "nobody.jpg does not exist"),
        (line(lit_points(98), "0--Parade/a b.jpg", box="9 9 3 3"), "inverted or empty"),
        ("a b c", "line 4: "),
    ],
)
def test_a_broken_line_is_named_or_left_out(tree, broken, message):
    folder, lines = tree
    (folder / LIST).write_text("\n".join([*lines, broken]))
    with pytest.raises(ValueError, match=message):
        read_wflw(folder)
    with pytest.warns(BrokenFile, match=message):
        assert len(read_wflw(folder, skip_broken=True)) == 3


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="list_98pt_rect_attr_test.txt"):
        read_wflw(tmp_path)


@needs_data
def test_the_real_faces_are_where_their_list_says():
    faces = read_wflw(DATA / "WFLW-206")
    assert len(faces) == 206
    assert len({face.photo for face in faces}) == 175
    first = faces[0]  # copied from the file by hand
    assert first.image.name == "54_Rescue_rescuepeople_54_569.jpg"
    expected = [[459.457, 340.12], [497.006, 372.681]]
    np.testing.assert_allclose(first.landmarks[[0, 97]], expected, atol=1e-3)
    np.testing.assert_array_equal(first.box, [449.5, 342.5, 509.5, 400.5])
    assert [name for name, has in first.facts.items() if has] == ["illumination", "blur"]
    darker = []
    for face in faces:
        pixels = face.pixels().mean(axis=2)
        for pupil, around in ((96, range(60, 68)), (97, range(68, 76))):
            x, y = np.rint(face.landmarks[pupil]).astype(int)
            rim = np.rint(face.landmarks[list(around)]).astype(int)
            height, width = pixels.shape
            rim = np.clip(rim, 0, [width - 1, height - 1])
            darker.append(pixels[y, x] < pixels[rim[:, 1], rim[:, 0]].mean())
    assert np.mean(darker) > 0.75  # pupils are darker than the rims of their eyes


@needs_data
@pytest.mark.parametrize("name", ["list_98pt_test_largepose.txt", "list_98pt_test_blur.txt"])
def test_real_lists_have_98_points_a_line(tmp_path, name):
    path = DATA / "formats/wflw" / name
    for text in path.read_text().splitlines():
        picture = tmp_path / text.split()[-1]
        picture.parent.mkdir(exist_ok=True)
        picture.touch()
    faces = read_wflw_list(path, tmp_path)
    assert len(faces) == 20
    assert all(face.landmarks.shape == (98, 2) for face in faces)


def test_an_unknown_part_is_an_error(tmp_path):
    for read in (read_wflw, read_lapa):
        with pytest.raises(ValueError, match="tst"):
            read(tmp_path, part="tst")


def test_pictures_of_one_name_in_two_folders_are_two_photos(tmp_path):
    for part in "ab":
        write_image(tmp_path / part / "1.png", np.full((60, 60, 3), 90, np.uint8))
    points = " ".join(map(str, range(98 * 2)))
    (tmp_path / "list.txt").write_text(f"{points} a/1.png\n{points} b/1.png\n")
    faces = read_wflw_list(tmp_path / "list.txt", tmp_path)
    assert [face.photo for face in faces] == ["wflw/a/1", "wflw/b/1"]
