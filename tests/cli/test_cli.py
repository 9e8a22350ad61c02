import csv
import dataclasses
import errno
import io
import itertools
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import types

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from faces import write_300w
from matplotlib import cbook
from places import PORTRAIT, ROOT

import keras_landmarks
from keras_landmarks import catalogue, data, evaluation, load, weights
from keras_landmarks.cli import COMMANDS, detect, list_models, main, photos, table
from keras_landmarks.cli.named import digest
from keras_landmarks.cli.photos import find_photos
from keras_landmarks.cli.quiet import import_keras
from keras_landmarks.conversion_tables import CONVERSIONS
from keras_landmarks.data import SPLITS, Face, made_up_face, write_coco, write_table
from keras_landmarks.errors import NORMALISERS
from keras_landmarks.evaluation import BOXES
from keras_landmarks.export.formats import DTYPES, FORMATS
from keras_landmarks.faces import Detection
from keras_landmarks.pictures import images, video
from keras_landmarks.pictures.images import write_image
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


def test_what_is_only_drawn_is_not_kept(photo, tmp_path, monkeypatch):
    monkeypatch.delattr(Detection, "to_dict")
    assert main(["detect", str(photo), *MODEL, "--out", str(tmp_path / "drawn.png")]) == 0
    with pytest.raises(AttributeError, match="to_dict"):
        main(["detect", str(photo), *MODEL, "--json", "-"])


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
    assert main(["detect", str(tmp_path / "plain.png"), *MODEL]) == 0
    printed = capsys.readouterr().out
    for words in ("no face found", "40 pixels", "--smallest 20", "--threshold 0.25", "upside down"):
        assert words in printed
    assert main(["detect", str(tmp_path / "plain.png"), *MODEL, "--upright"]) == 0
    assert "upright only: leave --upright out" in capsys.readouterr().out
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
    assert "/3" not in printed  # the progress bar is for terminals
    assert len(printed.splitlines()) == 1
    assert "frames a second" in printed
    found = json.loads(facts.read_text())
    assert found["frame_rate"] == 20
    assert found["times"] == pytest.approx([0, 0.05, 0.1], abs=1e-3)
    assert [[face["id"] for face in faces] for faces in found["frames"]] == [[0]] * 3
    frames = list(VideoReader(drawn))
    assert len(frames) == 3
    assert np.abs(frames[0].astype(int) - picture).max() > 100  # drawn upon
    assert main(["detect", str(source), str(photo), *MODEL]) == 1
    assert "One video at a time" in capsys.readouterr().err
    assert main(["detect", str(source), *MODEL, "--out", str(source)]) == 1
    assert "is the video itself" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_drawn_on_terminals_only(photo, tmp_path, capsys, monkeypatch):
    assert main(["detect", str(photo), *MODEL]) == 0
    output = capsys.readouterr()
    assert not set("\r\x1b\b") & set(output.out + output.err)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["detect", str(photo), *MODEL]) == 0
    assert "\r1/1 pictures" in terminal.getvalue()


@pytest.fixture
def folder(photo, tmp_path):
    """Two pictures with a face, one in a folder below, one without, a broken one, other files."""
    folder = tmp_path / "many"
    (folder / "below").mkdir(parents=True)
    shutil.copy(photo, folder / "a.jpg")
    shutil.copy(photo, folder / "below" / "b.JPG")
    images.write_image(folder / "c.png", np.full((99, 99, 3), 80, np.uint8))
    (folder / "d.jpg").write_bytes(b"no picture")
    (folder / "._a.jpg").write_bytes(b"of another system")
    (folder / "notes.txt").write_text("no picture")
    (folder / "below" / "e.HEIC").write_bytes(b"a telephone's")
    (folder / "f.mp4").write_bytes(b"a video")
    return folder


def test_a_folder_becomes_a_table_and_broken_files_are_named_at_the_end(folder, tmp_path, capsys):
    out = tmp_path / "points.csv"
    assert main(["detect", str(folder), *MODEL, "--out", str(out)]) == 0
    output = capsys.readouterr()
    assert "2 faces in 3 pictures" in output.out
    assert "1 of 4 pictures could not be read" in output.err
    assert "d.jpg" in output.err.splitlines()[-1]
    assert "e.HEIC of a kind that is not read: convert to jpg" in output.err
    assert "f.mp4 as videos: name each alone" in output.err
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ["a.jpg", "below/b.JPG", "c.png"]
    assert [row["picture"] for row in rows] == [str(folder / name) for name in names]
    assert [row["face"] for row in rows] == ["1", "1", "0"]
    (face,) = load("tiny-ibug68").detect(folder / "a.jpg")
    for i, (x, y) in enumerate(face.landmarks):
        assert float(rows[0][f"x{i}"]) == pytest.approx(x, abs=0.02)
        assert float(rows[0][f"y{i}"]) == pytest.approx(y, abs=0.02)
    assert float(rows[0]["yaw"]) == pytest.approx(face.pose.yaw, abs=0.1)
    assert rows[2]["x0"] == ""
    assert main(["detect", str(folder / "c.png"), *MODEL, "--out", str(out)]) == 0
    with out.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["face"], row["left"], row["y67"]) == ("0", "", "")  # the columns are there
    capsys.readouterr()
    assert main(["check", str(out), "--model", "none"]) == 1
    assert "points.csv holds no annotated picture" in capsys.readouterr().err
    assert main(["detect", str(folder), *MODEL, "--out", str(out), "--strict"]) == 1
    assert [p.name for p in tmp_path.iterdir() if "unfinished" in p.name] == []


