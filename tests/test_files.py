import errno
import json
import os
import pathlib
import shutil

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


def test_what_is_written_to_has_the_name_of_the_file(tmp_path):
    with files.whole(tmp_path / "a.mp4") as partial:
        assert partial.name == "a.mp4"
        partial.write_bytes(b"")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.mp4"]


def test_a_folder_replaces_an_older_one_whole(tmp_path):
    path = tmp_path / "model"
    for content in ("first", "second"):
        with files.whole(path) as partial:
            partial.mkdir()
            (partial / content).write_text(content)
    assert list(path.iterdir()) == [path / "second"]
    with pytest.raises(OSError, match="third"), files.whole(path) as partial:
        (partial / "third").write_text("its folder is not there")
    assert list(tmp_path.iterdir()) == [path]
    assert list(path.iterdir()) == [path / "second"]


def test_what_may_not_be_replaced_stays_and_the_new_one_is_beside_it(tmp_path, monkeypatch):
    # As on Windows, where a program has a file open, or one of a folder.
    (tmp_path / "a.csv").write_text("old")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "content").write_text("old")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "content").write_text("new")
    replace = pathlib.Path.replace
    held = tmp_path / "a.csv", tmp_path / "model"

    def refuse(path, target):
        if pathlib.Path(target) in held and not path.name.endswith(".old"):
            raise PermissionError(13, "in use")
        return replace(path, target)

    monkeypatch.setattr(pathlib.Path, "replace", refuse)
    with pytest.raises(PermissionError, match=r"a\.csv may not be replaced") as raised:
        files.write_bytes(tmp_path / "a.csv", b"new")
    with (
        pytest.raises(PermissionError, match="open elsewhere"),
        files.whole(tmp_path / "model") as partial,
    ):
        shutil.copytree(tmp_path / "other", partial)
    found = sorted(path.name for path in tmp_path.iterdir())
    assert len(found) == 5
    assert (tmp_path / "a.csv").read_text() == "old"
    assert (tmp_path / "model" / "content").read_text() == "old"
    assert str(tmp_path / "a.new.csv") in str(raised.value)
    assert (tmp_path / "a.new.csv").read_text() == "new"
    assert next(tmp_path.glob("model.new-*/content")).read_text() == "new"


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path):
    real, link, pipe = (tmp_path / name for name in ("real", "link", "pipe"))
    real.write_text("old")
    link.symlink_to(real)
    files.write_bytes(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    (tmp_path / "model").mkdir()
    link.unlink()
    link.symlink_to(tmp_path / "model")
    with files.whole(link) as partial:
        partial.mkdir()
        (partial / "content").write_text("new")
    assert link.is_symlink()
    assert (tmp_path / "model/content").read_text() == "new"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.write_bytes(pipe, b"through it")
        assert os.read(reader, 99) == b"through it"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_file_does_not_replace_a_folder_nor_a_folder_a_file(tmp_path):
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    (folder / "precious").write_text("precious")
    file.write_text("precious")
    with pytest.raises(OSError, match="directory"):
        files.write_bytes(folder, b"bytes")
    with pytest.raises(OSError, match="directory"), files.whole(file) as partial:
        partial.mkdir()
    assert (folder / "precious").read_text() == file.read_text() == "precious"
    assert sorted(tmp_path.iterdir()) == [file, folder]


def test_a_folder_that_may_not_be_listed_is_told_of(tmp_path, monkeypatch):
    for name in ("a.jpg", "open/b.jpg", "shut/c.jpg"):
        files.write_bytes(tmp_path / name, b"")
    scan, shut = os.scandir, tmp_path / "shut"

    def scandir(path):
        if os.fspath(path) == os.fspath(shut):
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.warns(UserWarning, match="shut is left out: Permission denied"):
        found = files.files_in(tmp_path)
    assert [path.name for path in found] == ["a.jpg", "b.jpg"]
    with pytest.raises(PermissionError, match="shut"):
        files.files_in(shut)
