"""Landmarkers in every format, against Keras, and what `export` promises.

A small twin of each architecture goes through the formats, some published models through one, and
with `--run-large` all through all, which `tools/check_formats.py` measures for its results.
"""

import functools
import json
import pathlib
import shutil
import sys

import keras
import numpy as np
import pytest
from keras import ops
from loaded import load
from places import DATA, PORTRAIT
from twins import TWINS, randomise

import keras_landmarks
from keras_landmarks import Landmarker, export, list_models, metrics, own_schemes, runtime
from keras_landmarks.data import Augmentation, Face, Samples, made_up_faces, read_300w
from keras_landmarks.export import checked
from keras_landmarks.export.formats import format_of

BOX = (170, 63, 276, 189)
PUBLISHED = [name for name, facts in list_models().items() if facts["sha256"]]
EXACT = ("saved_model", "tflite", "onnx")


# Files are read as an app reads them, by the runtimes alone: a function from crops to landmarks.


def read_saved_model(path):
    import tensorflow as tf

    model = tf.saved_model.load(str(path))  # kept: its function does not keep its variables
    return lambda crops: model.serve(crops)["landmarks"].numpy()


def read_tflite(path):
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(path)).get_signature_runner()  # knows no operations but the built-in ones
    return lambda crops: run(crops=crops)["landmarks"]


def read_onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    return lambda crops: session.run(["landmarks"], {"crops": crops})[0]


def read(path):
    return {"": read_saved_model, ".tflite": read_tflite, ".onnx": read_onnx}[path.suffix](path)


def written(model, folder, kind, dtype="float32", **arguments):
    """The path of an exported model, and its facts."""
    path = folder / f"model{export.FORMATS[kind][0]}"
    return path, model.export(path, kind, dtype, **arguments)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def real_crops(model, count):
    """Crops of test faces and their truth; views of a portrait, and None, where there are none."""
    if DATA:
        faces = read_300w(DATA / "300W", "300w/lfpw-test")[:count]
        return Samples(faces, model.size, model.margin, model.box).arrays()
    points = model.detect(PORTRAIT, BOX)[0].landmarks
    faces = [Face(PORTRAIT, points, model.scheme.name, BOX)] * 25
    views = Augmentation(scale=0.1, colour=0.3)
    crops, _ = Samples(
        faces, model.size, model.margin, model.box, augmentation=views, batch=len(faces)
    ).batch_at(0)
    return crops, None


def twin(name):
    """A small landmarker of random weights."""
    build, shape = TWINS[name], np.float32([face.landmarks for face in made_up_faces(25, size=16)])
    if name == "cnn":  # whose int8 may be off by a part of the eyes' distance
        build = functools.partial(build, mean_shape=(shape.mean(axis=0) + 0.5) / 16 - 0.5)
    network = randomise(build())
    return Landmarker(network.input, network.output, name=name)


@functools.cache
def expected(name, count=25):
    """A landmarker, crops of faces, their true landmarks (or None) and those of Keras."""
    if name in TWINS:
        model, truth = twin(name), None
        crops = np.stack([face.image for face in made_up_faces(count, size=model.size[0])])
    else:
        model = load(name)
        crops, truth = real_crops(model, count)
    crops = crops.astype(np.float32)
    batches = (crops[i : i + 25] for i in range(0, len(crops), 25))  # a graph takes longer
    found = [keras.ops.convert_to_numpy(model(batch)["landmarks"]) for batch in batches]
    return model, crops, truth, np.concatenate(found)


CASES = [(name, kind) for name in TWINS for kind in ("tflite", "onnx")]
CASES += [("cnn", kind) for kind in ("saved_model", "tflite-fp16", "tflite-int8")]
CASES += [("unet-fast-300w", "tflite")]  # a TFLite file begins as a SavedModel
CASES += [
    pytest.param((name, kind), marks=pytest.mark.large)
    for name in PUBLISHED
    for kind in export.FORMATS
    if (name, kind) not in CASES
]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def exported(request, tmp_path_factory):
    """A landmarker's name, the format, and the written file as a function of crops."""
    name, kind = request.param
    path, _ = written(expected(name)[0], tmp_path_factory.mktemp("export"), kind)
    return name, kind, read(path)


