"""What `keras-landmarks detect` does with words that are wrong; nothing is lost by them."""

import json
import pathlib
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image
from places import ROOT

from keras_landmarks import Tracker, weights, zoo
from keras_landmarks.cli import main, table
from keras_landmarks.pictures import VideoWriter, read_image, write_image

MODEL = ["--model", "tiny-ibug68"]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Two photos in a folder of the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in "ab":
        source = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
        shutil.copy(source, tmp_path / "photos" / f"{name}.jpg")
    return tmp_path / "photos"


@pytest.fixture
def clip(tmp_path, photos):
    picture = read_image(photos / "a.jpg")[:300, 100:400]
    with VideoWriter(tmp_path / "clip.avi", 20) as video:
        for _ in range(6):
            video.write(picture)
    return tmp_path / "clip.avi"


def test_a_table_is_kept_where_nothing_can_be_read(photos, capsys):
    assert main(["detect", "photos", *MODEL, "--out", "points.csv"]) == 0
    before = pathlib.Path("points.csv").read_text()
    assert main(["detect", "photoz", *MODEL, "--out", "points.csv"]) == 1
    assert "No picture at photoz" in capsys.readouterr().err
    for path in photos.iterdir():
        path.write_bytes(b"no picture")
    assert main(["detect", "photos", *MODEL, "--out", "points.csv"]) == 1
    assert "None of 2 pictures could be read, as the first" in capsys.readouterr().err
    assert pathlib.Path("points.csv").read_text() == before
    assert [p.name for p in photos.parent.iterdir() if "unfinished" in p.name] == []


def test_a_table_of_other_weights_is_not_gone_on_with(photos, capsys, monkeypatch):
    """A training in the same folder has made other ones since."""
    facts, arrays = zoo.read_model("tiny-ibug68")
    (photos.parent / "mine").mkdir()
    path, facts = photos.parent / "mine/best.safetensors", {"model": {**facts, "name": "mine"}}
    weights.save_arrays(path, arrays, facts)
    words = ["detect", "photos", "--model", "mine", "--out", "points.csv"]
    add = table.Table.add

    def stop(self, picture, faces):
        add(self, picture, faces)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(table.Table, "add", stop)
        assert main(words) == 130
    weights.save_arrays(path, {name: array * 0 for name, array in arrays.items()}, facts)
    assert main(words) == 1
    assert "is left from a run with" in capsys.readouterr().err
    weights.save_arrays(path, arrays, facts)
    assert main(words) == 0


def test_empty_names_are_refused(photos, capsys):
    for words in (["photos/a.jpg", "--out", ""], [""], ["photos/a.jpg", "--json", ""]):
        assert main(["detect", *words, *MODEL]) == 1
        assert "A name is empty" in capsys.readouterr().err
    before = sorted(pathlib.Path().iterdir())
    for words in (
        ["detect", "photos/a.jpg", "--model", ""],
        ["export", "tiny-ibug68", "--out", ""],
        ["train", "--weights", "tiny-ibug68", "--from", "faces.csv", "--out", ""],
    ):
        assert main(words) == 1
        assert "A name is empty" in capsys.readouterr().err
    assert sorted(pathlib.Path().iterdir()) == before


def test_a_picture_of_the_working_folder_is_not_drawn_over(photos, capsys):
    write_image("a.png", np.zeros((9, 9, 3), np.uint8))
    assert main(["detect", "photos/a.jpg", *MODEL, "--out", "."]) == 1
    assert "a.png is there already" in capsys.readouterr().err
    assert read_image("a.png").shape == (9, 9, 3)


def test_drawings_are_not_put_among_the_photos(photos, capsys):
    for words in (["photos", "--out", "photos"], ["photos", "--out", "./photos/"]):
        assert main(["detect", *words, *MODEL]) == 1
        assert "holds the photos" in capsys.readouterr().err
    assert sorted(path.name for path in photos.iterdir()) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("words", [["--json", "file/a.json"], ["--out", "file/a.png"]])
def test_a_place_that_cannot_be_written_is_told_before_the_work(photos, capsys, monkeypatch, words):
    pathlib.Path("file").write_text("mine")
    monkeypatch.setattr(zoo, "load", None)  # nothing is computed
    assert main(["detect", "photos/a.jpg", *MODEL, *words]) == 1
    assert f"{words[1]} cannot be written" in capsys.readouterr().err
    assert pathlib.Path("file").read_text() == "mine"


