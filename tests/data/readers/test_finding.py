import warnings

import numpy as np
import pytest

from keras_landmarks.data.readers.contents import files_of, needed, read_mat, read_text
from keras_landmarks.data.readers.finding import LazyPicture, Pictures, plain_stem
from keras_landmarks.data.readers.rows import (
    BrokenFile,
    corner_box,
    points_of,
    read_faces,
    scheme_of,
    side_box,
)


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize(
    "name",
    [
        "a/Ann 1.jpg",
        "a\\Ann 1.jpg",
        "A/ann 1.JPG",
        "a/ann 1.png",
        "a/Ann 1.webp",
        "./a//Ann 1.jpg",
        "C:\\photos\\a\\Ann 1.jpg",
        "/home/ann/a/Ann 1.jpg",
        " a/Ann 1.jpg\r",
        "\ufeffa/Ann 1.jpg",
        "a/Ann1.jpg",
        "a/Ann 1",
    ],
)
def test_a_picture_is_found_by_what_other_machines_call_it(tmp_path, name):
    path = touch(tmp_path / "a/Ann 1.jpg")
    touch(tmp_path / "a/._Ann 1.jpg")
    assert Pictures(tmp_path).find(name) == path


def test_a_picture_that_was_converted_is_found_by_what_it_was(tmp_path):
    before, path = touch(tmp_path / "IMG_1.HEIC"), touch(tmp_path / "IMG_1.jpg")
    assert Pictures(tmp_path).find("IMG_1.HEIC") == path
    before.unlink()
    assert Pictures(tmp_path).find("IMG_1.HEIC") == path


def test_a_path_of_windows_leads_out_of_the_folder(tmp_path):
    path = touch(tmp_path / "images/a.jpg")
    for own in (False, True):  # a drawing of the same name beside the annotation
        if own:
            touch(tmp_path / "labels/a.jpg")
        (tmp_path / "labels").mkdir(exist_ok=True)
        assert Pictures(tmp_path / "labels").find("..\\images\\a.jpg").samefile(path)


def test_a_picture_is_found_in_other_folders(tmp_path):
    path = touch(tmp_path / "data/flickr/0/a.jpg")
    assert Pictures(tmp_path, ["flickr", "data/flickr"]).find("0/a.jpg") == path


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["1.jpg"], ["helen/1.jpg", "lfpw/1.jpg"]),
        (["1.jpg", "2.jpg"], ["helen/1.jpg", "lfpw/2.jpg"]),
        (["1.jpg", "b/2.jpg"], ["b/2.jpg", "a/1.jpg"]),
        (["1.jpg"], ["C:\\a\\1.jpg", "C:\\b\\1.jpg"]),
    ],
)
def test_no_picture_of_another_folder_is_taken_for_one_that_is_missing(tmp_path, files, names):
    for file in files:
        touch(tmp_path / file)
    pictures = Pictures(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BrokenFile)
        pictures.find(names[0])
    with pytest.raises(ValueError, match="does not exist"):
        pictures.find(names[1])


def test_a_folder_that_is_left_out_of_a_name_is_said(tmp_path):
    path = touch(tmp_path / "1.jpg")
    with pytest.warns(BrokenFile, match=r"lacks set, of set/1\.jpg"):
        assert Pictures(tmp_path).find("set/1.jpg") == path


def test_a_name_is_the_very_path_before_it_is_one_like_it(tmp_path):
    paths = [touch(tmp_path / name) for name in ("in/A/1.jpg", "in/a/1.jpg", "out/1.jpg")]
    pictures = Pictures(tmp_path / "in")
    names = "A/1.jpg", "a/1.jpg", "../out/1.jpg", str(tmp_path / "out/1.jpg")
    found = [pictures.find(name).resolve() for name in names]
    assert found == [*paths, paths[2]]
    with pytest.raises(ValueError, match="the name of both"):
        pictures.find("A /1.jpg")


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("img.jpg", ["img.jpg", "img.png"]),
        ("img.jpg", ["img.png", "img.jpg"]),
        ("img.jpg", ["img.png", "img.bmp"]),
        ("a.b.jpg", ["a.b.jpg", "a.b.png"]),
    ],
)
def test_no_picture_is_found_by_two_names(tmp_path, file, names):
    path, pictures = touch(tmp_path / file), Pictures(tmp_path)
    assert pictures.find(names[0]) == pictures.find(f".\\{names[0]}") == path
    with pytest.raises(ValueError, match=f"{names[1]}: .*{file} is the picture of .*{names[0]}"):
        pictures.find(names[1])
    assert pictures.find(names[0]) == path