def test_a_table_that_was_stopped_is_gone_on_with(folder, tmp_path, capsys, monkeypatch):
    out = tmp_path / "points.jsonl"
    words = ["detect", str(folder), *MODEL, "--out", str(out)]
    add = table.Table.add

    def stop(self, picture, faces):
        add(self, picture, faces)
        raise KeyboardInterrupt

    monkeypatch.setattr(table.Table, "add", stop)
    assert main(words) == 130
    assert capsys.readouterr().err.endswith("stopped\n")
    assert not out.exists()
    journal = tmp_path / "points.jsonl.unfinished"
    with journal.open("ab") as file:
        file.write(b'{"picture": "cut sh')
    added = []
    monkeypatch.setattr(table.Table, "add", lambda s, p, f: (added.append(p), add(s, p, f)))
    assert main([*words, "--threshold", "0.7"]) == 1
    assert "is left from a run with" in capsys.readouterr().err
    assert main(words) == 0
    assert [pathlib.Path(path).name for path in added] == ["b.JPG", "c.png"]
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [len(row["faces"]) for row in found] == [1, 1, 0]
    assert not journal.exists()


def test_a_table_is_not_gone_on_with_by_a_run_over_other_pictures(folder, tmp_path, capsys):
    out, facts = tmp_path / "points.csv", {"model": "tiny-ibug68", "detector": "blazeface"}
    facts |= {"smallest": None, "threshold": None, "upright": False}
    facts["weights"] = digest("tiny-ibug68")
    shutil.copy(folder / "a.jpg", tmp_path / "gone.jpg")
    stopped = table.Table(out, facts)
    for picture in (folder / "a.jpg", tmp_path / "gone.jpg"):
        stopped.add(str(picture), [])
    stopped.close()
    journal = (tmp_path / "points.csv.unfinished").read_bytes()
    for named in ([folder / "c.png"], [folder / "a.jpg"], [pathlib.Path("a.jpg")]):
        with pytest.raises(ValueError, match="over other pictures, as .*: name them as there"):
            table.Table(out, facts, pictures=list(map(str, named)))
    assert (tmp_path / "points.csv.unfinished").read_bytes() == journal
    (tmp_path / "gone.jpg").unlink()
    gone_on = table.Table(out, facts, pictures=[str(folder / "a.jpg"), str(folder / "c.png")])
    assert len(gone_on.done) == 2
    assert {photo: len(faces) for photo, faces, _ in gone_on.pictures()} == gone_on.done
    gone_on.close()
    assert main(["detect", str(folder / "c.png"), *MODEL, "--out", str(out)]) == 1
    assert "over other pictures" in capsys.readouterr().err


def test_a_folder_that_is_drawn_keeps_the_folders_below_and_may_hold_what_is_drawn(folder, capsys):
    for name in ("c.png", "d.jpg", "a.jpg"):
        (folder / name).unlink()
    shutil.copy(folder / "below" / "b.JPG", folder / "b.jpg")
    for _ in range(2):  # the second time there are drawn pictures in the folder
        assert main(["detect", str(folder), *MODEL, "--out", str(folder / "drawn")]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 2
    drawn = [p.relative_to(folder / "drawn") for p in (folder / "drawn").rglob("*.png")]
    assert sorted(map(str, drawn)) == ["b.png", "below/b.png"]
    shutil.copy(folder / "b.jpg", folder / "b.png")
    assert main(["detect", str(folder), *MODEL, "--out", str(folder / "drawn")]) == 1
    assert "b.jpg and" in (said := capsys.readouterr().err)
    assert "would both be drawn to" in said


def test_parquet_needs_its_package_before_anything_is_done(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["detect", str(folder), *MODEL, "--out", str(tmp_path / "points.parquet")]) == 1
    assert "pip install pyarrow" in capsys.readouterr().err


def test_a_table_beside_printed_json_is_told_of_elsewhere(folder, tmp_path, capsys):
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "points.parquet"
    assert main(["detect", str(folder / "below"), *MODEL, "--out", str(out), "--json", "-"]) == 0
    output = capsys.readouterr()
    assert len(json.loads(output.out)["photos"]) == 1
    assert "1 faces in 1 pictures, 0 without a face" in output.err
    assert len(parquet.read_table(out)["x0"]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_picture_whose_name_is_no_utf8_has_its_rows(photo, tmp_path, monkeypatch):
    shutil.copy(photo, tmp_path / "caf\udce9.jpg")
    words = ["detect", str(tmp_path / "caf\udce9.jpg"), *MODEL]
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    for out in ([], ["--out", str(tmp_path / "a.csv")], ["--out", str(tmp_path / "a.parquet")]):
        assert main([*words, *out]) == 0
    sys.stdout.flush()
    assert b"caf\\udce9.jpg: 1 face at" in sys.stdout.buffer.getvalue()
    name = str(tmp_path / "caf\\udce9.jpg")
    assert (tmp_path / "a.csv").read_text("utf-8").splitlines()[1].split(",")[0] == name
    parquet = pytest.importorskip("pyarrow.parquet")
    assert parquet.read_table(tmp_path / "a.parquet")["picture"].to_pylist() == [name]


def test_a_video_becomes_a_table_of_its_frames(photo, tmp_path):
    source, out = tmp_path / "made.avi", tmp_path / "points.csv"
    picture = images.read_image(photo)[:300, 100:400]
    with VideoWriter(source, 20) as video:
        for frame in (picture, picture, picture, np.zeros_like(picture)):
            video.write(frame)
    assert main(["detect", str(source), *MODEL, "--out", str(out)]) == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["frame"], row["id"]) for row in rows[:3]] == [("0", "0"), ("1", "0"), ("2", "0")]
    assert [row["face"] for row in rows] == ["1", "1", "1", "0"]
    assert [float(row["time"]) for row in rows] == pytest.approx([0, 0.05, 0.1, 0.15], abs=1e-3)
    assert main(["detect", str(source), *MODEL, "--out", str(out.with_suffix(".jsonl"))]) == 0
    lines = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    assert [len(line["faces"]) for line in lines] == [1, 1, 1, 0]
    assert [line["time"] for line in lines] == pytest.approx([0, 0.05, 0.1, 0.15], abs=1e-3)


