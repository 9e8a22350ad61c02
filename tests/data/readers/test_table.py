import json
import os
import tracemalloc

import numpy as np
import pytest
from lit import assert_lit, lit_points, write_lit

from keras_landmarks.data import BrokenFile, Face, made_up_face, read_any, read_table, write_table
from keras_landmarks.own_schemes import scheme_of_names
from keras_landmarks.pictures import write_image
from keras_landmarks.schemes import SCHEMES

HEAD = "image," + ",".join(f"x{i},y{i}" for i in range(5))


@pytest.fixture
def points(tmp_path):
    points = lit_points(5)
    write_lit(tmp_path / "a.jpg", points)
    return points


def row(points, name="a.jpg"):
    return ",".join([name, *(f"{v:g}" for v in np.ravel(points))])


def write(folder, *lines):
    (folder / "faces.csv").write_text("\n".join(lines))
    return folder / "faces.csv"


@pytest.mark.parametrize("parted", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_points_lie_on_their_pixels(tmp_path, points, parted, end):
    text = HEAD.replace("image", " image ") + "\n" + row(points, "pictures\\a.JPG") + "\n"
    text = text.replace(",", parted)
    path = tmp_path / "faces.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", end).encode())
    (face,) = read_table(path, scheme="five5")
    assert_lit(face, 5)
    assert face.box is None


def test_an_empty_cell_is_a_missing_point(tmp_path, points):
    cells = row(points).split(",")
    cells[3] = cells[4] = ""
    (face,) = read_table(write(tmp_path, HEAD, ",".join(cells)), scheme="five5")
    assert np.flatnonzero(face.missing).tolist() == [1]
    assert_lit(face, 4)


def test_words_for_nothing_are_missing_points_and_decimals_may_have_commas(tmp_path, points):
    cells = [f"{v:.1f}".replace(".", ",") for v in np.ravel(points)]
    cells[2], cells[3] = "NA", "None"
    for parted in ";\t":
        lines = [HEAD.replace(",", parted), parted.join(["a.jpg", *cells])]
        (face,) = read_table(write(tmp_path, *lines), scheme="five5")
        assert np.flatnonzero(face.missing).tolist() == [1]
        assert_lit(face, 4)


def test_columns_that_are_there_twice_or_make_no_box_are_errors(tmp_path, points):
    path = write(tmp_path, HEAD + ",x0", row(points) + ",3")
    with pytest.raises(ValueError, match="the column x0 is there twice"):
        read_table(path, scheme="five5")
    path = write(tmp_path, HEAD + ",note,note,left", row(points) + ",a,b,3")
    assert len(read_table(path, scheme="five5")) == 1
    path = write(tmp_path, HEAD + ",left,top,width,height", row(points) + ",1,2,3,4")
    with pytest.raises(
        ValueError, match=r"a box needs the columns left, .*found \['left', 'top'\]"
    ):
        read_table(path, scheme="five5")


def test_faces_of_a_picture_have_one_photo_however_it_is_written(tmp_path, points, monkeypatch):
    names = ["a.jpg", "./a.jpg", "A.JPG", str(tmp_path / "a.jpg")]
    faces = read_table(write(tmp_path, HEAD, *(row(points, n) for n in names)), scheme="five5")
    assert {face.photo for face in faces} == {"a.jpg"}
    monkeypatch.chdir(tmp_path)
    assert {face.photo for face in read_table("faces.csv", scheme="five5")} == {"a.jpg"}


def test_pictures_beside_a_folder_of_annotations_are_found(tmp_path, points):
    (tmp_path / "annotations").mkdir()
    write_lit(tmp_path / "images/b.jpg", points)
    (face,) = read_any(write(tmp_path / "annotations", HEAD, row(points, "b.jpg")), scheme="five5")
    assert_lit(face, 5)
    (tmp_path / "images/b.jpg").rename(tmp_path / "annotations/b.jpg")  # or in it
    beside = Face(tmp_path / "annotations/b.jpg", face.landmarks, "five5")
    write_table(tmp_path / "annotations/again.csv", [beside])
    (again,) = read_table(tmp_path / "annotations/again.csv")
    assert_lit(again, 5)