def tiny():
    return load("tiny-ibug68")


TINY_CASES = [(kind, dtype) for kind in export.FORMATS for dtype in ("float32", "uint8")]


@pytest.fixture(params=TINY_CASES, ids="-".join)
def tiny_file(request, known):
    """Format, dtype, path and facts of the tiny model's file."""
    return *request.param, *known(*request.param)


def assert_near(found, landmarks, kind, truth=None):
    """The landmarks of a file are those of Keras, as near as the format has them."""
    assert found.dtype == np.float32
    if kind != "tflite-int8":
        limit = 0.2 if kind == "tflite-fp16" else 0.05
        np.testing.assert_allclose(found, landmarks, atol=limit, rtol=0)
    elif truth is not None:
        errors = [metrics.face_errors(truth, points).mean() for points in (found, landmarks)]
        assert errors[0] <= 1.03 * errors[1]
    else:
        eyes = landmarks[:, 42:48].mean(axis=1) - landmarks[:, 36:42].mean(axis=1)
        distance = np.linalg.norm(found - landmarks, axis=-1).mean()
        assert distance < 0.01 * np.linalg.norm(eyes, axis=-1).mean()


@pytest.mark.timeout(600)
def test_an_exported_landmarker_finds_what_keras_finds(exported):
    name, kind, run = exported
    count = 100 if kind == "tflite-int8" and name in PUBLISHED else 25
    _, crops, truth, landmarks = expected(name, count)
    assert np.ptp(landmarks, axis=0).max() > 1  # each face has its own
    found = np.concatenate([run(crops[i : i + 25]) for i in range(0, len(crops), 25)])
    assert_near(found, landmarks, kind, truth)


@pytest.mark.timeout(600)
def test_a_face_alone_has_the_landmarks_it_has_among_others(exported):
    name, _, run = exported
    crops = expected(name)[1][:25]
    among = run(crops)
    for i in (0, 7, 24):
        np.testing.assert_allclose(run(crops[i : i + 1])[0], among[i], atol=0.05, rtol=0)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("level", [0, 255])
def test_a_plain_picture_has_finite_landmarks(exported, level):
    name, kind, run = exported
    model = expected(name)[0]
    crops = np.full((2, *model.size, 3), level, "float32")
    found = run(crops)
    assert np.isfinite(found).all()
    if kind in EXACT:
        np.testing.assert_allclose(found, model.predict_on_batch(crops)["landmarks"], atol=0.05)


def test_a_file_takes_crops_of_the_dtype_asked_for(tiny_file):
    kind, dtype, path, _ = tiny_file
    _, crops, _, landmarks = expected("tiny-ibug68")
    assert_near(read(path)(crops[:25].astype(dtype)), landmarks[:25], kind)
    if kind == "saved_model":  # casts what it is given
        import tensorflow as tf

        serve = tf.saved_model.load(str(path)).signatures["serving_default"]
        assert serve.structured_input_signature[1]["crops"].dtype.name == dtype
        return
    other = "float32" if dtype == "uint8" else "uint8"
    with pytest.raises(Exception, match=r"(?i)type|uint8"):
        read(path)(crops.astype(other))


def test_the_facts_inside_of_a_file_and_beside_it_are_those_returned(tiny_file):
    kind, _, path, facts = tiny_file
    if kind == "saved_model":
        assert json.loads((path / "assets.extra" / "landmarks.json").read_text()) == facts
        assert [file.name for file in path.parent.iterdir()] == ["model"]
        return
    assert json.loads(path.with_name(path.name + ".json").read_text()) == facts
    assert sorted(path.parent.iterdir()) == [path, path.with_name(path.name + ".json")]
    inside = runtime.read_facts(path)
    check = set(facts) - set(inside)  # of the written file: it cannot stand in it
    assert check == {"largest_difference_px", "mean_difference_percent"}
    assert inside == {key: value for key, value in facts.items() if key not in check}


