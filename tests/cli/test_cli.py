import json
import shutil

import numpy as np
import pytest
from faces import write_300w
from matplotlib import cbook

from keras_landmarks.cli import main
from keras_landmarks.pictures import images
from keras_landmarks.pictures.video import VideoReader, VideoWriter

MODEL = ["--model", "tiny-ibug68"]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    shutil.copy(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False), path)
    return path


def test_detect_prints_draws_and_writes_json(photo, tmp_path, capsys):
    drawn, facts = tmp_path / "drawn.png", tmp_path / "faces.json"
    assert main(["detect", str(photo), *MODEL, "--out", str(drawn), "--json", str(facts)]) == 0
    assert "1 face at" in capsys.readouterr().out
    assert images.read_image(drawn).shape == images.read_image(photo).shape
    (face,) = json.loads(facts.read_text())["photos"][str(photo)]
    assert len(face["landmarks"]) == 68


def test_detect_of_several_photos_fills_a_folder(photo, tmp_path):
    other = tmp_path / "other.jpg"
    shutil.copy(photo, other)
    folder = tmp_path / "drawn"
    assert main(["detect", str(photo), str(other), *MODEL, "--out", str(folder)]) == 0
    assert sorted(p.name for p in folder.iterdir()) == ["other.png", "photo.png"]
    assert main(["detect", str(photo), str(other), *MODEL, "--out", "one.png"]) == 1


def test_a_photo_is_not_drawn_over(photo, tmp_path, capsys):
    picture = tmp_path / "photo.png"
    images.write_image(picture, images.read_image(photo))
    before = picture.read_bytes()
    for out in (tmp_path, picture):
        assert main(["detect", str(picture), *MODEL, "--out", str(out)]) == 1
        assert "drawn over" in capsys.readouterr().err
    assert picture.read_bytes() == before


def test_detect_says_when_there_is_no_face(tmp_path, capsys):
    images.write_image(tmp_path / "plain.png", np.full((99, 99, 3), 80, np.uint8))
    assert main(["detect", str(tmp_path / "plain.png"), *MODEL, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["photos"] == {str(tmp_path / "plain.png"): []}


def test_a_broken_photo_is_one_line_and_can_be_skipped(photo, tmp_path, capsys):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    assert main(["detect", str(broken), str(photo), *MODEL]) == 1
    assert "broken.jpg" in capsys.readouterr().err
    assert main(["detect", str(broken), str(photo), *MODEL, "--skip-broken"]) == 0
    output = capsys.readouterr()
    assert "broken.jpg" in output.err
    assert "1 face" in output.out


def test_detect_follows_the_faces_of_a_video(photo, tmp_path, capsys):
    source, drawn, facts = (tmp_path / name for name in ("made.avi", "drawn.mp4", "faces.json"))
    picture = images.read_image(photo)[:300, 100:400]
    with VideoWriter(source, 20) as video:
        for _ in range(3):
            video.write(picture)
    assert main(["detect", str(source), *MODEL, "--out", str(drawn), "--json", str(facts)]) == 0
    printed = capsys.readouterr().out
    assert "1 face in 3 frames, detector called 1 times" in printed
    assert "3/3" in printed  # the progress bar
    found = json.loads(facts.read_text())
    assert found["frame_rate"] == 20
    assert [[face["id"] for face in faces] for faces in found["frames"]] == [[0]] * 3
    frames = list(VideoReader(drawn))
    assert len(frames) == 3
    assert np.abs(frames[0].astype(int) - picture).max() > 100  # drawn upon
    assert main(["detect", str(source), str(photo), *MODEL]) == 1
    assert "One video at a time" in capsys.readouterr().err
    assert main(["detect", str(source), *MODEL, "--out", str(source)]) == 1
    assert "is the video itself" in capsys.readouterr().err


def test_an_unknown_model_is_one_line(photo, capsys):
    assert main(["detect", str(photo), "--model", "cnn9"]) == 1
    assert "Known: cnn6-300w" in capsys.readouterr().err


def test_list_names_every_model(capsys):
    assert main(["list"]) == 0
    assert "resnet18-ffld-300w" in capsys.readouterr().out
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tiny-ibug68"]["licence"]


@pytest.mark.parametrize("box", ["annotation", "truth"])
def test_evaluate_prints_and_writes_figures_and_plot(tmp_path, capsys, box):
    write_300w(tmp_path / "300W", 2)
    facts, plot = tmp_path / "r.json", tmp_path / "ced.png"
    words = ["evaluate", "tiny-ibug68", "--data", str(tmp_path / "300W"), "--box", box]
    assert main([*words, "--json", str(facts), "--plot", str(plot)]) == 0
    written = json.loads(facts.read_text())
    assert (written["faces"], written["box"], written["normaliser"]) == (2, box, "corners")
    assert '"nme_percent"' in capsys.readouterr().out
    assert plot.is_file()


def test_evaluate_names_a_broken_file_and_can_skip_it(tmp_path, capsys):
    write_300w(tmp_path / "300W", 3)
    folder = tmp_path / "300W" / "lfpw" / "testset"
    points = sorted(folder.glob("*.pts"))
    points[0].write_text("version: 1\nn_points: 68\n{\n1 2\n}\n")
    picture = next(p for p in folder.iterdir() if p.stem == points[1].stem and p.suffix != ".pts")
    picture.write_bytes(b"no picture")
    words = ["evaluate", "tiny-ibug68", "--data", str(tmp_path / "300W")]
    assert main(words) == 1
    assert points[0].name in capsys.readouterr().err
    assert main([*words, "--skip-broken"]) == 0
    output = capsys.readouterr()
    assert points[0].name in output.err
    assert picture.name in output.err
    assert '"faces": 1' in output.out


def test_a_folder_without_faces_is_one_line(tmp_path, capsys):
    assert main(["evaluate", "tiny-ibug68", "--data", str(tmp_path)]) == 1
    assert "lfpw/testset" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["detect"], ["list"], ["evaluate"]])
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    assert "usage: keras-landmarks" in capsys.readouterr().out