def test_box_flags_scheme_and_names_are_taken_where_they_are(tmp_path, points):
    more = ",left,top,right,bottom,scheme,name,photo," + ",".join(f"visible{i}" for i in range(5))
    cells = ",-1,2,30.5,40,five5,ann,party,1,1,0,1,1"
    (face,) = read_table(write(tmp_path, HEAD + more, row(points) + cells))
    np.testing.assert_array_equal(face.box, [-1, 2, 30.5, 40])
    assert face.visible.tolist() == [True, True, False, True, True]
    assert (face.scheme, face.name, face.photo) == ("five5", "ann", "party")


def test_a_table_of_another_scheme_is_not_taken_for_it(tmp_path, points, monkeypatch):
    monkeypatch.setitem(SCHEMES, "mine", scheme_of_names("mine", 5, mirror=[]))
    path = write(tmp_path, HEAD + ",scheme,left,top,right,bottom", row(points) + ",five5,1,2,3,4")
    with pytest.raises(ValueError, match=r"row 1 \(a.jpg\) is of five5, not of mine"):
        read_table(path, scheme="mine")
    (face,) = read_table(path, scheme="mine", labelled=False)  # of which boxes alone are read
    assert face.scheme == "mine"


@pytest.mark.parametrize("words", ["1,1,0,1,1", "True,True,False,True,True", "1.0,1,0.0,1,1"])
def test_flags_may_be_words_as_pandas_writes_them(tmp_path, points, words):
    head = HEAD + "," + ",".join(f"visible{i}" for i in range(5))
    (face,) = read_table(write(tmp_path, head, f"{row(points)},{words}"), scheme="five5")
    assert face.visible.tolist() == [True, True, False, True, True]
    with pytest.raises(ValueError, match=r"row 1 \(a\.jpg\): visible2 is 'yes', not a number"):
        read_table(write(tmp_path, head, f"{row(points)},1,1,yes,1,1"), scheme="five5")


def test_a_row_without_the_cell_of_its_image_is_named(tmp_path, points):
    head = ",".join([*HEAD.split(",")[1:], "image"])
    cells = [*row(points).split(",")[1:], "a.jpg"]
    path = write(tmp_path, head, ",".join(cells), ",".join(cells[:-1]))
    with pytest.raises(ValueError, match=r"faces\.csv, row 2: names no image"):
        read_table(path, scheme="five5")


def test_a_scheme_of_ones_own_is_used_by_its_name(tmp_path, points, monkeypatch):
    monkeypatch.setitem(SCHEMES, "mine", scheme_of_names("mine", 3, mirror=[]))
    head, cells = HEAD.split(",")[:7], row(points).split(",")[:7]
    (face,) = read_table(write(tmp_path, ",".join(head), ",".join(cells)), scheme="mine")
    assert_lit(face, 3)


@pytest.mark.parametrize(
    ("head", "scheme", "message"),
    [
        (HEAD.replace(",y3", ",z3"), "five5", "faces.csv: five5 needs the column y3."),
        (HEAD.replace("image", "file"), "five5", "needs the column image"),
        (HEAD, "ibug68", "ibug68 needs the column x5 and 125 others"),
        (HEAD + ",x5,y5", "five5", "five5 has 5 points, but there is x5"),
        (
            HEAD,
            None,
            "without a column scheme: no scheme of 5 points is taken unnamed, .* five5 .5.",
        ),
        (HEAD, "mine", "Unknown scheme 'mine'"),
    ],
)
def test_a_wrong_head_is_named(tmp_path, points, head, scheme, message):
    path = write(tmp_path, head, row(points) + ",1,1" * (head.count(",") > 10))
    with pytest.raises(ValueError, match=message):
        read_table(path, scheme=scheme)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (row(np.ones((5, 2)), "nobody.jpg"), r"nobody\.jpg does not exist"),
        ("a.jpg,1,2,three,4,5,6,7,8,9,10", r"row 2 \(a\.jpg\): x1 is 'three', not a number"),
        ("a.jpg,1,,3,4,5,6,7,8,9,10", "not all finite, or missing as a whole"),
        ("a.jpg,,,,,,,,,,", "all landmarks are missing"),
        ("a.jpg,1,2,3", "row 2 .*cut short: it has no cell for y1"),
        ("a.jpg," + ",".join(["12", "5"] * 10), "row 2 .*more cells than the table has columns"),
        (row(np.ones((5, 2)), ""), r"faces\.csv, row 2: names no image"),
    ],
)
def test_a_broken_row_is_named_or_left_out(tmp_path, points, broken, message):
    path = write(tmp_path, HEAD, row(points), broken)
    with pytest.raises(ValueError, match=message):
        read_table(path, scheme="five5")
    with pytest.warns(BrokenFile, match=message):
        assert len(read_table(path, scheme="five5", skip_broken=True)) == 1


