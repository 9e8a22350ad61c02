"""Exported files without Keras: the same faces as `Landmarker.detect`, and bad files."""

import concurrent.futures
import copy
import functools
import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
from loaded import load
from places import PORTRAIT

from keras_landmarks import evaluation, runtime
from keras_landmarks.data import made_up_faces
from keras_landmarks.pictures import images
from keras_landmarks.schemes import IBUG68

FACE = np.array([170, 63, 276, 189], np.float32)
SUFFIXES = {".tflite": "tflite", ".onnx": "onnx"}


def model():
    return load("tiny-ibug68")


@functools.cache
def portrait():
    return images.read_image(PORTRAIT)


def random_crops(count, dtype=np.uint8):
    return np.random.default_rng(0).uniform(0, 255, (count, 32, 32, 3)).astype(dtype)


@pytest.fixture(scope="module", params=[(s, d) for s in SUFFIXES for d in ("float32", "uint8")])
def path(request, known):
    """A file of the tiny model: TFLite or ONNX, for floats or whole numbers."""
    suffix, dtype = request.param
    return known(SUFFIXES[suffix], dtype)[0]


@pytest.fixture(scope="module")
def opened(path):
    return runtime.open_model(path)


def assert_same(found, expected):
    """Two lists of detections say the same."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert (one.scheme, one.score, one.error) == (other.scheme, other.score, other.error)
        np.testing.assert_array_equal(one.box, other.box)
        assert one.landmarks.dtype == np.float32
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=0.05, rtol=0)


@pytest.mark.parametrize("boxes", [FACE, [FACE], [FACE, FACE + 9, FACE - 9], []])
def test_detect_finds_what_the_landmarker_finds(opened, boxes):
    found = opened.detect(portrait(), boxes)
    assert_same(found, model().detect(portrait(), boxes))
    assert all(face.scheme == IBUG68 and face.score is None for face in found)


def test_pictures_may_be_files_and_boxes_of_another_convention(opened):
    assert_same(opened.detect(str(PORTRAIT), FACE), model().detect(portrait(), FACE))
    found = opened.detect(PORTRAIT, FACE, convention="mtcnn")
    assert_same(found, model().detect(portrait(), FACE, convention="mtcnn"))
    assert np.abs(found[0].landmarks - opened.detect(PORTRAIT, FACE)[0].landmarks).max() > 2


def test_a_batch_of_pictures_gives_a_list_for_each(opened):
    pictures, boxes = [portrait(), PORTRAIT, portrait()], [FACE, [], [FACE, FACE + 5]]
    found = opened.detect(pictures, boxes)
    assert [len(faces) for faces in found] == [1, 0, 2]
    for faces, expected in zip(found, model().detect(pictures, boxes)):
        assert_same(faces, expected)
    with pytest.raises(ValueError, match="2 pictures, but boxes for 1"):
        opened.detect([portrait(), portrait()], [FACE])


def test_an_exported_model_is_measured_as_the_landmarker_is(opened):
    faces = made_up_faces(4)
    found = evaluation.evaluate(opened, faces, "truth", verbose=0)
    assert found.model == "tiny-ibug68"
    expected = evaluation.evaluate(model(), faces, "truth", verbose=0)
    np.testing.assert_allclose(found.predicted, expected.predicted, atol=0.05)


def test_without_boxes_the_faces_are_found_first(opened):
    (face,) = opened.detect(portrait())
    assert face.score > 0.85
    assert_same([face], model().detect(portrait()))


def test_any_callable_is_a_detector(path):
    opened, seen = runtime.open_model(path), []

    def own(picture):
        seen.append(picture)
        return FACE[None], [0.7]

    expected = opened.detect(portrait(), FACE)[0].landmarks
    (face,) = opened.detect(PORTRAIT, detector=own)
    opened.detector = own
    (again,) = opened.detect(portrait())
    for one in (face, again):
        assert one.score == pytest.approx(0.7)
        np.testing.assert_array_equal(one.landmarks, expected)
    np.testing.assert_array_equal(seen[0], portrait())


def test_a_bad_box_is_an_error_that_names_it(opened):
    with pytest.raises(ValueError, match="outside of the picture of 512 x 512"):
        opened.detect(portrait(), [600, 10, 700, 90])


def test_one_file_takes_batches_of_any_size_one_after_the_other(opened):
    crops = random_crops(25)
    expected = model().predict_on_batch(crops)["landmarks"]
    for count in (1, 25, 3, 1):
        outputs = opened.predict_on_batch(crops[:count])
        assert list(outputs) == ["landmarks"]
        assert outputs["landmarks"].shape == (count, 68, 2)
        assert outputs["landmarks"].dtype == np.float32
        np.testing.assert_allclose(outputs["landmarks"], expected[:count], atol=0.05)


def test_no_crops_have_no_landmarks(opened):
    assert opened.predict_on_batch(random_crops(0))["landmarks"].shape == (0, 68, 2)
    assert opened.predict_on_batch(random_crops(2))["landmarks"].shape == (2, 68, 2)


def test_landmarks_stay_when_the_next_faces_come(opened):
    first = opened.predict_on_batch(random_crops(2))["landmarks"]
    kept = first.copy()
    opened.predict_on_batch(np.zeros((2, 32, 32, 3), np.uint8))
    np.testing.assert_array_equal(first, kept)


def test_more_threads_find_the_same(path):
    assert_same(
        runtime.open_model(str(path), threads=np.int64(2)).detect(portrait(), FACE),
        model().detect(portrait(), FACE),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_crops_may_be_of_any_number_type(opened, dtype):
    crops = random_crops(3, dtype)
    whole = opened.facts["inputs"]["crops"]["dtype"] == "uint8"
    taken = np.rint(crops) if whole else np.float32(crops)
    expected = model().predict_on_batch(taken)["landmarks"]
    found = opened.predict_on_batch(crops)["landmarks"]
    np.testing.assert_allclose(found, expected, atol=0.01)
    np.testing.assert_array_equal(opened.predict_on_batch(crops.tolist())["landmarks"], found)
    strided = np.asfortranarray(crops)
    np.testing.assert_array_equal(opened.predict_on_batch(strided)["landmarks"], found)


def test_pixels_outside_of_0_to_255_do_not_wrap_round(opened):
    whole = opened.facts["inputs"]["crops"]["dtype"] == "uint8"
    for level, limit in ((-40.0, 0), (300.0, 255)):
        crops = np.full((1, 32, 32, 3), level, np.float32)
        found = opened.predict_on_batch(crops)["landmarks"]
        taken = np.full_like(crops, limit) if whole else crops
        np.testing.assert_allclose(found, model().predict_on_batch(taken)["landmarks"], atol=0.01)


@pytest.mark.parametrize("shape", [(32, 32, 3), (1, 32, 32), (1, 32, 32, 1), (1, 64, 64, 3)])
def test_crops_of_another_shape_are_an_error_that_names_it(opened, shape):
    with pytest.raises(ValueError, match=rf"batch, 32, 32, 3\), got \({shape[0]}, .*{shape[-1]}\)"):
        opened.predict_on_batch(np.zeros(shape))


def test_an_opened_model_knows_what_the_landmarker_knows(opened, path):
    for name in ("size", "margin", "box", "scheme", "licence"):
        assert getattr(opened, name) == getattr(model(), name)
    assert opened.facts == runtime.read_facts(path)
    assert opened.facts["points"] == list(model().scheme.point_names)


def test_names_may_hold_spaces_and_umlauts(path, tmp_path):
    copy = tmp_path / f"schöne Gesichter{path.suffix}"
    shutil.copy(path, copy)
    assert_same(runtime.open_model(copy).detect(portrait(), FACE), model().detect(portrait(), FACE))


def run(code, *arguments):
    """Runs Python in a process of its own, somewhere else than here."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    subprocess.run(command, check=True, cwd="/")