def test_the_facts_say_what_a_reader_must_know(tiny_file):
    kind, dtype, _, facts = tiny_file
    assert (facts["model"], facts["format"], facts["scheme"]) == ("tiny-ibug68", kind, "ibug68")
    assert len(facts["points"]) == len(set(facts["points"])) == 68
    assert facts["points"][:2] == ["jaw 1", "jaw 2"]
    assert facts["crop"].items() >= {"size": [32, 32], "margin": 1.25, "box": "annotation"}.items()
    assert list(facts["inputs"]) == ["crops"]
    crops = {"shape": [None, 32, 32, 3], "dtype": dtype, "range": [0, 255], "channels": "RGB"}
    assert facts["inputs"]["crops"] == crops
    assert facts["outputs"]["landmarks"]["shape"] == [None, 68, 2]
    assert facts["outputs"]["landmarks"]["dtype"] == "float32"
    assert "300W" in facts["licence"]
    assert ("arithmetic" in facts) == (kind == "tflite-int8")


@pytest.mark.usefixtures("unconverted")
@pytest.mark.parametrize(
    ("theirs", "kind"), [("tf_saved_model", "saved_model"), ("litert", "tflite")]
)
def test_a_format_has_the_name_that_keras_gives_it_too(tmp_path, theirs, kind):
    path = tmp_path / f"model{export.FORMATS[kind][0]}"
    assert tiny().export(str(path), format=theirs)["format"] == kind


