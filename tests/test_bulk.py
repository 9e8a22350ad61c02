"""Archives annotated on Ray: the same rows by however many workers, however often begun."""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from places import PORTRAIT

from keras_landmarks import bulk, runtime
from keras_landmarks.cli import main
from keras_landmarks.pictures import images

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def model(known):
    return known("tflite")[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of one face, of two and of none, and two files that are no pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    portrait = cv2.resize(images.read_image(PORTRAIT), (200, 200), interpolation=cv2.INTER_AREA)
    for side in range(5):
        images.write_image(folder / f"one{side}.png", portrait[:, : 200 - side])
    images.write_image(folder / "two.png", np.hstack([portrait, portrait[:, ::-1]]))
    images.write_image(folder / "none.png", np.full((150, 150, 3), 90, np.uint8))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "half.png").write_bytes((folder / "one0.png").read_bytes()[:2000])
    return folder


def paths_of(folder):
    return sorted(str(path) for path in folder.iterdir())


def rows_of(out):
    """The rows of the results, by path and face."""
    rows = parquet.read_table(out).to_pylist()
    return sorted(rows, key=lambda row: (row["path"], row["face"]))


def expected_rows(model, paths):
    """What `detect` finds, as rows."""
    opened = runtime.open_model(model)
    for path in paths:
        row = dict.fromkeys(("box", "score", "points", "error", "pose", "broken"))
        row = {"path": path, "face": 0, **row}
        try:
            faces = opened.detect(path)
        except ValueError as error:
            yield {**row, "broken": str(error)}
            continue
        for number, face in enumerate(faces, start=1):
            found = {"box": face.box.tolist(), "points": face.landmarks.ravel().tolist()}
            found |= {"score": np.float32(face.score), "pose": list(map(np.float32, face.pose))}
            yield {**row, "face": number, **found}
        if not faces:
            yield row


def annotator(model, out, done=()):
    return bulk.Annotator(str(model), str(out), frozenset(done), 64)


def test_a_row_is_a_face_and_pictures_without_one_and_broken_files_have_a_row(
    model, folder, tmp_path
):
    paths = paths_of(folder)
    assert annotator(model, tmp_path)({"path": np.array(paths)}) == {"pictures": [9]}
    rows, expected = rows_of(tmp_path), list(expected_rows(model, paths))
    assert rows == expected
    assert [row["face"] for row in rows if "two" in row["path"]] == [1, 2]
    broken = [row["path"] for row in rows if row["broken"]]
    assert [os.path.basename(path) for path in broken] == ["broken.jpg", "half.png"]


def test_what_is_done_is_not_done_again(model, folder, tmp_path):
    paths = paths_of(folder)
    assert annotator(model, tmp_path, paths)({"path": np.array(paths)}) == {"pictures": [0]}
    assert not any(tmp_path.iterdir())
    annotator(model, tmp_path, paths[1:])({"path": np.array(paths)})
    assert [row["path"] for row in rows_of(tmp_path)] == paths[:1]


def test_a_batch_that_ray_does_again_is_there_once(model, folder, tmp_path):
    batch = {"path": np.array(paths_of(folder)[:2])}
    for _ in range(2):  # as after a worker that died behind it
        annotator(model, tmp_path)(batch)
    assert [row["path"] for row in rows_of(tmp_path) if row["face"] < 2] == batch["path"].tolist()


def test_tables_may_lie_in_folders_of_parts_and_end_as_they_like(model, tmp_path):
    table = pyarrow.table({"path": ["/a.jpg"]})
    for name in ("table/day=1/x.parquet", "other/x.pq"):
        (tmp_path / name).parent.mkdir(parents=True)
        parquet.write_table(table, tmp_path / name)
        left = bulk._left(
            pyarrow, parquet, tmp_path / name.split("/")[0], frozenset(), pathlib.Path("/out")
        )
        assert left["path"].to_pylist() == ["/a.jpg"]