DETECT = """
import sys
import keras_landmarks.runtime
model = keras_landmarks.runtime.open_model(sys.argv[1])
(face,) = model.detect(sys.argv[2], boxes=[170, 63, 276, 189])
assert face.landmarks.shape == (68, 2)
(face,) = model.detect(sys.argv[2], detector=lambda picture: [[170, 63, 276, 189]])
assert face.landmarks.shape == (68, 2)
(face,) = model.detect(sys.argv[2])
assert face.score > 0.8
assert abs(face.pose.roll) < 20
heavy = {"keras", "tensorflow", "jax", "torch", "mtcnn"} & set(sys.modules)
assert not heavy, heavy
"""

IMPORT = """
import sys
import keras_landmarks
assert "detect" in dir(keras_landmarks.runtime.ExportedModel)
assert {"load", "Landmarker", "export"} <= set(dir(keras_landmarks))
heavy = {"keras", "tensorflow", "jax", "torch", "mtcnn"} & set(sys.modules)
assert not heavy, heavy
try:
    keras_landmarks.nothing
except AttributeError as error:
    assert "nothing" in str(error)
else:
    raise AssertionError
"""


def test_a_file_is_used_without_keras_and_tensorflow(path):
    run(DETECT, path, PORTRAIT)


FORK = """
import multiprocessing, sys
import keras_landmarks.runtime
model = keras_landmarks.runtime.open_model(sys.argv[1], threads=2)
def find(pipe):
    pipe.send(model.detect(sys.argv[2])[0].landmarks)
context = multiprocessing.get_context("fork")
expected = model.detect(sys.argv[2])[0].landmarks
here, there = context.Pipe()
child = context.Process(target=find, args=(there,), daemon=True)
child.start()
assert here.poll(60)
assert (here.recv() == expected).all()
child.join()
"""


def test_a_forked_process_finds_what_its_parent_finds(path):
    run(FORK, path, PORTRAIT)


def test_facts_may_be_longer_than_the_model(tmp_path):
    facts = {"keras_landmarks": "0", "points": [f"a point of a long name {i}" for i in range(3000)]}
    path = tmp_path / "many.onnx"
    path.write_bytes(b"\xff" + json.dumps(facts).encode() + b"\xff more")
    assert runtime.read_facts(path) == facts