@pytest.mark.usefixtures("unconverted")
@pytest.mark.parametrize("kind", ["tflite"])
def test_an_ending_may_have_large_letters(tmp_path):
    tiny().export(tmp_path / "TINY.TFLITE", "tflite")
    found = runtime.open_model(tmp_path / "TINY.TFLITE").predict_on_batch(np.zeros((1, 32, 32, 3)))
    expected = tiny().predict_on_batch(np.zeros((1, 32, 32, 3), "float32"))
    np.testing.assert_allclose(found["landmarks"], expected["landmarks"], atol=1e-3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["TINY.TFLITE", "TINY.TFLITE.json"]
    opened = runtime.open_model(tmp_path / "TINY.TFLITE")
    with pytest.raises(ValueError, match="Expected a model as load.. gives it, a Landmarker, not"):
        export.export(opened, tmp_path / "a.onnx", "onnx")


def test_a_saved_model_holds_each_weight_once(known):
    path, _ = known("saved_model")
    values = sum(weight.numpy().nbytes for weight in tiny().weights)
    (written,) = path.glob("variables/variables.data*")
    assert values <= written.stat().st_size < 1.05 * values


def test_half_precision_halves_a_file_and_int8_leaves_a_third(known):
    kinds = ("tflite", "tflite-fp16", "tflite-int8")
    size = {kind: known(kind)[0].stat().st_size for kind in kinds}
    assert size["tflite-fp16"] < 0.55 * size["tflite"]
    assert size["tflite-int8"] < 0.35 * size["tflite"]


def test_an_int8_file_is_full_integer_where_that_keeps_the_landmarks(tmp_path, monkeypatch):
    monkeypatch.setattr(checked, "INT8_LIMIT", 100.0)
    path, facts = written(tiny(), tmp_path, "tflite-int8")
    assert facts["arithmetic"] == runtime.read_facts(path)["arithmetic"] == "full-integer"
    assert read(path)(np.zeros((2, 32, 32, 3), np.float32)).dtype == np.float32


def test_int8_is_measured_on_the_crops_that_are_given(tmp_path):
    crops, landmarks = expected("tiny-ibug68")[1][:20], expected("tiny-ibug68")[3][:20]
    path, facts = written(tiny(), tmp_path, "tflite-int8", representative=np.uint8(crops))
    difference = read(path)(crops) - landmarks
    assert facts["largest_difference_px"] == pytest.approx(np.abs(difference).max(), abs=0.01)
    eyes = landmarks[:, 42:48].mean(axis=1) - landmarks[:, 36:42].mean(axis=1)
    percent = 100 * np.linalg.norm(difference, axis=-1).mean()
    percent /= np.linalg.norm(eyes, axis=-1).mean()
    assert facts["mean_difference_percent"] == pytest.approx(percent, abs=0.02)


def views(model):
    """Crops of a portrait, each a little otherwise."""
    face = Face(str(PORTRAIT), np.full((68, 2), np.nan), "ibug68", BOX)
    augmentation = Augmentation(rotation=0, mirror=0)
    samples = Samples([face] * 8, model.size, augmentation=augmentation, batch=8)
    return samples.batch_at(0)[0]


def test_int8_of_real_faces_keeps_the_layers_that_place_points_in_float(tmp_path):
    """All in integers, heatmaps of 256 values put points off by a third of the eyes' distance."""
    model = load("unet-fast-300w")
    crops = views(model)
    path, facts = written(model, tmp_path, "tflite-int8", representative=crops)
    assert facts["arithmetic"] == "integer, the last layers in float"
    assert_near(
        read(path)(np.float32(crops)), model.predict_on_batch(crops)["landmarks"], "tflite-int8"
    )
    kinds = {op["op_name"] for op in integer_operators(path)}
    assert {"CONV_2D", "MAX_POOL_2D", "ADD", "RESIZE_BILINEAR"} <= kinds
    assert not kinds & {"SOFTMAX", "BATCH_MATMUL"}


def test_int8_of_real_faces_keeps_no_wide_head_in_float(tmp_path):
    """It holds most weights of a CNN, which then compute as they do without faces."""
    model = load("cnn6-300w")
    path, facts = written(model, tmp_path, "tflite-int8", representative=views(model))
    assert facts["arithmetic"] == "dynamic range"
    assert path.stat().st_size < 1.1 * model.count_params()


def integer_operators(path):
    from ai_edge_litert.interpreter import Interpreter

    reader = Interpreter(str(path))
    whole = {d["index"] for d in reader.get_tensor_details() if d["dtype"] == np.int8}
    return [op for op in reader._get_ops_details() if whole.issuperset(op["outputs"])]


def test_a_folder_of_pictures_gives_the_crops_that_detect_cuts(tmp_path, monkeypatch):
    folder, seen = tmp_path / "photos" / "deeper", []
    folder.mkdir(parents=True)
    shutil.copy(PORTRAIT, folder)
    (folder / "notes.txt").write_text("no picture")
    (folder / "cut.jpg").write_bytes(PORTRAIT.read_bytes()[:2000])
    model = keras_landmarks.load("tiny-ibug68")
    predict = model.predict_on_batch
    monkeypatch.setattr(model, "predict_on_batch", lambda x: (seen.append(x), predict(x))[1])
    path, facts = written(model, tmp_path / "out", "tflite-int8", representative=str(folder.parent))
    # `detect` on the photo, then the check of one file or two: the same crop of the one face.
    assert len(seen) >= 2
    for crops in seen:
        assert crops.shape == (1, 32, 32, 3)
        np.testing.assert_array_equal(crops, seen[0])
    found, landmarks = read(path)(np.float32(seen[0])), predict(seen[0])["landmarks"]
    assert_near(found, landmarks, "tflite-int8")
    assert facts["largest_difference_px"] == pytest.approx(
        np.abs(found - landmarks).max(), abs=0.01
    )


def fail(*_):
    raise OSError("no space left")


@pytest.fixture
def unconverted(monkeypatch, known, kind):
    """A file that is written is the known one, for tests of what happens next."""
    there = {dtype: known(kind, dtype)[0] for dtype in ("float32", "uint8")}

    def copied(model, path, *words, **_):
        source = there[words[-2]]  # before the facts
        (shutil.copytree if source.is_dir() else shutil.copy)(source, path)

    for name in ("write", "write_integer"):
        monkeypatch.setattr(checked, name, copied)


@pytest.mark.usefixtures("unconverted")
@pytest.mark.parametrize(
    ("kind", "before"),
    [("saved_model", False), ("tflite", False)]
    + [(kind, True) for kind in ("saved_model", "tflite", "tflite-int8", "onnx")],
)
def test_writing_that_fails_leaves_the_folder_as_it_was(tmp_path, monkeypatch, known, kind, before):
    if before:
        shutil.copytree(known(kind)[0].parent, tmp_path, dirs_exist_ok=True)
    (tmp_path / "other.txt").write_text("kept")
    was = contents(tmp_path)
    monkeypatch.setattr(checked, "_check", fail)
    with pytest.raises(OSError, match="no space left"):
        written(tiny(), tmp_path, kind, dtype="uint8")
    assert contents(tmp_path) == was
    assert len(list(tmp_path.iterdir())) == len({path.parts[0] for path in was})


@pytest.mark.usefixtures("unconverted")
@pytest.mark.parametrize(
    ("kind", "off"),
    [("tflite-int8", 9.0), ("onnx", 9.0)]
    + [(kind, float("nan")) for kind in ("saved_model", "tflite", "tflite-int8", "onnx")],
)
def test_a_file_that_finds_other_landmarks_is_not_written(tmp_path, monkeypatch, kind, off):
    found = {"largest_difference_px": off, "mean_difference_percent": off}
    monkeypatch.setattr(checked, "_check", lambda *_: found)
    with pytest.raises(RuntimeError, match=str(off)):
        written(tiny(), tmp_path, kind)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["saved_model", "tflite", "tflite-int8", "onnx"])
