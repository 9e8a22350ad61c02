"""From a table of one's own points to a model, by commands alone."""

import csv
import dataclasses
import json
import os
import re
import shutil
import types

import numpy as np
import pytest

from keras_landmarks import Landmarker, data, load, schemes, training, weights
from keras_landmarks.cli import detect_ray, main, train, training_faces
from keras_landmarks.pictures import read_image, write_image
from keras_landmarks.recipes import get_recipe

MINE = """name = "mine"
points = ["right eye", "left eye", "nose", "chin"]
right_eye = ["right eye"]
left_eye = ["left eye"]
square = [0.0, 0.05, 0.8]
"""
OF_68 = ([*range(36, 42)], [*range(42, 48)], [30], [8])


@pytest.fixture(autouse=True)
def forgotten():
    yield
    schemes.SCHEMES.pop("mine", None)


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A folder of drawn faces, a table of four points of each, and their scheme."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mine.toml").write_text(MINE)
    with (folder / "faces.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        box = ["left", "top", "right", "bottom"]
        rows.writerow(["image", *box, *(f"{a}{i}" for i in range(4) for a in "xy")])
        for i, face in enumerate(data.made_up_faces(20, size=96)):
            write_image(folder / f"photos/{i}.png", face.image)
            points = [face.landmarks[part].mean(axis=0) for part in OF_68]
            rows.writerow([f"{i}.png", *face.box, *np.concatenate(points)])
    return folder


@pytest.fixture(scope="module")
def trained(mine, tmp_path_factory):
    """The folder of a fine-tuning on these faces."""
    out = tmp_path_factory.mktemp("run") / "run"
    assert main(words(mine, out, "--epochs", "1", "--test", "0.2")) == 0
    schemes.SCHEMES.pop("mine", None)
    return out


@pytest.fixture
def asked(monkeypatch):
    """The recipes that are to be trained: none is."""
    recipes = []

    def never(recipe, *_):
        recipes.append(recipe)
        raise ValueError("enough")

    monkeypatch.setattr(training, "train", never)
    return recipes


def words(mine, out, *more):
    given = ["--from", str(mine / "faces.csv"), "--data", str(mine / "photos")]
    given += ["--scheme", str(mine / "mine.toml"), "--licence", "all mine"]
    return ["train", "--weights", "tiny-ibug68", *given, "--out", str(out), *more]


def test_a_training_on_ones_own_points_writes_a_model_and_what_people_look_at(trained):
    names = {path.name for path in trained.iterdir()}
    assert names == {"best.safetensors", "checkpoint.safetensors", "crops.jpg", "log.csv"} | {
        "loss.png",
        "results.json",
        "test.csv",
    }
    assert read_image(trained / "crops.jpg").shape[1] == 6 * 192
    results = json.loads((trained / "results.json").read_text())
    assert [row["box"] for row in results["test"]] == ["annotation", "truth", "detector"]
    assert results["test"][0]["faces"] == 4
    assert results["held out"][0]["faces"] in (2, 4)


def test_the_folder_is_a_landmarker_of_the_new_scheme(trained, mine):
    model = load(trained)
    assert model.scheme.name == "mine"
    assert model.scheme.square == (0.0, 0.05, 0.8)
    assert model.licence == "300W: research only; all mine"
    assert (model.size, model.margin, model.box) == ((32, 32), 1.25, "annotation")
    image = read_image(mine / "photos/0.png")
    (face,) = model.detect(image, [5, 5, 90, 90])
    assert face.landmarks.shape == (4, 2)
    start, now = weights.load_arrays(weights.FOLDER / "tiny-ibug68.safetensors")[0], model
    kernel = dict((v.path, v) for v in now.weights)["conv1/kernel"]
    moved = np.abs(np.float32(start["conv1/kernel"]) - np.array(kernel)).mean()
    assert 0 < moved < 0.05  # it went on from the published weights


def test_other_commands_take_the_folder(trained, mine, tmp_path, capsys):
    facts = tmp_path / "facts.json"
    given = ["--from", str(trained / "test.csv"), "--json", str(facts)]
    assert main(["evaluate", str(trained), *given]) == 0
    written = json.loads(facts.read_text())
    assert (written["faces"], written["box"], written["points"]) == (4, "annotation", "all of mine")
    bare = [dataclasses.replace(f, box=None) for f in data.read_table(trained / "test.csv")]
    data.write_table(tmp_path / "bare.csv", bare)
    capsys.readouterr()
    assert main(["evaluate", str(trained), "--from", str(tmp_path / "bare.csv")]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["box"] == "truth"
    assert "kinder than a detector's (--box detector)" in printed.err
    assert written["model"] == str(trained)
    evaluate = ["evaluate", str(trained), "--from", str(trained / "test.csv"), "--scheme"]
    assert main([*evaluate, str(mine / "mine.toml")]) == 0
    for field, (old, new) in {
        "contours, names": ('"nose", "chin"', '"chin", "nose"'),
        "normaliser": ('name = "mine"', 'name = "mine"\nnormaliser = "diagonal"'),
    }.items():
        (tmp_path / "other.toml").write_text(MINE.replace(old, new))
        assert main([*evaluate, str(tmp_path / "other.toml")]) == 1
        assert f"of the name mine is known, with other {field}" in capsys.readouterr().err
    assert main(["info", str(trained)]) == 0
    assert "mine, 4 points (from 0)" in capsys.readouterr().out
    export = ["export", str(trained), "--format", "tflite", "--out", str(tmp_path / "m.tflite")]
    assert main(export) == 0
    out = tmp_path / "points.csv"
    assert main(["detect", str(mine / "photos"), "--model", str(trained), "--out", str(out)]) == 0
    assert out.is_file()


def test_a_training_of_more_epochs_goes_on_where_one_stopped(trained, mine, capsys):
    crops = (trained / "crops.jpg").stat().st_mtime_ns
    assert main(words(mine, trained, "--epochs", "2", "--test", "0.2")) == 1
    assert "holds a checkpoint" in capsys.readouterr().err
    assert (trained / "crops.jpg").stat().st_mtime_ns == crops
    assert main(words(mine, trained, "--epochs", "2", "--test", "0.2", "--resume")) == 0
    assert re.search(r"^Trained on \d+ [CG]PUs?\.$", capsys.readouterr().out, re.M)
    assert (trained / "crops.jpg").stat().st_mtime_ns == crops
    rows = (trained / "log.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rows] == ["epoch", "1", "2"]
    assert main(words(mine, trained, "--epochs", "2", "--test", "0.4", "--resume")) == 1
    assert "is of another training data" in capsys.readouterr().err


def test_unlabelled_faces_need_a_teacher(trained, mine, tmp_path, capsys):
    """Those that `detect` finds are read without their points; none of a held-out photo is left."""
    found = tmp_path / "found.csv"
    assert main(["detect", str(mine / "photos"), "--model", str(trained), "--out", str(found)]) == 0
    for box in (), ("--box", "detector"):  # theirs are a detector's already
        assert main(words(mine, tmp_path / "run", "--unlabelled", str(found), *box)) == 1
        assert "needs a recipe with a teacher in every stage" in capsys.readouterr().err


@pytest.mark.usefixtures("eagerly")
def test_a_recipe_is_trained_from_nothing_on_another_scheme(mine, tmp_path):
    given = words(mine, tmp_path / "run", "--epochs", "1", "--batch", "8")
    given[1:3] = ["--recipe", "tiny-ibug68"]
    assert main([*given, "--margin", "1.5", "--box", "truth"]) == 0
    model = load(tmp_path / "run")
    assert (model.scheme.name, model.margin, model.box) == ("mine", 1.5, "truth")
    assert model.licence == "all mine"


def test_the_batch_of_a_command_is_that_of_every_stage(mine, asked, tmp_path):
    (tmp_path / "own.py").write_text(
        "import dataclasses\nfrom keras_landmarks.recipes.tiny_ibug68 import RECIPE\n"
        "stages = tuple(dataclasses.replace(s, batch=6) for s in RECIPE.stages)\n"
        "RECIPE = dataclasses.replace(RECIPE, batch=12, stages=stages)\n"
    )
    own = ["--recipe", str(tmp_path / "own.py")]
    scratch = words(mine, tmp_path / "run")
    scratch[1:3] = own
    for given in (scratch, words(mine, tmp_path / "run", *own)):
        assert main(given) == 1
        assert main([*given, "--batch", "8"]) == 1
    batches = [(recipe.batch, *{s.batch for s in recipe.stages}) for recipe in asked]
    assert batches[0][1:] == (6,)
    assert batches[1:] == [(8, None), (10, None), (8, None)]


def test_faces_of_every_file_get_the_detectors_boxes_and_batches_are_as_fine_tuning_has_them(
    mine, trained, asked, tmp_path, monkeypatch
):
    looked = []
    monkeypatch.setattr(train.annotated, "laid", lambda faces, _: looked.append(faces) or faces)
    given = words(mine, tmp_path / "run", "--box", "detector", "--batch", "32")
    assert main([*given, "--more", str(trained / "test.csv")]) == 1
    assert [len(faces) for faces in looked] == [20, 4]
    assert all(face.box is None for faces in looked for face in faces)
    assert asked[0].batch == 12  # half of the faces, with further ones


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--weights", "tiny-ibug68", "--split", "wflw/train"], "Name the faces: --data"),
        (["--recipe", "none.py"], "No recipe at none.py"),
        (["--recipe", "cnn7"], "Unknown recipe 'cnn7'"),
        ([], "Name a --recipe, or --weights"),
        (["--weights", "tiny-ibug86", "--from", "a.csv"], "Did you mean tiny-ibug68"),
        (["--weights", "tiny-ibug68", "--batch", "0"], "--batch must be a whole number of at l"),
        (["--weights", "tiny-ibug68", "--epochs", "0"], "--epochs must be a whole number of at l"),
        (["--weights", "tiny-ibug68", "--margin", "-1"], "--margin must be a finite number above"),
        (["--recipe", "tiny-ibug68", "--test", "5"], "--test must be"),
        (["--weights", "tiny-ibug68", "--from", "none.csv"], "No none.csv"),
        (["--weights", "tiny-ibug68", "--from", "a.csv", "--split", "wflw/test"], "--split is of"),
        (["--weights", "tiny-ibug68", "--data", ".", "--scheme", "ibug68"], "--scheme is for"),
        (["--weights", "tiny-ibug68", "--from", "a.csv", "--scheme", "b.toml"], "No scheme at b"),
    ],
)
def test_words_that_make_no_sense_are_one_line(more, message, tmp_path, capsys):
    assert main(["train", *more, "--out", str(tmp_path)]) == 1
    assert message in capsys.readouterr().err


def test_a_training_is_measured_whatever_its_faces_lack(mine, tiny, capsys):
    """By the points' box where a face lacks those of its normaliser; without broken pictures."""
    faces = data.made_up_faces(3, size=96)
    corner = np.where(np.arange(68)[:, None] == 36, np.nan, faces[0].landmarks)
    faces[0] = dataclasses.replace(faces[0], landmarks=corner, visible=None)
    faces[1] = dataclasses.replace(faces[1], image=mine / "mine.toml")  # no picture
    rows = train._measured(tiny, faces, True, None, skip_broken=True)
    assert [(row["box"], row["normaliser"], row["faces"]) for row in rows[:2]] == [
        ("annotation", "box", 2),
        ("truth", "box", 2),
    ]
    rows = train._measured(tiny, faces[2:], True, "aflw/full", skip_broken=False)
    protocol = data.get_protocol("aflw/full")
    assert rows[0]["normaliser"] == protocol.normaliser
    assert f"auc_at_{100 * protocol.limit:g}" in rows[0]


def test_parts_of_a_training_have_one_normaliser():
    faces = data.made_up_faces(3, size=96)
    flat = faces[0].landmarks.copy()
    flat[36] = flat[45]
    flat = dataclasses.replace(faces[0], landmarks=flat)
    assert not train._by_box([("held out", faces[:1]), ("test", faces[1:])], None)
    assert train._by_box([("held out", faces[:1]), ("test", [flat])], None)
    bare = dataclasses.replace(faces[0], box=None)
    assert not train._by_box([("test", faces)], "aflw/full")
    assert train._by_box([("test", [*faces, bare])], "aflw/full")


def test_faces_of_one_marked_point_are_not_measured(capsys):
    faces = data.made_up_faces(3, size=96)
    point = np.where(np.arange(68)[:, None] == 30, faces[0].landmarks, np.nan)
    faces[0] = dataclasses.replace(faces[0], landmarks=point, visible=None)
    assert train._with_extent([("held out", faces), ("test", faces[:1])]) == [
        ("held out", faces[1:])
    ]
    assert "1 faces held out have one marked point: not measured" in capsys.readouterr().err


def test_more_faces_have_their_pictures_beside_them_or_with_the_others(mine, tmp_path):
    shutil.copy(mine / "faces.csv", tmp_path / "more.csv")
    words = {"more": tmp_path / "more.csv", "scheme": str(mine / "mine.toml"), "unlabelled": None}
    options = types.SimpleNamespace(**words, data=str(mine / "photos"), skip_broken=False)
    assert len(train.annotated.read_more(options, None, "mine")) == 20
    options.data = None
    with pytest.raises(ValueError, match="does not exist"):
        train.annotated.read_more(options, None, "mine")


def test_points_of_ones_own_have_no_picture(trained, tmp_path, capsys):
    assert main(["info", str(trained), "--draw", str(tmp_path / "points.png")]) == 1
    assert "mine has no picture: crops.jpg of a training shows" in capsys.readouterr().err


def test_what_is_saved_is_detected_with_by_many_processes(trained, tmp_path, monkeypatch):
    load(trained).save(tmp_path / "mine.keras")
    written = []
    monkeypatch.setattr(Landmarker, "export", lambda model, path, kind: written.append(path))
    options = types.SimpleNamespace(model=str(tmp_path / "mine.keras"), out=str(tmp_path))
    assert detect_ray._exported(options) == written[0]
    assert written[0].name.startswith("_mine.keras-")


def test_a_file_is_no_folder_of_a_training_and_that_is_said_first(mine, tmp_path, capsys):
    (tmp_path / "notes").write_text("mine")
    assert main(words(mine, tmp_path / "notes", "--epochs", "1")) == 1
    printed = capsys.readouterr()
    assert "notes is a file; name a folder" in printed.err
    assert not printed.out
    assert (tmp_path / "notes").read_text() == "mine"


@pytest.fixture
def taken(monkeypatch):
    """The `(samples, held_out)` that are to be trained on: none is."""
    found = []

    def never(recipe, *samples):
        found.append(samples[:2])
        raise ValueError("enough")

    monkeypatch.setattr(training, "train", never)
    return found


def test_photos_to_measure_on_are_not_trained_on_whatever_more_calls_them(mine, taken, tmp_path):
    lines = (mine / "faces.csv").read_text().splitlines()
    (mine / "again.csv").write_text("\n".join([lines[0], *(f"photos/{x}" for x in lines[1:])]))
    more = "--test", "0.2", "--more", str(mine / "again.csv"), "--box", "annotation"
    assert main(words(mine, tmp_path, *more)) == 1
    ((samples, held_out),) = taken
    trained, chosen = ({os.path.realpath(f.image) for f in s.faces} for s in (samples, held_out))
    assert len(trained) == 14
    assert len(samples.faces) == 28
    assert not trained & chosen


def test_the_best_epoch_is_chosen_on_faces_that_are_named(mine, taken, tmp_path):
    lines = (mine / "faces.csv").read_text().splitlines()
    for name, part in (("train", lines[1:15]), ("valid", lines[15:])):
        (mine / f"{name}.csv").write_text("\n".join([lines[0], *part]))
    given = "--held-out", str(mine / "valid.csv"), "--from", str(mine / "train.csv")
    assert main(words(mine, tmp_path, *given)) == 1
    ((samples, held_out),) = taken
    assert [len(samples.faces), len(held_out.faces)] == [14, 6]
    for name in ("--from", "--held-out"):  # folders whose photos have the same numbers
        shutil.copytree(mine / "photos", tmp_path / name)
        shutil.copy(mine / "train.csv", tmp_path / name / "faces.csv")
    given = [w for n in ("--from", "--held-out") for w in (n, str(tmp_path / n / "faces.csv"))]
    given += ["--scheme", str(mine / "mine.toml"), "--out", str(tmp_path / "run"), "--test", "0.3"]
    assert main(["train", "--weights", "tiny-ibug68", *given]) == 1
    assert len(taken[1][1].faces) == 14


@pytest.mark.parametrize(
    ("split", "weights", "expected"),
    [
        ("300w/train", None, "300W: research only"),
        ("wflw/train", None, "wflw: see its own terms"),
        ("300w/train", "tiny-ibug68", "300W: research only"),
        ("wflw/train", "tiny-ibug68", "300W: research only; wflw: see its own terms"),
    ],
)
def test_weights_are_bound_by_the_published_set_that_they_were_trained_on(split, weights, expected):
    given = training_faces.Given(data.made_up_faces(4), [], [], [], split, True, False)
    words = dict.fromkeys(("epochs", "batch", "margin", "source", "licence"))
    options = types.SimpleNamespace(weights=weights, **words)
    wanted = None if weights else get_recipe("tiny-ibug68")
    assert train._recipe(options, wanted, given).licence == expected