def test_of_faces_that_lie_on_a_side_nothing_is_learnt(tmp_path, points):
    head, cells = "picture,face,left,top,right,bottom,angle", ["a.jpg", 1, 1, 2, 30, 40]
    rows = [",".join(map(str, [*cells, angle])) for angle in (0.0, -30, 90, 180)]
    path = write(tmp_path, head, *rows)
    with pytest.warns(BrokenFile, match="turned by more than 45 degrees are left out"):
        assert len(read_table(path, scheme="five5", labelled=False)) == 2


def test_boxes_alone_are_unlabelled_faces(tmp_path, points):
    write(tmp_path, HEAD, row(points))  # and its picture
    (tmp_path / "boxes.csv").write_text("image,left,top,right,bottom\na.jpg,1,2,30,40\n")
    (face,) = read_table(tmp_path / "boxes.csv", scheme="five5", labelled=False)
    assert (face.labelled, face.box.tolist()) == (False, [1, 2, 30, 40])
    with pytest.raises(ValueError, match="five5 needs the column x0"):
        read_table(tmp_path / "boxes.csv", scheme="five5")
    (tmp_path / "boxes.csv").write_text("image,left,top,right\na.jpg,1,2,30\n")
    with pytest.raises(ValueError, match="five5 needs the column bottom"):
        read_table(tmp_path / "boxes.csv", scheme="five5", labelled=False)


def test_other_input_is_an_error(tmp_path, points):
    with pytest.raises(FileNotFoundError, match="No faces.csv"):
        read_table(tmp_path / "faces.csv", scheme="five5")
    with pytest.raises(ValueError, match="holds no annotated picture"):
        read_table(write(tmp_path, HEAD), scheme="five5")
    with pytest.raises(ValueError, match="holds no annotated picture"):
        read_table(write(tmp_path, ""), scheme="five5")
    write_lit(tmp_path / "b.png", points)
    with pytest.warns(BrokenFile, match=r"no face for 1 pictures .*b\.png"):
        read_table(write(tmp_path, HEAD, row(points)), scheme="five5")
    pytest.importorskip("pyarrow")
    (tmp_path / "faces.parquet").write_bytes(b"no table")
    with pytest.raises(ValueError, match=r"faces\.parquet: expected a Parquet file"):
        read_table(tmp_path / "faces.parquet", scheme="five5")


def test_an_empty_flag_says_nothing_and_the_others_count(tmp_path, points):
    head = HEAD + "," + ",".join(f"visible{i}" for i in range(5))
    cells = row(points).split(",")
    cells[9] = cells[10] = ""
    (face,) = read_table(write(tmp_path, head, ",".join(cells) + ",0,1,,1,"), scheme="five5")
    assert face.visible.tolist() == [False, True, True, True, False]


def test_a_cell_may_hold_any_character(tmp_path):
    names = ["a\u2028b.png", "a\x85b.png", "a\x0cb.png", "a\nb.png"]
    image, landmarks = made_up_face(0)
    for name in names:
        write_image(tmp_path / name, image)
    faces = [Face(tmp_path / name, landmarks, "ibug68") for name in names]
    write_table(tmp_path / "faces.csv", faces)
    assert [face.image for face in read_table(tmp_path / "faces.csv")] == [f.image for f in faces]