def test_a_file_of_a_fixed_number_of_crops_finds_the_same(tmp_path, kind):
    path, facts = written(tiny(), tmp_path, kind, batch=2)
    assert facts["inputs"]["crops"]["shape"] == [2, *tiny().size, 3]
    assert facts["outputs"]["landmarks"]["shape"] == [2, 68, 2]
    _, crops, _, landmarks = expected("tiny-ibug68")
    assert_near(read(path)(crops[:2]), landmarks[:2], kind)
    if kind == "saved_model":
        return
    found = runtime.open_model(path).predict_on_batch(crops[:5])["landmarks"]
    assert_near(found, landmarks[:5], kind)
    if kind == "onnx":
        import onnxruntime

        (given,) = onnxruntime.InferenceSession(str(path)).get_inputs()
        assert given.shape == [2, *tiny().size, 3]
    else:
        from ai_edge_litert.interpreter import Interpreter

        for tensor in Interpreter(str(path)).get_tensor_details():
            assert -1 not in tensor["shape_signature"]


@pytest.mark.usefixtures("unconverted")
@pytest.mark.parametrize("kind", ["saved_model", "tflite", "tflite-int8", "onnx"])
def test_a_new_file_takes_the_place_of_an_old_one(tmp_path, known, kind):
    shutil.copytree(known(kind)[0].parent, tmp_path, dirs_exist_ok=True)
    if kind == "saved_model":
        (tmp_path / "model" / "assets" / "vocabulary.txt").write_text("of the old one")
    names = {file.name for file in tmp_path.iterdir()}
    path, facts = written(tiny(), tmp_path, kind, dtype="uint8")
    assert facts["inputs"]["crops"]["dtype"] == "uint8"
    _, crops, _, landmarks = expected("tiny-ibug68")
    assert_near(read(path)(crops.astype(np.uint8)), landmarks, kind)
    assert {file.name for file in tmp_path.iterdir()} == names
    assert not list(path.rglob("vocabulary.txt"))


@pytest.mark.usefixtures("unconverted")
@pytest.mark.parametrize("kind", ["saved_model"])
def test_a_saved_model_may_be_called_old(tmp_path, known):
    shutil.copytree(known("saved_model")[0], tmp_path / "old")
    facts = tiny().export(tmp_path / "old", dtype="uint8")
    text = (tmp_path / "old" / "assets.extra" / "landmarks.json").read_text()
    assert json.loads(text) == facts
    assert [file.name for file in tmp_path.iterdir()] == ["old"]


def test_crops_need_not_be_square(tmp_path):
    crops = keras.Input((32, 48, 3))
    x = keras.layers.Dense(136)(keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(crops)))
    model = Landmarker(crops, {"landmarks": keras.layers.Reshape((68, 2))(x)})
    model.export(tmp_path / "wide.onnx", "onnx")
    assert runtime.open_model(tmp_path / "wide.onnx").size == (32, 48)


