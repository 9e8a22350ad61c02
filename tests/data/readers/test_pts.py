import re

import numpy as np
import pytest
from faces import write_pts

from keras_landmarks.data import made_up_face, read_pts

HEADER = "version: 1\nn_points: 3\n{\n"
POINTS = "1 1\n2.5 3\n-4 1e2\n"
EXPECTED = [[0, 0], [1.5, 2], [-5, 99]]


def write(folder, text):
    path = folder / "face.pts"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        HEADER + POINTS + "}\n",
        POINTS,
        (HEADER + POINTS + "}").replace("\n", "\r\n"),
        "version:1\nn_points:  3 \n\n{\n\n" + POINTS.replace(" ", "\t") + "\n}\n\n",
        "\n" + POINTS.strip(),
    ],
    ids=["header", "bare lines", "windows", "blank lines and tabs", "no last line end"],
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