def test_tables_of_excel_are_read_and_other_letters_are_told(tmp_path, points):
    (tmp_path / "a.jpg").rename(tmp_path / "Jörg.jpg")
    text = f"{HEAD}\n{row(points, 'Jörg.jpg')}\n"
    (tmp_path / "wide.csv").write_bytes(text.replace(",", "\t").encode("utf-16"))
    (face,) = read_table(tmp_path / "wide.csv", scheme="five5")
    assert_lit(face, 5)
    (tmp_path / "faces.csv").write_bytes(text.encode("cp1252"))
    with pytest.raises(ValueError, match=r"faces\.csv is not in UTF-8"):
        read_table(tmp_path / "faces.csv", scheme="five5")


def test_photos_and_names_may_be_numbers(tmp_path, points):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    columns = {"image": ["a.jpg"], "photo": [0], "name": [7]}
    columns |= {f"{axis}{i}": [points[i, k]] for i in range(5) for k, axis in enumerate("xy")}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "faces.parquet")
    (face,) = read_table(tmp_path / "faces.parquet", scheme="five5")
    assert (face.name, face.photo) == ("7", "0")


def test_names_that_are_no_utf_8_are_found_as_detect_writes_them(tmp_path, points):
    (tmp_path / "a.jpg").rename(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.jpg"))
    head = HEAD.replace("image", "picture")
    (face,) = read_table(write(tmp_path, head, row(points, "caf\\udce9.jpg")), scheme="five5")
    assert_lit(face, 5)
    assert face.name == "caf\\udce9.jpg#1"


@pytest.mark.parametrize(("more", "convention"), [("", "blazeface"), (",mtcnn", "mtcnn")])
def test_boxes_of_detect_are_the_detectors(tmp_path, points, more, convention):
    head = HEAD.replace("image", "picture") + ",left,top,right,bottom" + (more and ",convention")
    (face,) = read_table(write(tmp_path, head, row(points) + ",1,2,30,40" + more), scheme="five5")
    assert face.convention == convention


def test_rows_are_read_one_by_one(tmp_path):
    header = "image," + ",".join(f"{axis}{i}" for i in range(68) for axis in "xy")
    row = "a.png," + ",".join(f"{i}.25" for i in range(136))
    write_image(tmp_path / "a.png", np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "t.csv").write_text("\n".join([header, *[row] * 1000]))
    tracemalloc.start()
    faces = read_table(tmp_path / "t.csv")
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(faces) == 1000
    assert most - kept < 5 * len(row) * 1000  # a dict of each row alone is fifteen


def test_an_address_is_found_by_its_name(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((90, 90, 3), np.uint8))
    header = "image," + ",".join(f"{axis}{i}" for i in range(5) for axis in "xy")
    row = "https://host/set/a.png,30,40,60,40,45,55,33,70,57,70"
    (tmp_path / "t.csv").write_text(f"{header}\n{row}\n")
    for images in (None, tmp_path):
        (face,) = read_table(tmp_path / "t.csv", images, scheme="five5")
        assert face.image == tmp_path / "a.png"


def test_a_quote_that_is_not_closed_is_told_of(tmp_path, points):
    rows = [row(points, f"{'x' * 200}.jpg")] * 1000
    with pytest.raises(ValueError, match="faces.csv, line .*: is a quote not closed"):
        read_table(write(tmp_path, HEAD, '"' + row(points), *rows), scheme="five5")
    with pytest.raises(ValueError, match="faces.csv, line .*: is a quote not closed"):
        read_table(write(tmp_path, '"' + HEAD, *rows), scheme="five5")


def test_lines_of_detect_are_faces(tmp_path, points):
    face = {"box": [1, 2, 30, 40], "landmarks": points.tolist(), "score": 0.9, "scheme": "five5"}
    lines = [{"picture": "a.jpg", "convention": "mtcnn", "faces": [face]}]
    path = tmp_path / "found.jsonl"
    path.write_text("".join(json.dumps(x) + "\n" for x in [*lines, {"picture": "b", "faces": []}]))
    for read in (read_table, read_any):
        (found,) = read(path)
        assert_lit(found, 5)
        assert (found.convention, found.box.tolist()) == ("mtcnn", [1, 2, 30, 40])
    (alone,) = read_table(path, scheme="ibug68", labelled=False)
    assert not alone.labelled
    path.write_text('{"frame": 0, "faces": [1]}\n')
    with pytest.raises(ValueError, match="found.jsonl, line 1: expected a picture and its faces"):
        read_table(path)
