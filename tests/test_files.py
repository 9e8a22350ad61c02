import json

import pytest

from keras_landmarks import files


def test_a_written_file_holds_the_bytes_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "new" / "folder" / "a.bin"
    files.write_bytes(path, b"first")
    files.write_bytes(str(path), b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def test_json_is_indented_and_ends_with_a_line(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": [1]})
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == {"b": [1]}
    assert text == '{\n "b": [\n  1\n ]\n}\n'


def test_a_file_that_cannot_be_written_whole_leaves_the_older_one_alone(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"something older")
    with pytest.raises(TypeError):
        files.write_bytes(path, "not bytes")
    with pytest.raises(TypeError), files.whole(path) as partial:
        partial.write_text(partial.write_bytes(b"half"))
    assert path.read_bytes() == b"something older"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_written_to_has_the_ending_of_the_file(tmp_path):
    with files.whole(tmp_path / "a.mp4") as partial:
        assert partial.suffix == ".mp4"
        assert partial.parent == tmp_path
        partial.write_bytes(b"")