def test_an_opened_model_is_pickled_and_copied(opened):
    expected = opened.detect(portrait())
    for other in (pickle.loads(pickle.dumps(opened)), copy.deepcopy(opened)):
        np.testing.assert_array_equal(other.detect(portrait())[0].landmarks, expected[0].landmarks)


def test_eight_threads_find_what_one_finds(opened):
    """Two models at once, of which each thread uses both; no call may see another's face."""
    assert_threads_agree(opened, model())


def assert_threads_agree(*models, calls=240, threads=8):
    rng = np.random.default_rng(0)
    boxes = [FACE + np.float32(rng.uniform(-12, 12, 4)) for _ in range(20)]
    cases = [(model, box) for model in models for box in [*boxes, None]]
    expected = [model.detect(portrait(), box)[0].landmarks for model, box in cases]

    def call(number):
        # Mostly with boxes: those are quick, so that calls often meet.
        i = number * 7 % len(cases)
        if cases[i][1] is None and number % 5:
            i -= 1
        model, box = cases[i]
        return np.array_equal(model.detect(portrait(), box)[0].landmarks, expected[i])

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        assert sum(pool.map(call, range(calls))) == calls


def test_importing_the_package_imports_neither_keras_nor_tensorflow():
    run(IMPORT)


def test_a_file_that_is_cut_short_is_an_error_that_names_it(path, tmp_path):
    whole, cut = path.read_bytes(), tmp_path / f"cut{path.suffix}"
    lengths = {len(whole) * i // 16 for i in range(16)} | {1, 8, 100}
    lengths |= {len(whole) - i for i in (1, 2, 10, 100, 500, 1000, 2000, 5000)}
    for length in sorted(lengths):
        cut.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=f"{cut.name} .*cut short"):
            runtime.open_model(cut)


def test_a_file_that_is_damaged_inside_is_an_error_that_names_it(path, tmp_path):
    content, damaged = bytearray(path.read_bytes()), tmp_path / f"damaged{path.suffix}"
    start, facts = content.rfind(runtime.MARK.encode()), len('{"keras_landmarks": ')
    content[:64] = bytes(64)
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match=damaged.name):
        runtime.open_model(damaged)
    content[start + facts : start + facts + 20] = b"\xff" * 20
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match=f"{damaged.name} was not exported by keras_landmarks"):
        runtime.read_facts(damaged)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"no model", bytes(5000), random_crops(3).tobytes()])
def test_a_file_that_is_not_a_model_is_an_error_that_names_it(tmp_path, suffix, content):
    path = tmp_path / f"strange{suffix}"
    path.write_bytes(content)
    for function in (runtime.open_model, runtime.read_facts):
        with pytest.raises(ValueError, match="strange.* was not exported by keras_landmarks"):
            function(path)


@pytest.mark.parametrize(("suffix", "kind"), [(".tflite", "litert"), (".onnx", "onnx")])
def test_a_model_that_keras_exported_itself_is_an_error_that_says_so(tmp_path, suffix, kind):
    import keras

    path = tmp_path / f"bare{suffix}"
    keras.Model.export(model(), str(path), format=kind, verbose=False)
    for function in (runtime.open_model, runtime.read_facts):
        with pytest.raises(ValueError, match="bare.* was not exported by keras_landmarks"):
            function(path)


def test_another_kind_of_file_is_an_error_that_says_what_is_expected(tmp_path):
    for name in ("model.keras", "model", "model.json"):
        (tmp_path / name).write_text("{}")
        with pytest.raises(ValueError, match=f"{name} is neither a .tflite nor an .onnx file"):
            runtime.open_model(tmp_path / name)


def test_onnx_computes_where_it_is_told(path, monkeypatch):
    import onnxruntime

    asked, session = [], onnxruntime.InferenceSession

    def listening(*given, providers):
        asked.append(providers)
        return session(*given, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", listening)
    if path.suffix == ".tflite":
        with pytest.raises(ValueError, match="providers are of ONNX Runtime"):
            runtime.open_model(path, providers=["CUDAExecutionProvider"])
    else:
        with pytest.warns(UserWarning, match="runs by CPUExecutionProvider, not CUDAExecution"):
            copy.deepcopy(runtime.open_model(path, providers="CUDAExecutionProvider"))
        runtime.open_model(path)
        assert asked == [["CUDAExecutionProvider"]] * 2 + [["CPUExecutionProvider"]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_missing_file_is_an_error_that_names_it(tmp_path, suffix):
    (tmp_path / f"folder{suffix}").mkdir()
    for name in ("nothing here", "folder"):
        with pytest.raises(FileNotFoundError, match=f"{name}{suffix}"):
            runtime.open_model(tmp_path / f"{name}{suffix}")


def test_a_missing_package_is_an_error_that_says_how_to_install_it(path, monkeypatch):
    package = {".tflite": "ai_edge_litert", ".onnx": "onnxruntime"}[path.suffix]
    for name in (package, f"{package}.interpreter"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"pip install {package.replace('_', '-')}"):
        runtime.open_model(path)
    assert runtime.read_facts(path)["scheme"] == "ibug68"  # needs no runtime