def test_the_drawn_video_of_a_camera_takes_the_time_that_passed(tmp_path, monkeypatch):
    now = 50.0

    class Camera:  # that says 20 frames a second, of which 5 can be followed
        def __init__(self, source):
            self.left = 4

        def isOpened(self):
            return True

        def release(self):
            pass

        def get(self, what):
            return 20.0 if what == cv2.CAP_PROP_FPS else 0.0

        def read(self):
            nonlocal now
            now, self.left = now + 0.2, self.left - 1
            return self.left >= 0, np.full((64, 64, 3), 50 * abs(self.left), np.uint8)

    with monkeypatch.context() as patch:
        patch.setattr(cv2, "VideoCapture", Camera)
        patch.setattr(video, "time", types.SimpleNamespace(perf_counter=lambda: now))
        assert main(["detect", "--camera", "0", *MODEL, "--out", str(tmp_path / "a.avi")]) == 0
    greys = [round(frame.mean() / 50) for frame in VideoReader(tmp_path / "a.avi")]
    assert greys == [3] + [2] * 4 + [1] * 4 + [0] * 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Name a picture, a folder or a video"),
        (["--camera", "-1"], "index is 0 or more"),
        (["--camera", "0", "a.jpg"], "A camera, or files"),
        (["a.jpg", "--smallest", "-3"], "smallest must be a finite number above 0, not -3.0"),
        (["a.jpg", "--detector", "mtcnn", "--smallest", "20"], "--smallest is of blazeface alone"),
        (["none.mp4"], "No video at none.mp4"),
        (["https://a.org/b.jpg"], "https://a.org/b.jpg is an address, not a path"),
    ],
)
def test_words_that_make_no_sense_are_one_line(words, message, capsys):
    assert main(["detect", *words, *MODEL]) == 1
    assert message in capsys.readouterr().err


def test_an_empty_folder_is_one_line(tmp_path, capsys):
    assert main(["detect", str(tmp_path), *MODEL]) == 1
    assert "holds no pictures (.jpg" in capsys.readouterr().err


def test_an_unknown_model_is_one_line_and_does_not_bar_the_next_run(photo, tmp_path, capsys):
    words = ["detect", str(photo), "--out", str(tmp_path / "points.csv")]
    assert main([*words, "--model", "cnn9"]) == 1
    assert "Known: cnn6-300w" in capsys.readouterr().err
    assert main([*words, *MODEL]) == 0


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"keras-landmarks {keras_landmarks.__version__}\n"


def test_list_names_every_model(capsys):
    assert main(["list"]) == 0
    assert "resnet18-ffld-300w" in capsys.readouterr().out
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tiny-ibug68"]["licence"]


@pytest.mark.parametrize("box", ["annotation", "truth"])
def test_evaluate_prints_and_writes_figures_and_plot(tmp_path, capsys, box):
    write_300w(tmp_path / "300W", 2)
    facts, plot = tmp_path / "r.json", tmp_path / "ced.svg"
    words = ["evaluate", "tiny-ibug68", "--data", str(tmp_path / "300W"), "--box", box]
    assert main([*words, "--json", str(facts), "--plot", str(plot)]) == 0
    written = json.loads(facts.read_text())
    assert (written["faces"], written["box"], written["normaliser"]) == (2, box, "corners")
    said = capsys.readouterr()
    assert '"nme_percent"' in said.out
    assert not {"\r", "\b", "\x1b"} & set(said.out + said.err)  # the progress is for terminals
    assert plot.is_file()
    assert main([*words, "--plot", str(tmp_path / "ced.xyz")]) == 1
    said = capsys.readouterr()
    assert "Unknown ending of a plot 'xyz'" in said.err
    assert not said.out  # before the faces are looked at