@pytest.mark.parametrize("names", [["a1.jpg", "A 1.JPG", "a1"], ["b/1.jpg", "B/1.jpg"]])
def test_one_picture_may_be_written_in_several_ways(tmp_path, names):
    path, pictures = touch(tmp_path / names[0]), Pictures(tmp_path)
    assert {pictures.find(name) for name in names} == {path}


def test_a_name_may_begin_with_a_tilde(tmp_path, monkeypatch):
    path = touch(tmp_path / "~x.jpg")
    assert Pictures(tmp_path).find("~x.jpg") == path
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = touch(tmp_path / "home/y.jpg")
    assert Pictures(tmp_path).find("~/y.jpg") == path


def test_a_name_with_points_in_it_is_not_an_ending(tmp_path):
    path = touch(tmp_path / "v1.2.jpg")
    touch(tmp_path / "v1.jpg")
    assert Pictures(tmp_path).find("v1.2") == path
    with pytest.raises(ValueError, match=r"v1\.3\.jpg does not exist"):
        Pictures(tmp_path).find("v1.3.jpg")


def test_a_missing_or_ambiguous_picture_is_an_error(tmp_path):
    touch(tmp_path / "a.jpg")
    touch(tmp_path / "a.png")
    pictures = Pictures(tmp_path)
    assert pictures.find("a.png").name == "a.png"
    with pytest.raises(ValueError, match=r"a\.bmp is the name of both"):
        pictures.find("a.bmp")
    with pytest.raises(ValueError, match=r"b\.jpg does not exist"):
        pictures.find("b.jpg")
    with pytest.raises(FileNotFoundError, match="No folder .*nowhere"):
        Pictures(tmp_path / "nowhere")


def test_pictures_without_a_row_are_warned_of(tmp_path):
    touch(tmp_path / "a.jpg"), touch(tmp_path / "b.jpg"), touch(tmp_path / "c.txt")
    pictures = Pictures(tmp_path)
    pictures.find("a.jpg")
    with pytest.warns(BrokenFile, match=r"table has no face for 1 pictures .*: b\.jpg"):
        pictures.warn_of_unused("table")
    pictures.find("b.jpg")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures.warn_of_unused("table")


def test_names_of_boxes_do_not_depend_on_slashes_spaces_and_ending():
    assert plain_stem("ibug\\image_092 _01.jpg") == plain_stem("ibug/image_092_01.PNG")


