import numpy as np
import pytest
from lit import assert_lit, lit_points, write_lit

from keras_landmarks.data import BrokenFile, read_any, read_dlib

BOX = 'top="4" left="-3" width="20" height="30"'


@pytest.fixture
def points(tmp_path):
    points = lit_points(68)
    write_lit(tmp_path / "a b/a.jpg", points)
    return points


def parts(points, names=None):
    names = names or [f"{i:02d}" for i in range(len(points))]
    return "".join(f"<part name='{n}' x='{x:g}' y='{y:g}'/>" for n, (x, y) in zip(names, points))


def write(folder, *boxes, file="a b\\a.jpg"):
    """As imglab writes it, with a style sheet, a byte order mark and Windows line ends."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n<?xml-stylesheet type="text/xsl" href="a.xsl"?>'
        f"\r\n<dataset><name>faces</name><images><image file='{file}'>{''.join(boxes)}</image>"
        "<image file='empty.jpg'/></images></dataset>"
    )
    (folder / "faces.xml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    return folder / "faces.xml"


def test_points_lie_on_their_pixels_and_boxes_on_edges(tmp_path, points):
    path = write(tmp_path, f"<box {BOX}>{parts(points)}</box>", f"<box {BOX} ignore='1'/>")
    (face,) = read_dlib(path)
    assert_lit(face, 68)
    assert face.scheme == "ibug68"
    np.testing.assert_array_equal(face.box, [-3, 4, 17, 34])


def test_a_part_that_a_face_lacks_is_missing(tmp_path, points):
    both = f"<box {BOX}>{parts(points)}</box>", f"<box {BOX}>{parts(points[:60])}</box>"
    first, second = read_dlib(write(tmp_path, *both))
    assert_lit(first, 68)
    assert_lit(second, 60)
    assert first.name != second.name


def test_parts_are_sorted_by_number_or_named_in_order(tmp_path, points):
    turned = [str(i) for i in range(68)][::-1]  # 9 before 10
    (face,) = read_dlib(write(tmp_path, f"<box {BOX}>{parts(points, turned)}</box>"))
    np.testing.assert_array_equal(face.landmarks, points[::-1])
    names = ["nose", "left_eye", "right_eye", "left_mouth", "right_mouth"]
    path = write(tmp_path, f"<box {BOX}>{parts(points[:5], names)}</box>")
    order = ["right_eye", "left_eye", "nose", "right_mouth", "left_mouth"]
    (face,) = read_dlib(path, scheme="five5", names=order)
    np.testing.assert_array_equal(face.landmarks, points[[2, 1, 0, 4, 3]])


@pytest.mark.parametrize(
    ("declared", "written"), [("UTF-8", "UTF-8"), ("ISO-8859-1",) * 2, ("ISO-8859-1", "UTF-8")]
)
def test_names_are_read_in_utf8_or_as_declared(tmp_path, points, declared, written):
    """dlib's own tools declare ISO-8859-1 and write a name's bytes as they are."""
    write_lit(tmp_path / "größe.jpg", points)
    text = write(tmp_path, f"<box {BOX}>{parts(points)}</box>", file="größe.jpg").read_text(
        "utf-8-sig"
    )
    text = text.replace("UTF-8", declared).replace("<image file='empty.jpg'/>", "")
    (tmp_path / "faces.xml").write_bytes(text.encode(written))
    (face,) = read_any(tmp_path / "faces.xml")
    assert_lit(face, 68)


def test_a_box_without_parts_is_passed_over(tmp_path, points):
    (face,) = read_dlib(write(tmp_path, f"<box {BOX}/>", f"<box {BOX}>{parts(points)}</box>"))
    assert_lit(face, 68)


@pytest.mark.parametrize("coding", ["ISO-8859-1", "UTF-8", "windows-1252"])
def test_a_picture_is_found_by_its_name_in_the_coding_of_the_file(tmp_path, points, coding):
    write_lit(tmp_path / "a b/café.jpg", points)
    path = write(tmp_path, f"<box {BOX}>{parts(points)}</box>", file="a b/café.jpg")
    text = path.read_text("utf-8-sig").replace("UTF-8", coding)
    path.write_bytes(text.encode(coding))
    with pytest.warns(BrokenFile, match="no face for 1 pictures"):
        (face,) = read_dlib(path)
    assert face.image.name == "café.jpg"


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (f"<box {BOX}><part name='70' x='1' y='2'/></box>", "no scheme of 69 points"),
        (f"<box {BOX}><part name='00' x='1'/></box>", "face 2 of .*: expected numbers"),
        (f"<box {BOX}><part name='00' x='1' y='b'/></box>", "face 2 of .*: expected numbers"),
        ("<box top='1'><part name='00' x='1' y='1'/></box>", "face 2 of .*: expected numbers"),
    ],
)
def test_a_broken_face_is_named(tmp_path, points, box, message):
    path = write(tmp_path, f"<box {BOX}>{parts(points)}</box>", box)
    with pytest.raises(ValueError, match=message):
        read_dlib(path)


def test_a_broken_face_is_left_out(tmp_path, points):
    bad = f"<box {BOX}><part name='00' x='1' y='b'/></box>"
    path = write(tmp_path, f"<box {BOX}>{parts(points)}</box>", bad)
    with pytest.warns(BrokenFile, match="expected numbers"):
        assert len(read_dlib(path, skip_broken=True)) == 1


def test_other_input_is_an_error(tmp_path, points):
    box = f"<box {BOX}>{parts(points)}</box>"
    with pytest.raises(ValueError, match=r"nobody\.jpg does not exist"):
        read_dlib(write(tmp_path, box, file="nobody.jpg"))
    with pytest.raises(ValueError, match="expected 68 points|shape"):
        read_dlib(write(tmp_path, f"<box {BOX}>{parts(points[:67])}</box>"), scheme="ibug68")
    with pytest.raises(ValueError, match="unknown part '67'"):
        read_dlib(write(tmp_path, box), names=[f"{i:02d}" for i in range(67)], scheme="ibug68")
    (tmp_path / "faces.xml").write_text("no XML")
    with pytest.raises(ValueError, match=r"faces\.xml: expected an XML file"):
        read_dlib(tmp_path / "faces.xml")


def test_a_picture_and_its_mirror_image_are_one_photo(tmp_path, points):
    for name in ("1.jpg", "1_mirror.jpg", "2_mirror.jpg"):
        write_lit(tmp_path / name, points)
    image = "<image file='{}'><box " + BOX + f">{parts(points)}</box></image>"
    images = "".join(image.format(f"{n}.jpg") for n in ("1", "1_mirror", "2_mirror"))
    (tmp_path / "faces.xml").write_text(f"<dataset><images>{images}</images></dataset>")
    faces = read_dlib(tmp_path / "faces.xml")
    assert [face.photo for face in faces] == ["1.jpg", "1.jpg", "2_mirror.jpg"]
    assert [face.image.name for face in faces] == ["1.jpg", "1_mirror.jpg", "2_mirror.jpg"]