def test_the_curve_of_errors_ends_where_the_protocol_does(tmp_path, monkeypatch):
    """At 7 % for AFLW."""
    drawn = []
    monkeypatch.setattr(
        keras_landmarks.evaluation, "plot_ced", lambda *given: drawn.append(given[2])
    )
    points = np.random.default_rng(0).uniform(0, 40, (19, 2))
    face = keras_landmarks.data.Face(np.zeros((40, 40, 3), "uint8"), points, "aflw19")
    face = dataclasses.replace(face, box=(0, 0, 39, 39))
    monkeypatch.setattr(keras_landmarks.data, "read_split", lambda *_: [face])
    words = ["evaluate", "tiny-ibug68", "--data", str(tmp_path), "--split", "aflw/full"]
    assert main([*words, "--plot", str(tmp_path / "c.png")]) == 0
    assert drawn == [0.07]


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
    facts = json.loads(output.out)
    assert (facts["faces"], facts["left_out"], facts["part"]) == (1, 1, "1 of 224")
    assert main([*words, "--skip-broken", "--json", "-"]) == 0
    assert len(json.loads(capsys.readouterr().out)["faces_percent"]) == 1


def test_a_folder_without_faces_is_one_line(tmp_path, capsys):
    assert main(["evaluate", "tiny-ibug68", "--data", str(tmp_path)]) == 1
    assert "lfpw/testset" in capsys.readouterr().err