def test_text_is_read_without_mark_and_windows_line_ends(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    assert read_text(tmp_path / "a.txt") == "one\ntwo\n"


def test_files_of_an_ending_are_listed_in_any_case_without_hidden_ones(tmp_path):
    touch(tmp_path / "a/b.PTS"), touch(tmp_path / "a/._b.pts"), touch(tmp_path / "c.pts")
    assert [p.name for p in files_of(tmp_path, ".pts")] == ["b.PTS", "c.pts"]
    assert [p.name for p in files_of(tmp_path, ".pts", recursive=False)] == ["c.pts"]


def test_a_lazy_picture_is_read_when_asked_for():
    calls = []
    picture = LazyPicture(lambda: calls.append(1) or np.zeros((2, 3, 3), np.uint8))
    assert not calls
    assert np.asarray(picture).shape == (2, 3, 3)


def face(row):
    if row < 0:
        raise ValueError(f"row {row} is broken")
    return row


def test_a_broken_face_is_an_error_or_left_out_with_a_warning():
    with pytest.raises(ValueError, match="row -1 is broken"):
        read_faces("table", [1, -1], face, labelled=False)
    with pytest.warns(BrokenFile, match="row -1 is broken"):
        assert read_faces("table", [1, -1, 2], face, labelled=False, skip_broken=True) == [1, 2]


@pytest.mark.filterwarnings("ignore")
def test_no_face_at_all_is_an_error():
    with pytest.raises(ValueError, match="table holds no annotated picture"):
        read_faces("table", [], face)
    with pytest.raises(ValueError, match="table: all 2 faces are broken; the first: row -3"):
        read_faces("table", [-3, -1], face, skip_broken=True)


def test_points_are_counted_and_moved_to_0():
    np.testing.assert_array_equal(
        points_of(["1", "2", "3", "4"], 2, "here", first=1), [[0, 1], [2, 3]]
    )
    with pytest.raises(ValueError, match="here: expected 3 points, found 2"):
        points_of([1, 2, 3, 4], 3, "here")
    with pytest.raises(ValueError, match="here: expected 3 points x y"):
        points_of(["1", "two"], 3, "here")


def test_boxes_lie_on_pixel_edges():
    # Of the pixels 2 to 4 across and 3 down.
    np.testing.assert_array_equal(side_box([2, 3, 3, 1]), [2, 3, 5, 4])
    np.testing.assert_array_equal(side_box([3, 4, 3, 1], first=1), [2, 3, 5, 4])
    np.testing.assert_array_equal(corner_box([2, 3, 4, 3]), [2.5, 3.5, 4.5, 3.5])
    np.testing.assert_array_equal(corner_box([3, 4, 5, 4], first=1), [2.5, 3.5, 4.5, 3.5])


def test_a_scheme_follows_from_the_count_or_is_named():
    assert scheme_of(106, None, "here") == "lapa106"
    assert scheme_of(5, "five5", "here") == "five5"
    with pytest.raises(ValueError, match="here: no scheme of 5 points is taken unnamed"):
        scheme_of(5, None, "here")
    with pytest.raises(ValueError, match="Unknown scheme 'mine'"):
        scheme_of(5, "mine", "here")


def test_what_a_format_needs_is_said_with_its_command():
    with pytest.raises(ImportError, match=r"pip install nothing, or keras_landmarks\[data\]"):
        needed("no_such_module", "nothing")


def test_a_matlab_file_of_another_kind_is_an_error(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"no MATLAB file")
    with pytest.raises(ValueError, match=r"a\.mat: expected a MATLAB file with `x` and `y`"):
        read_mat(tmp_path / "a.mat", "x", "y")


def test_numbers_that_a_space_parts_are_not_one_number(tmp_path):
    path = touch(tmp_path / "person 1 10.png")
    assert Pictures(tmp_path).find("Person 1 10 .png") == path
    with pytest.raises(ValueError, match="does not exist"):
        Pictures(tmp_path).find("person 11 0.png")
    assert plain_stem("person 11 0.png") != plain_stem("person 1 10.png")


def test_linked_folders_are_looked_through_once_and_hidden_ones_not(tmp_path):
    touch(tmp_path / "elsewhere/b.pts"), touch(tmp_path / "set/a.pts")
    touch(tmp_path / "set/.part-abc/c.pts"), touch(tmp_path / "set/.ipynb_checkpoints/d.pts")
    (tmp_path / "set/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/itself").symlink_to(tmp_path / "set")
    found = [p.relative_to(tmp_path / "set") for p in files_of(tmp_path / "set", ".pts")]
    assert [str(path) for path in found] == ["a.pts", "linked/b.pts"]


@pytest.mark.parametrize("turned", [1, -1])
def test_a_picture_is_not_that_of_a_name_here_and_of_one_elsewhere(tmp_path, turned):
    touch(tmp_path / "1.png")
    pictures, names = Pictures(tmp_path), ["1.png", "/data/B/1.png"][::turned]
    pictures.find(names[0])
    with pytest.raises(ValueError, match=r"1\.png"):
        pictures.find(names[1])