def test_every_output_is_checked(tmp_path, monkeypatch):
    model, crops = tiny(), np.zeros((2, 32, 32, 3), np.uint8)
    landmarks = model.predict_on_batch(crops)["landmarks"]
    keras_says = {"landmarks": landmarks, "error": np.ones((2, 68)), "score": np.ones((2, 68))}
    file_says = dict(keras_says)
    monkeypatch.setattr(model, "predict_on_batch", lambda crops: keras_says)
    opened = type("Opened", (), {"predict_on_batch": lambda self, crops: file_says})()
    monkeypatch.setattr(checked, "open_model", lambda path: opened)
    assert checked._check(model, tmp_path / "file", crops, "uint8") == {
        "largest_difference_px": 0.0,
        "mean_difference_percent": 0.0,
    }
    file_says["score"] = 0.9 * np.ones((2, 68))
    found = checked._check(model, tmp_path / "file", crops, "uint8")
    assert found["mean_difference_percent"] == pytest.approx(10)
    keras_says["far"], file_says["far"] = np.full((2, 3), 500.0), np.full((2, 3), 490.0)
    found = checked._check(model, tmp_path / "file", crops, "uint8")
    assert found["others_percent"] == {"far": 2.0}
    assert found["largest_difference_px"] == pytest.approx(0.1)  # of the score
    file_says["error"] = np.full((2, 68), np.nan)
    found = checked._check(model, tmp_path / "file", crops, "uint8")
    assert not found["largest_difference_px"] <= 1e9
    assert not found["mean_difference_percent"] <= 1e9


def test_outputs_of_ones_own_are_checked_by_their_range_and_keep_their_type(tmp_path, monkeypatch):
    plain = tiny()
    points = plain.output["landmarks"]
    more = {
        "far": 1000 * keras.layers.Flatten(name="flat")(points),
        "whole": ops.cast(points[:, 0], "int32"),
    }
    model = Landmarker(plain.input, {**plain.output, **more})
    facts = model.export(tmp_path / "more.tflite", "tflite-fp16")  # landmarks may be 0.2 px off
    assert {name: facts["outputs"][name]["dtype"] for name in more} == {
        "far": "float32",
        "whole": "int32",
    }
    opened = runtime.open_model(tmp_path / "more.tflite")
    for crops in (np.zeros((2, 32, 32, 3)), np.zeros((0, 32, 32, 3))):
        for found in (opened.predict_on_batch(crops), model.predict_on_batch(crops)):
            assert {name: found[name].dtype.name for name in more} == {
                "far": "float32",
                "whole": "int32",
            }
    wrong = {"largest_difference_px": 0.0, "mean_difference_percent": 0.0}
    monkeypatch.setattr(checked, "_check", lambda *_: {**wrong, "others_percent": {"far": 1.0}})
    with pytest.raises(RuntimeError, match=r"model's far lies up to 1\.0 % of its range"):
        model.export(tmp_path / "wrong.tflite", "tflite")


@pytest.mark.parametrize("kind", ["onnx", "tflite", "tflite-int8"])
def test_an_operation_that_a_format_lacks_is_told(tmp_path, kind):
    plain = tiny()
    four = keras.layers.Flatten(name="flat")(plain.output["landmarks"])[:, :4]
    model = Landmarker(plain.input, {**plain.output, "highest": ops.argmax(four, axis=-1)})
    path = tmp_path / f"model.{kind.partition('-')[0]}"
    with pytest.raises(RuntimeError, match="The network has an operation that (tflite|onnx)"):
        model.export(path, kind)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("kind", ["tflite", "tflite-int8"])
def test_a_model_of_one_point_has_errors_that_are_numbers(tmp_path, kind):
    plain = tiny()
    one = own_schemes.scheme_of_names("one", ["nose"])
    model = Landmarker(plain.input, {"landmarks": plain.output["landmarks"][:, 30:31]}, scheme=one)
    assert 0 <= model.export(tmp_path / "one.tflite", kind)["mean_difference_percent"] < 1


@pytest.mark.usefixtures("unconverted")
@pytest.mark.parametrize("kind", ["saved_model"])
def test_a_saved_model_may_be_called_by_its_version(tmp_path, known):
    shutil.copytree(known("saved_model")[0], tmp_path / "1.5")
    tiny().export(tmp_path / "1.5")
    assert format_of(tmp_path / "1.5") == "saved_model"
    assert format_of(pathlib.Path("TINY.TFLITE")) == "tflite"
    with pytest.raises(ValueError, match="ends in 'no suffix'"):
        tiny().export(tmp_path / "model.tfl")