def test_a_model_is_exported_as_the_ending_says_and_finds_the_same(photo, tmp_path, capsys):
    write_300w(tmp_path / "300W", 1)
    exported = str(tmp_path / "tiny.tflite")
    assert main(["export", "tiny-ibug68", "--out", exported]) == 0
    assert "tiny.tflite: tflite;" in capsys.readouterr().out
    assert main(["export", "tiny-ibug68", "--out", str(tmp_path / "tiny.h5")]) == 1
    assert "ends as no format does" in capsys.readouterr().err
    points, figures = [], []
    for name in ("tiny-ibug68", exported):
        assert main(["detect", str(photo), "--model", name, "--json", str(tmp_path / "j")]) == 0
        (face,) = json.loads((tmp_path / "j").read_text())["photos"][str(photo)]
        points.append(face["landmarks"])
        assert main(["check", str(tmp_path / "300W"), "--model", name]) == 0
        capsys.readouterr()
        assert main(["evaluate", name, "--data", str(tmp_path / "300W")]) == 0
        figures.append(json.loads(capsys.readouterr().out)["nme_percent"])
    assert figures[0] == pytest.approx(figures[1], abs=0.01)
    assert main(["evaluate", exported, "--mirrored", "--data", str(tmp_path / "300W")]) == 1
    assert "is read alone and unmirrored" in capsys.readouterr().err
    assert main(["evaluate", "tiny-ibug68", "--mirrored", "--data", str(tmp_path / "300W")]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["mirrored"]
    assert facts["nme_percent"] != figures[0]
    np.testing.assert_allclose(*points, atol=0.05)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert re.search(rf"examples?: keras-landmarks\s+{command}\s", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("command", "tables"),
    [("evaluate", (BOXES, NORMALISERS, SPLITS)), ("export", (FORMATS, DTYPES))],
)
def test_help_names_what_the_tables_of_the_package_hold(command, tables, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    said = capsys.readouterr().out.replace("-\n", "-")
    assert all(re.search(rf"[\s{{,]{name}[\s}},]", said) for table in tables for name in table)


@pytest.mark.parametrize("command", [None, "detect", "list", "export"])
def test_help_does_not_wait_for_keras(command):
    words = [command, "--help"] if command else ["--help"]
    code = "import sys; from keras_landmarks.cli import main\n"
    code += f"try: main({words})\nexcept SystemExit: assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT)


def test_tensorflow_says_nothing_of_itself_unless_it_is_asked_to(tmp_path, tiny):
    facts = catalogue.facts_of("tiny-ibug68") | {"name": "run"}
    arrays = weights.get_weights(tiny)
    weights.save_arrays(tmp_path / "run/best.safetensors", arrays, {"model": facts})
    command = [sys.executable, "-m", "keras_landmarks.cli", "info", str(tmp_path / "run")]
    plain = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    plain["KERAS_BACKEND"] = "tensorflow"

    def said(**more):
        run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=plain | more)
        return run.returncode, run.stderr

    (tmp_path / "tensorflow.py").write_text("import os\nos.write(2, b'lost')\nraise OSError('bad')")
    assert said() == (0, "")
    loud = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_ENABLE_ONEDNN_OPTS": "1"}  # off on some processors
    assert "oneDNN" in said(**loud)[1]
    shell = f"{shlex.join(command)} 2>&-"  # as a service's
    assert (
        subprocess.run(shell, shell=True, capture_output=True, cwd=ROOT, env=plain).returncode == 0
    )
    code, lines = said(PYTHONPATH=str(tmp_path))
    assert code == 1
    assert "lost" in lines
    assert "bad" in lines


def test_what_nobody_reads_is_no_error():
    """As by `keras-landmarks list | head -1`."""
    command = [sys.executable, "-m", "keras_landmarks.cli", "list"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    run.stdout.close()
    said = run.stderr.read()
    assert run.wait() == 1
    assert b"keras-landmarks:" not in said
    assert b"BrokenPipeError" not in said
    run.stderr.close()


def test_a_port_that_is_none_is_one_line(capsys):
    assert main(["web", "--port", "80000", "--no-browser"]) == 1
    assert "--port must be" in capsys.readouterr().err


@pytest.mark.parametrize("error", [FloatingPointError, ValueError, OSError])
def test_an_error_that_is_told_of_is_one_line(error, monkeypatch, capsys):
    def fail(options):
        raise error("the loss is no number")

    monkeypatch.setattr(COMMANDS["info"], "run", fail)
    assert main(["info", "tiny-ibug68"]) == 1
    assert capsys.readouterr().err == "keras-landmarks: the loss is no number\n"


def test_a_saved_landmarker_is_a_model_of_the_commands(photo, tmp_path, capsys, monkeypatch):
    saved, tiny = tmp_path / "tiny.keras", load("tiny-ibug68")
    tiny.save(saved)
    assert main(["detect", str(photo), "--model", str(saved)]) == 0
    assert "1 face at" in capsys.readouterr().out
    assert main(["info", str(saved)]) == 0
    said = capsys.readouterr().out
    assert "crop        32 x 32 pixels, 1.25 x the longer side of a box" in said
    assert "licence     300W: research only" in said
    keras.Sequential([keras.layers.Dense(1)]).save(saved)
    assert main(["detect", str(photo), "--model", str(saved)]) == 1
    assert "tiny.keras is no Landmarker" in capsys.readouterr().err
    saved.write_bytes(saved.read_bytes()[:1000])
    for path, why in ((saved, "no whole .keras file"), (tmp_path / "no.keras", "not there")):
        assert main(["detect", str(photo), "--model", str(path)]) == 1
        assert f"{path.name} is {why}" in capsys.readouterr().err
    monkeypatch.setenv("HOME", str(tmp_path))
    tiny.save(saved)
    assert main(["info", "~/tiny.keras"]) == 0


def test_what_cannot_be_drawn_to_is_said_first(photo, capsys, monkeypatch):
    monkeypatch.setattr("keras_landmarks.cli.detect.read_model", None)
    assert main(["detect", str(photo), *MODEL, "--out", "drawn.xyz"]) == 1
    assert "expected an ending of a picture (.png), a table" in capsys.readouterr().err


def test_names_that_the_system_does_not_tell_apart_are_one_photo(photo, capsys, tmp_path):
    before, other = photo.read_bytes(), photo.with_name(photo.name.swapcase())
    os.link(photo, other)  # as where case does not count
    assert main(["detect", str(photo), *MODEL, "--out", str(other)]) == 1
    assert "would be drawn over" in capsys.readouterr().err
    clip, same = tmp_path / "clip.mp4", tmp_path / "CLIP.MP4"
    clip.write_bytes(b"frames")
    os.link(clip, same)
    assert main(["detect", str(clip), *MODEL, "--out", str(same)]) == 1
    assert "is the video itself" in capsys.readouterr().err
    assert (photo.read_bytes(), clip.read_bytes()) == (before, b"frames")


def test_names_that_lead_to_one_place_are_the_same(tmp_path):
    (tmp_path / "IMG.JPG").write_text("")
    os.link(tmp_path / "IMG.JPG", tmp_path / "img.jpg")  # as where names are told apart by no case
    (tmp_path / "backup").mkdir()
    os.link(tmp_path / "IMG.JPG", tmp_path / "backup" / "IMG.JPG")
    assert not photos.is_same(tmp_path / "IMG.JPG", tmp_path / "backup" / "IMG.JPG")
    (tmp_path / "other").write_text("")
    assert photos.is_same(tmp_path / "IMG.JPG", tmp_path / "img.jpg")
    assert photos.is_same(tmp_path / "new", tmp_path / "." / "new")
    assert not photos.is_same(tmp_path / "IMG.JPG", tmp_path / "other")
    assert not photos.is_same(tmp_path / "IMG.JPG", tmp_path / "new")
    assert photos.is_within(tmp_path / "new" / "newer", tmp_path)
    assert not photos.is_within(tmp_path, tmp_path)


def test_a_pattern_that_no_shell_replaces_names_its_files(photo, tmp_path, capsys):
    (folder := tmp_path / "of [2]").mkdir()
    for name in ("b.jpg", "a.jpg"):
        shutil.copy(photo, folder / name)
    assert main(["detect", str(folder / "?.j*"), *MODEL, "--json", "-"]) == 0
    assert [*json.loads(capsys.readouterr().out)["photos"]] == [
        str(folder / name) for name in ("a.jpg", "b.jpg")
    ]


def test_a_reader_that_leaves_is_told_from_other_errors(monkeypatch):
    assert detect.is_left(BrokenPipeError())
    assert not detect.is_left(OSError(errno.EINVAL, "Invalid argument"))
    monkeypatch.setattr(detect, "os", types.SimpleNamespace(name="nt"))
    assert detect.is_left(OSError(errno.EINVAL, "Invalid argument"))
    assert not detect.is_left(OSError(errno.EINVAL, "Invalid argument", "a:b.jpg"))
    assert not detect.is_left(ValueError())


def test_a_tilde_that_the_shell_leaves_is_the_home_folder(photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    before = photo.read_bytes()
    for out in ("~", f"~/{photo.name}"):
        picture = photo.with_suffix(".png") if out == "~" else photo
        picture.write_bytes(before)
        assert main(["detect", f"~/{picture.name}", *MODEL, "--out", out]) == 1
        assert "would be drawn over" in capsys.readouterr().err
        assert picture.read_bytes() == before
    assert main(["detect", f"~/{photo.name}", *MODEL, "--out", "~/points.csv"]) == 0
    assert (tmp_path / "points.csv").is_file()


def test_a_video_takes_the_place_of_one_that_was_stopped(tmp_path):
    path = tmp_path / "points.csv"
    stopped = table.Table(path, {"model": "m", "video": "a.mp4"}, "frame")
    stopped.add(0, [], time=0.0)
    stopped.close()
    other = table.Table(path, {"model": "m", "video": "b.mp4"}, "frame")
    assert not other.done
    other.add(0, [], time=0.5)
    other.finish(1)
    head = "frame,face,time,left,top,right,bottom,x0,y0"
    assert path.read_text() == f"{head}\n0,0,0.5,,,,,,\n"


@pytest.mark.parametrize("package", ["keras_landmarks", "keras_landmarks.cli"])
def test_python_runs_the_package_of_commands(package):
    command = [sys.executable, "-m", package, "--version"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert keras_landmarks.__version__ in said


def test_evaluate_compares_the_points_that_a_model_and_another_data_set_share(tmp_path, capsys):
    lists = tmp_path / "WFLW_annotations/list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    lines = []
    for i in range(2):
        image, landmarks = made_up_face(i)
        write_image(tmp_path / f"WFLW_images/{i}.png", image)
        points = np.tile(landmarks.mean(axis=0), (98, 1))
        points[[row[0] for row in CONVERSIONS["wflw98", "ibug68"]]] = landmarks
        numbers = " ".join(f"{v:.4f}" for v in points.ravel())
        lines.append(f"{numbers} 20 20 180 180 {i} 0 0 0 0 1 {i}.png")
    (lists / "list_98pt_rect_attr_test.txt").write_text("\n".join(lines))
    words = ["evaluate", "tiny-ibug68", "--data", str(tmp_path), "--json", str(tmp_path / "r.json")]
    assert main([*words, "--split", "wflw/test"]) == 0
    printed = capsys.readouterr()
    assert "wflw/test: 2 of 2,500 faces are there" in printed.err
    facts = json.loads((tmp_path / "r.json").read_text())
    assert (facts["faces"], facts["part"], facts["normaliser"]) == (2, "2 of 2,500", "corners")
    assert "the model's ibug68 and the faces' wflw98 share" in facts["points"]
    assert {"auc_at_10", "failure_rate_at_10"} <= set(facts)
    assert "auc_at_8" not in facts
    assert set(facts["nme_percent_by"]) == {"corners", "pupils"}
    assert {name: row["faces"] for name, row in facts["subsets"].items()} == {"pose": 1, "blur": 2}
    assert facts["subsets"]["pose"]["nme_percent"] == facts["faces_percent"]["wflw/1.png#2"]
    assert main([*words, "--split", "wflw/pose"]) == 0
    assert json.loads((tmp_path / "r.json").read_text())["faces"] == 1
    assert main([*words, "--split", "wflw/make-up"]) == 1
    assert "holds no face of it" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["gone.tflite", "gone.onnx", "gone.keras", "runs/gone"])
def test_info_of_a_file_that_is_not_there_says_so(name, capsys):
    assert main(["info", name]) == 1
    assert "Unknown model" not in (said := capsys.readouterr().err)
    assert name in said


def test_info_tells_what_a_model_is_and_draws_its_points(tmp_path, capsys):
    assert main(["info", "unet-300w", "--draw", str(tmp_path / "points.png")]) == 0
    out = capsys.readouterr().out
    assert "A U-Net of heatmaps that knows its errors" in out
    assert "licence     300W: research only" in out
    assert re.search(r"left_eye +42, 43, 44, 45, 46, 47\n", out)
    assert images.read_image(tmp_path / "points.png").shape == (640, 640, 3)
    assert main(["info", "unet"]) == 1
    assert "Did you mean unet-300w" in capsys.readouterr().err


EVALUATE = ["evaluate", "tiny-ibug68", "--from"]


def test_results_replace_neither_what_they_come_of_nor_each_other(photo, tmp_path, capsys):
    image, points = made_up_face(0)
    write_image(tmp_path / "set/a.png", image)
    rows = tmp_path / "set/f.csv"
    write_table(rows, [Face(tmp_path / "set/a.png", points, "ibug68")])
    table_too, coco = str(tmp_path / "b.csv"), tmp_path / "coco/a.json"
    write_image(tmp_path / "coco/a.png", image)
    write_coco(coco, [Face(tmp_path / "coco/a.png", points, "ibug68")])
    before = photo.read_bytes(), rows.read_bytes(), coco.read_bytes()
    for command in (
        ["detect", str(photo), *MODEL, "--json", str(photo)],
        ["detect", str(photo), *MODEL, "--out", table_too, "--json", table_too],
        ["check", str(rows), "--model", "none", "--json", str(rows)],
        ["check", str(rows.parent), "--model", "none", "--json", str(rows)],
        ["check", str(rows), "--model", "none", "--out", str(tmp_path / "set/a.png")],
        ["evaluate", "tiny-ibug68", "--from", str(rows), "--json", str(rows)],
        ["check", str(coco.parent), "--model", "none", "--json", str(coco)],
        ["evaluate", "tiny-ibug68", "--from", str(coco.parent), "--json", str(coco)],
        [*EVALUATE, str(rows), "--plot", str(tmp_path / "set/a.png")],
    ):
        assert main(command) == 1
        assert "would replace that file" in capsys.readouterr().err
    for named in (rows.parent, rows.parent / "a.png"):
        assert main(["detect", str(named), *MODEL, "--out", str(rows)]) == 1
        assert "would replace a file of the photos' folder" in capsys.readouterr().err
    assert (photo.read_bytes(), rows.read_bytes(), coco.read_bytes()) == before
    for _ in range(2):  # earlier results are none of the annotations of a folder
        for command in (["check", str(rows.parent), "--model", "none"], [*EVALUATE, str(rows)]):
            assert main([*command, "--json", str(rows.parent / f"{command[0]}.json")]) == 0
    assert main([*EVALUATE, str(rows.parent)]) == 0
    for ending in ("csv", "jsonl", "parquet"):
        own = ["detect", str(rows.parent), *MODEL, "--out", str(rows.parent / f"own.{ending}")]
        assert (main(own), main(own)) == (0, 0)  # what it wrote it may write anew
    assert not (tmp_path / "b.csv").exists()


def test_a_picture_beside_the_photo_is_not_drawn_over(photo, tmp_path, capsys):
    other = photo.with_suffix(".png")
    other.write_bytes(b"something else")
    assert main(["detect", str(photo), *MODEL, "--out", str(photo.parent)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert other.read_bytes() == b"something else"


def test_linked_folders_are_looked_through_and_hidden_ones_not(photo, tmp_path, capsys):
    folder = tmp_path / "in"
    for name in (".part-abc/drawn.jpg", ".ipynb_checkpoints/a.jpg", "a.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, folder / name)
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(photo, tmp_path / "elsewhere/b.jpg")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    found = find_photos(types.SimpleNamespace(photos=[str(folder)], out=None))
    assert [str(place) for place in found.values()] == ["a.jpg", "linked/b.jpg"]


def test_a_table_in_the_way_and_a_journal_that_is_broken_are_told(photo, tmp_path, capsys):
    (tmp_path / "dir.csv").mkdir()
    assert main(["detect", str(photo), *MODEL, "--out", str(tmp_path / "dir.csv")]) == 1
    assert "dir.csv is a folder; name a file" in capsys.readouterr().err
    (tmp_path / "points.csv.unfinished").write_bytes(b"{}\n" + b"\0" * 40 + b"\n")
    assert main(["detect", str(photo), *MODEL, "--out", str(tmp_path / "points.csv")]) == 1
    assert "points.csv.unfinished is broken: remove the file" in capsys.readouterr().err


def test_nothing_need_be_written_to_import_keras(monkeypatch):
    def refuse():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    monkeypatch.delitem(sys.modules, "keras")
    import_keras()


@pytest.mark.parametrize("words", [["--model", "typo"], [*MODEL, "--threshold", "2"], MODEL])
def test_a_table_of_a_video_that_fails_leaves_nothing(photo, tmp_path, words, monkeypatch):
    source, out = tmp_path / "made.avi", tmp_path / "points.csv"
    with VideoWriter(source, 20) as writer:
        writer.write(images.read_image(photo)[:300, 100:400])
    if words is MODEL:
        monkeypatch.setattr(table.Table, "add", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            main(["detect", str(source), *words, "--out", str(out)])
    else:
        assert main(["detect", str(source), *words, "--out", str(out)]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.avi", "photo.jpg"]


def test_too_little_memory_is_told_in_a_line(monkeypatch, capsys):
    of_jax = RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
    for error in (MemoryError(), of_jax, tf.errors.ResourceExhaustedError(None, None, "OOM")):

        def fail(options, error=error):
            raise error

        monkeypatch.setattr(COMMANDS["list"], "run", fail)
        assert main(["list"]) == 1
        assert "the memory is too small: a smaller --batch" in capsys.readouterr().err


def test_frames_of_another_size_do_not_end_a_video_that_is_drawn(tmp_path, monkeypatch, capsys):
    sizes, clock = iter([(64, 64), (48, 32), (64, 64)]), itertools.count(0, 1 / 30)

    class Camera:
        def __init__(self, source):
            self.isOpened, self.release, self.get = (lambda: True), (lambda: None), (lambda what: 0)

        def read(self):
            size = next(sizes, None)
            return size is not None, np.full((*(size or (1, 1)), 3), 90, np.uint8)

    with monkeypatch.context() as patch:
        patch.setattr(cv2, "VideoCapture", Camera)
        patch.setattr(video, "time", types.SimpleNamespace(perf_counter=clock.__next__))
        assert main(["detect", "--camera", "0", *MODEL, "--out", str(tmp_path / "a.avi")]) == 0
    assert [frame.shape for frame in VideoReader(tmp_path / "a.avi")] == [(64, 64, 3)] * 3
    assert "frames of (48, 32), after those of (64, 64): resized" in capsys.readouterr().err


def test_a_process_that_is_told_to_end_stops_as_by_ctrl_c(monkeypatch, capsys):
    monkeypatch.setattr(list_models, "run", lambda options: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    assert main(["list"]) == 130
    assert "stopped" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


def test_faces_without_the_normaliser_are_told_of_before_the_work(tmp_path, monkeypatch, capsys):
    faces = data.made_up_faces(2)
    for number, face in enumerate(faces):
        write_image(tmp_path / f"{number}.png", face.image)
        faces[number] = dataclasses.replace(face, image=tmp_path / f"{number}.png", box=None)
    faces[1].landmarks[36] = np.nan
    data.write_table(tmp_path / "faces.csv", faces)
    monkeypatch.setattr(evaluation, "evaluate", None)
    assert main(["evaluate", *MODEL[1:], "--from", str(tmp_path / "faces.csv")]) == 1
    said = capsys.readouterr().err
    assert "1 of 2 faces lack the normaliser, as" in said
    assert "take --normaliser box" in said
    asked = ["evaluate", *MODEL[1:], "--from", str(tmp_path / "faces.csv"), "--box", "annotation"]
    assert main([*asked, "--normaliser", "box"]) == 1  # no box is made up and called annotated
    assert "2 of 2 faces have no annotated box" in capsys.readouterr().err


def test_a_parquet_table_is_written_in_parts_and_has_the_rows_of_another(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(table, "ROWS", 2)
    face = {"box": [0, 1.5, 2, 3], "landmarks": [[0.5, 1]], "score": 1, "angle": None}
    for ending in ("csv", "parquet"):
        made = table.Table(tmp_path / f"a.{ending}", {"model": "m"}, pictures=list("abcde"))
        for name in "abcde":
            made.add(name, [{**face, "score": 0.25}, face] if name == "c" else [])
        made.finish(1)
    found = parquet.read_table(tmp_path / "a.parquet")
    assert parquet.ParquetFile(tmp_path / "a.parquet").num_row_groups == 3
    with (tmp_path / "a.csv").open() as file:
        for row, other in zip(csv.DictReader(file), found.to_pylist(), strict=True):
            assert row["picture"] == other["picture"]
            for name in ("face", "left", "top", "score", "x0"):
                assert (float(row[name]) if row[name] else None) == other[name]


def test_two_runs_do_not_write_one_table(tmp_path):
    one = table.Table(tmp_path / "a.csv", {"model": "m"}, pictures=["a.jpg"])
    one.add("a.jpg", [])
    with pytest.raises(ValueError, match="a.csv.unfinished is being written by another run"):
        table.Table(tmp_path / "a.csv", {"model": "m"}, pictures=["a.jpg"])
    one.finish(1)
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 2
    table.Table(tmp_path / "a.csv", {"model": "m"}, pictures=["a.jpg"]).close()


def test_two_runs_do_not_write_one_table_on_windows(tmp_path, monkeypatch):
    locked = []

    def locking(file, how, count):
        place = os.lseek(file, 0, os.SEEK_CUR)
        assert (how, count, place > 2**30) == ("at once", 1, True)  # what is locked nobody reads
        if locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        locked.append(file)

    fake = types.SimpleNamespace(locking=locking, LK_NBLCK="at once")
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    monkeypatch.setattr(table, "os", types.SimpleNamespace(name="nt"))
    with table._locked(tmp_path / "a") as file:
        file.write(b"line")
        with pytest.raises(ValueError, match="is being written by another run"):
            table._locked(tmp_path / "a")
    assert locked
    assert (tmp_path / "a").read_bytes() == b"line"


def test_what_needs_no_keras_does_not_wait_for_it(known, tmp_path):
    path, _ = known("tflite")
    code = f"""
import sys
from keras_landmarks.cli import main
for words in (["list"], ["info", "tiny-ibug68"], ["info", {str(path)!r}],
              ["detect", {str(PORTRAIT)!r}, "--model", {str(path)!r}, "--out", "drawn.png"]):
    assert main(words) == 0, words
assert not {{"keras", "tensorflow"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