def test_what_nobody_reads_does_not_stop_what_is_to_be_written(photos):
    """As by `keras-landmarks detect photos --json faces.json | head -1`."""
    command = [sys.executable, "-u", "-m", "keras_landmarks.cli", "detect", "photos", *MODEL]
    run = subprocess.Popen([*command, "--json", "faces.json"], stdout=subprocess.PIPE)
    run.stdout.close()
    assert run.wait() == 0
    assert len(json.loads(pathlib.Path("faces.json").read_text())["photos"]) == 2


def test_a_folder_may_have_a_dot(photos):
    (photos.parent / "results.2024").mkdir()
    for folder in ("results.2024", "other.v2/"):
        assert main(["detect", "photos", *MODEL, "--out", folder]) == 0
        drawn = sorted(path.name for path in (photos.parent / folder).iterdir())
        assert drawn == ["a.png", "b.png"]


def test_options_that_would_do_nothing_are_refused(photos, clip, capsys):
    for words, message in (
        (["photos/a.jpg", "--pose"], "--pose is drawn"),
        (["photos/a.jpg", "--pose", "--out", "a.csv"], "--pose is drawn"),
        (["photos/a.jpg", "--pose", "--json", "a.json"], "--pose is drawn"),
        (["clip.avi", "--strict"], "--strict is not there with a video"),
        (["clip.avi", "--skip-broken"], "--skip-broken is not there with a video"),
        (["clip.avi", "--pose", "--out", "a.csv"], "--pose is drawn"),
        (["clip.avi", "--ray", "auto"], "--ray is not there with a video"),
        (["photos/a.jpg", "--json", "photos"], "photos is a folder; name a file"),
    ):
        assert main(["detect", *words, *MODEL]) == 1
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("out", ["points.csv", "drawn.avi"])
def test_a_video_that_is_stopped_leaves_what_was_there(photos, clip, out, monkeypatch):
    assert main(["detect", "clip.avi", *MODEL, "--out", out]) == 0
    before = (photos.parent / out).read_bytes()
    follow = Tracker.__call__

    def stop(self, *frame):
        stop.frames += 1
        if stop.frames == 4:
            raise KeyboardInterrupt
        return follow(self, *frame)

    stop.frames = 0
    monkeypatch.setattr(Tracker, "__call__", stop)
    assert main(["detect", "clip.avi", *MODEL, "--out", out]) == 130
    assert (photos.parent / out).read_bytes() == before
    assert sorted(p.name for p in photos.parent.iterdir()) == sorted(["photos", "clip.avi", out])
    (photos.parent / out).unlink()
    stop.frames = 0
    assert main(["detect", "clip.avi", *MODEL, "--out", out]) == 0
    assert (photos.parent / out).stat().st_size < len(before)  # three frames of six


def test_faces_of_a_video_are_found_upside_down(photos, capsys):
    frame = cv2.rotate(read_image(ROOT / "tutorials/astronaut.jpg"), cv2.ROTATE_180)
    with VideoWriter("down.avi", 20) as video:
        for _ in range(6):
            video.write(frame)
    assert main(["detect", "down.avi", *MODEL]) == 0
    assert "1 face in 6 frames" in capsys.readouterr().out
    assert main(["detect", "down.avi", *MODEL, "--upright"]) == 0
    assert "0 faces in 6 frames" in capsys.readouterr().out


def test_a_process_without_standard_error_finds_faces(photos, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["detect", "photos/a.jpg", *MODEL]) == 0
    assert "1 face at" in capsys.readouterr().out


def test_frames_of_unlike_lengths_are_told(photos, capsys):
    picture = Image.fromarray(read_image(photos / "a.jpg")[:160:2, 200:360:2])
    for name, lengths in (("uneven", [100, 100, 100, 100, 5000, 100]), ("even", 100)):
        frames = [picture.rotate(turn) for turn in range(6)]
        picture.save(f"{name}.gif", save_all=True, append_images=frames[1:], duration=lengths)
        assert main(["detect", f"{name}.gif", *MODEL, "--out", "drawn.avi"]) == 0
        assert ("s apart, as they are in" in capsys.readouterr().err) == (name == "uneven")


def test_a_picture_that_is_drawn_to_a_video_is_told(photos, capsys):
    assert main(["detect", "photos/a.jpg", *MODEL, "--out", "drawn.mp4"]) == 1
    assert "or, of videos, a video" in capsys.readouterr().err