def test_without_ray_the_message_says_how_to_install_it(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "ray.data", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'keras_landmarks\[ray\]'"):
        bulk.annotate(["photo.jpg"], model, tmp_path)


@pytest.fixture(scope="module")
def ray():
    """A Ray of two cores on this machine."""
    ray = pytest.importorskip("ray")
    words = {"include_dashboard": False, "log_to_driver": False, "object_store_memory": 2**27}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")
        ray.init("local", num_cpus=2, **words)
        yield ray
        ray.shutdown()


@pytest.mark.usefixtures("ray")
def test_the_command_line_annotates_a_folder_on_ray_once(model, folder, tmp_path, capsys):
    out = tmp_path / "points"
    words = ["detect", str(folder), "--model", str(model), "--ray", "auto", "--out", str(out)]
    for _ in range(2):
        assert main([*words, "--strict"]) == 1
        assert "7 faces in 9 pictures, 2 could not be read" in capsys.readouterr().out
        assert rows_of(out) == list(expected_rows(model, paths_of(folder)))
    assert len(list(out.glob("*.parquet"))) == 1


@pytest.mark.usefixtures("ray")
def test_two_workers_go_on_with_a_table_that_holds_pictures(model, folder, tmp_path):
    paths, out = paths_of(folder), tmp_path / "out"
    contents = [pathlib.Path(path).read_bytes() for path in paths]
    table = pyarrow.table({"path": paths, "bytes": contents})
    parquet.write_table(table, tmp_path / "archive.parquet", row_group_size=3)
    out.mkdir()
    annotator(model, out)({"path": np.array(paths[:4])})  # of a run that was killed
    facts = hashlib.sha256(model.read_bytes()).hexdigest()
    (out / bulk.FACTS).write_text(json.dumps({"model": "tiny-ibug68", "sha256": facts}))
    found = bulk.annotate(tmp_path / "archive.parquet", model, out, workers=2, batch=2)
    assert found == {"pictures": 9, "faces": 7, "broken": 2}
    rows, expected = rows_of(out), list(expected_rows(model, paths))
    for row, other in zip(rows, expected, strict=True):  # bytes have no name in a message
        assert bool(row.pop("broken")) == bool(other.pop("broken"))
    assert rows == expected


def test_results_of_another_model_no_pictures_and_tables_without_paths_are_errors(
    model, folder, tmp_path
):
    pytest.importorskip("ray")
    (tmp_path / bulk.FACTS).write_text('{"model": "another"}')
    with pytest.raises(ValueError, match="holds the results of {'model': 'another'}, not of"):
        bulk.annotate(paths_of(folder), model, tmp_path)
    for words in ({"batch": 0}, {"batch": 1.5}, {"workers": 0}):
        with pytest.raises(ValueError, match="must be a whole number of at least 1"):
            bulk.annotate(paths_of(folder), model, tmp_path / "none", **words)
    assert not (tmp_path / "none").exists()
    with pytest.raises(ValueError, match="no pictures to annotate"):
        bulk.annotate([], model, tmp_path / "out")
    with pytest.raises(ValueError, match="udce9.jpg' is no name in UTF-8"):
        bulk.annotate(["caf\udce9.jpg"], model, tmp_path / "out")
    parquet.write_table(pyarrow.table({"name": ["a"]}), tmp_path / "names.parquet")
    with pytest.raises(ValueError, match="has no column path, but name"):
        bulk.annotate(tmp_path / "names.parquet", model, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="No Parquet file at"):
        bulk.annotate(tmp_path / "none.parquet", model, tmp_path / "out")


@pytest.mark.parametrize(
    "more", [[], ["--out", "points.csv"], ["--out", "points", "--pose"]], ids=str
)
def test_options_that_are_not_there_on_ray_are_errors(folder, more, capsys):
    assert main(["detect", str(folder), "--ray", "auto", *more]) == 1
    assert "--ray" in capsys.readouterr().err


PROGRAM = """
import pathlib, sys
from keras_landmarks import bulk
folder, model, out = map(pathlib.Path, sys.argv[1:])
print(bulk.annotate(sorted(folder.iterdir()), model, out, 1, "local", 2))
"""


@pytest.mark.large
def test_a_run_that_was_killed_goes_on_without_loss_or_repetition(model, folder, tmp_path):
    pytest.importorskip("ray")
    for number in range(60):
        (tmp_path / "many").mkdir(exist_ok=True)
        os.symlink(folder / "one0.png", tmp_path / "many" / f"{number}.png")
    out = tmp_path / "out"
    command = [sys.executable, "-c", PROGRAM, tmp_path / "many", model, out]
    process = subprocess.Popen(command, start_new_session=True)
    while len(list(out.glob("*.parquet"))) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(rows_of(out)) < 60
    subprocess.run(command, check=True)
    paths = [row["path"] for row in rows_of(out)]
    assert paths == paths_of(tmp_path / "many")


def test_a_folder_of_pictures_is_no_table(folder):
    for given in (folder, folder / "one0.png"):
        with pytest.raises(ValueError, match="name pictures in a list, as files.files_in"):
            bulk._left(pyarrow, parquet, given, frozenset(), pathlib.Path("/out"))


def test_two_pictures_of_one_path_are_refused(tmp_path):
    table = pyarrow.table({"path": ["0.jpg", "1.jpg", "0.jpg"], "bytes": [b"a", b"b", b"c"]})
    parquet.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"has 2 pictures of the path 0\.jpg"):
        bulk._left(pyarrow, parquet, tmp_path / "x.parquet", frozenset(), pathlib.Path("/out"))


@pytest.mark.parametrize("more", [{}, {"bytes": [b"a", b"b"]}])
def test_pictures_without_a_path_are_refused(tmp_path, more):
    parquet.write_table(pyarrow.table({"path": ["0.jpg", None], **more}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="has 1 pictures without a path"):
        bulk._left(pyarrow, parquet, tmp_path / "x.parquet", frozenset(), pathlib.Path("/out"))


@pytest.mark.parametrize(("table", "out"), [("d/a.parquet", "d"), ("d", "d"), ("d", "d/points")])
def test_results_are_not_written_beside_the_pictures(model, tmp_path, table, out):
    parts = tmp_path / "d/a.parquet"
    parts.parent.mkdir()
    parquet.write_table(pyarrow.table({"path": ["0.jpg"], "bytes": [b"a"]}), parts)
    with pytest.raises(ValueError, match="lies in it: name another folder"):
        bulk.annotate(tmp_path / table, model, tmp_path / out)