def test_what_keras_has_quantized_is_refused(tmp_path):
    model = keras_landmarks.load("tiny-ibug68")
    model.quantize("int8")
    with pytest.raises(ValueError, match="is quantized by Keras .*take the model as it was"):
        model.export(tmp_path / "model.tflite", "tflite")


@pytest.mark.usefixtures("unconverted")
@pytest.mark.parametrize("kind", ["onnx"])
def test_folders_that_are_missing_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "model.onnx"
    tiny().export(str(path), format="onnx")
    assert path.exists()


@pytest.mark.usefixtures("unconverted")
@pytest.mark.parametrize("kind", ["saved_model"])
def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "empty").mkdir()
    assert tiny().export(tmp_path / "empty", "saved_model")["format"] == "saved_model"
    assert (tmp_path / "empty" / "saved_model.pb").is_file()


def test_a_folder_or_file_that_is_no_saved_model_is_not_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.txt").write_text("mine")
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "model.tflite").mkdir()
    was = contents(tmp_path)
    for name, kind in (
        ("photos", "saved_model"),
        ("notes", "saved_model"),
        ("model.tflite", "tflite"),
    ):
        with pytest.raises(ValueError, match=f"{name} is there, and no (file|SavedModel)"):
            tiny().export(tmp_path / name, kind)
        assert contents(tmp_path) == was


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("model", ["tfjs"], "Unknown format 'tfjs'. Known: saved_model, tflite, tflite-fp16"),
        ("model", ["tflite-int8"], r"ends in '\.tflite'"),
        ("model.onnx", ["tflite"], r"ends in '\.tflite'"),
        ("model.tflite", ["onnx"], r"ends in '\.onnx'"),
        ("model.tflite", [], "ends in 'no suffix'"),
        ("model", ["saved_model", "int8"], "float32 or uint8, not 'int8'"),
    ],
)
def test_a_bad_argument_is_an_error_that_says_what_is_expected(tmp_path, name, arguments, message):
    with pytest.raises(ValueError, match=message):
        tiny().export(tmp_path / name, *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(4, 32, 32, 1), (32, 32, 3), (0, 32, 32, 3), (4, 64, 64, 3)])
def test_crops_of_another_shape_are_an_error_that_names_it(tmp_path, shape):
    with pytest.raises(ValueError, match="Expected crops .*32, 32, 3.* got .*3"):
        written(tiny(), tmp_path, "tflite-int8", representative=np.zeros(shape, np.uint8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("level", [0.5, 300.0, -1.0, np.nan])
def test_crops_that_are_not_of_0_to_255_are_an_error(tmp_path, level):
    crops = np.full((2, 32, 32, 3), level, np.float32)
    with pytest.raises(ValueError, match=r"0\.\.255"):
        written(tiny(), tmp_path, "tflite-int8", representative=crops)


def test_a_folder_without_faces_is_an_error_that_names_it(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "notes.txt").write_text("no picture")
    for folder, kind, message in (
        (photos, ValueError, "photos .*no pictures"),
        (tmp_path / "missing", FileNotFoundError, "No folder at .*missing"),
    ):
        with pytest.raises(kind, match=message):
            written(tiny(), tmp_path / "out", "tflite-int8", representative=folder)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "package"),
    [
        ("saved_model", "tensorflow"),
        ("tflite", "tensorflow"),
        ("tflite-int8", "ai_edge_litert"),
        ("onnx", "tf2onnx"),
        ("onnx", "onnxruntime"),
    ],
)
def test_a_missing_package_is_an_error_that_says_how_to_install_it(
    tmp_path, monkeypatch, kind, package
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"pip install {package.replace('_', '-')}"):
        written(tiny(), tmp_path, kind)
    assert list(tmp_path.iterdir()) == []


def test_another_backend_than_tensorflow_is_an_error_that_says_so(tmp_path, monkeypatch):
    model = tiny()
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ImportError, match="TensorFlow backend"):
        written(model, tmp_path, "onnx")
