import concurrent.futures
import copy
import functools
import importlib
import io
import itertools
import json
import multiprocessing
import pathlib
import pickle
import re
import shutil
import threading

import cv2
import keras
import numpy as np
import PIL.Image
import PIL.ImageSequence
import pytest
import skimage.data
from loaded import load
from matplotlib import cbook
from places import ROOT

import keras_landmarks
from keras_landmarks import Landmarker, forks, losses, weights, zoo
from keras_landmarks.faces import Convention
from keras_landmarks.faces.model import predict_in_parts
from keras_landmarks.pictures import images
from keras_landmarks.schemes import IBUG68

PHOTO = ROOT / "tutorials" / "astronaut.jpg"
FACE = np.array([170, 63, 276, 189], np.float32)


def model():
    return load("tiny-ibug68")


@functools.cache
def portrait():
    return skimage.data.astronaut()


@functools.cache
def expected():
    return model().detect(portrait(), FACE)[0].landmarks


def hopper():
    return cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)


def test_the_face_of_a_portrait_is_found_and_its_points_lie_on_it():
    (face,) = model().detect(portrait())
    assert face.score > 0.85
    assert face.scheme == IBUG68
    assert face.landmarks.shape == (68, 2)
    eyes, mouth = face.landmarks[36:48].mean(axis=0), face.landmarks[48:68].mean(axis=0)
    np.testing.assert_allclose(eyes, [221, 105], atol=8)
    np.testing.assert_allclose(mouth, [224, 147], atol=8)


def test_the_other_portrait_has_one_face_too():
    (face,) = model().detect(hopper())
    assert face.landmarks[36:48, 1].mean() < face.landmarks[48:68, 1].mean()


def test_a_picture_without_a_face_gives_an_empty_list():
    assert model().detect(np.full((240, 320, 3), 200, np.uint8)) == []


@pytest.mark.parametrize(
    "change",
    [
        PIL.Image.fromarray,
        lambda p: p.astype(np.float32),
        lambda p: p.astype(np.float64),
        lambda p: p.astype(np.int64),
        lambda p: np.dstack([p, np.full(p.shape[:2], 255, np.uint8)]),
        lambda p: PIL.Image.fromarray(p).convert("RGBA"),
        np.asfortranarray,
    ],
)
def test_kinds_of_pictures_give_the_same_points(change):
    found = model().detect(change(portrait()), FACE)[0].landmarks
    np.testing.assert_allclose(found, expected(), atol=1e-3)


@pytest.mark.parametrize("shape", [(512, 512), (512, 512, 1)])
def test_a_grey_picture_gives_almost_the_same_points(shape):
    grey = cv2.cvtColor(portrait(), cv2.COLOR_RGB2GRAY).reshape(shape)
    found = model().detect(grey, FACE)[0].landmarks
    assert np.abs(found - expected()).mean() < 4


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_a_file_gives_the_points_of_its_pixels(tmp_path, suffix):
    path = tmp_path / f"portrait{suffix}"
    images.write_image(path, portrait())
    np.testing.assert_allclose(model().detect(path, FACE)[0].landmarks, expected(), atol=1e-3)
    np.testing.assert_allclose(model().detect(str(path), FACE)[0].landmarks, expected(), atol=1e-3)


def test_a_photo_turned_by_its_exif_gives_the_points_of_the_upright_one(tmp_path):
    picture = PIL.Image.fromarray(portrait()).rotate(90, expand=True)
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    for turned in (tmp_path / "turned.png", PIL.Image.open(tmp_path / "turned.png")):
        np.testing.assert_allclose(model().detect(turned, FACE)[0].landmarks, expected(), atol=1e-3)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_larger_copy_gives_the_same_points_scaled(factor):
    accurate = load("cnn6-300w")
    size = np.array(portrait().shape[:2]) * factor
    large = cv2.resize(portrait(), size, interpolation=cv2.INTER_CUBIC)
    small = accurate.detect(portrait(), FACE)[0].landmarks
    found = (accurate.detect(large, FACE * factor)[0].landmarks + 0.5) / factor - 0.5
    eyes = np.linalg.norm(small[36] - small[45])
    assert np.linalg.norm(found - small, axis=-1).mean() < 0.02 * eyes


def test_a_shifted_picture_gives_the_points_shifted():
    shifted = np.zeros((600, 620, 3), np.uint8)
    shifted[30:542, 50:562] = portrait()
    found = model().detect(shifted, FACE + [50, 30, 50, 30])[0].landmarks
    np.testing.assert_allclose(found - [50, 30], expected(), atol=0.05)


def test_many_faces_are_computed_in_parts():
    sizes = []

    def predict(crops):
        sizes.append(len(crops))
        return {"landmarks": 2 * crops}

    crops = np.arange(70)
    np.testing.assert_array_equal(predict_in_parts(predict, crops)["landmarks"], 2 * crops)
    assert sizes == [32, 32, 6]


def test_a_batch_of_pictures_gives_a_list_for_each():
    empty = np.full((100, 100, 3), 90, np.uint8)
    found = model().detect([portrait(), empty, hopper()])
    assert [len(faces) for faces in found] == [1, 0, 1]
    boxes = [FACE, np.stack([FACE, FACE + 3])]
    found = model().detect(np.stack([portrait(), portrait()]), boxes)
    assert [len(faces) for faces in found] == [1, 2]
    np.testing.assert_allclose(found[1][0].landmarks, expected(), atol=1e-3)
    with pytest.raises(ValueError, match="2 pictures, but boxes for 1"):
        model().detect([portrait(), portrait()], [FACE])


def test_words_that_say_nothing_are_refused():
    with pytest.raises(ValueError, match="Unknown box convention 'nonsense'"):
        model().detect(portrait(), convention="nonsense")
    with pytest.raises(ValueError, match="angles are those of given boxes"):
        model().detect([portrait()] * 2, [FACE, None], angles=[None, [30]])
    with pytest.raises(ValueError, match="angles are those of given boxes"):
        model().detect(portrait(), angles=[3])


def test_any_callable_is_a_detector_and_its_convention_is_respected():
    def centred(image):
        return FACE[None]

    np.testing.assert_allclose(
        model().detect(portrait(), detector=centred)[0].landmarks, expected(), atol=1e-3
    )
    framed = keras_landmarks.faces.boxes.convert_boxes(FACE[None], "annotation", "mtcnn")
    detector = lambda image: (framed, [0.7])  # noqa: E731
    detector_with_convention = functools.partial(detector)
    detector_with_convention.convention = "mtcnn"
    (face,) = model().detect(portrait(), detector=detector_with_convention)
    assert face.score == pytest.approx(0.7)
    np.testing.assert_allclose(face.landmarks, expected(), atol=0.05)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([50, 50, 20, 90], "inverted"),
        ([50, 50, 50, 90], "inverted or empty"),
        ([600, 10, 700, 90], "outside of the picture of 512 x 512"),
        ([-90, 10, -1, 90], "outside"),
        ([0, 0, np.nan, 9], "not finite"),
        ([0, 0, 9], r"boxes \(faces, 4\)"),
    ],
)
def test_a_bad_box_is_an_error_that_names_it(box, message):
    with pytest.raises(ValueError, match=message):
        model().detect(portrait(), box)


def test_no_boxes_are_no_faces():
    assert model().detect(portrait(), boxes=[]) == []
    assert model().detect([portrait(), portrait()], boxes=[[], [FACE]])[0] == []


def test_a_pil_picture_that_is_cut_short_is_an_error_that_names_it(tmp_path):
    whole = pathlib.Path(hopper()).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.jpg cannot be read"):
        model().detect(PIL.Image.open(tmp_path / "cut.jpg"))


def test_a_box_that_is_partly_outside_of_the_picture_gives_finite_points():
    (face,) = model().detect(portrait(), [-60, -60, 80, 80])
    assert np.isfinite(face.landmarks).all()


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((0, 10, 3), np.uint8), "empty"),
        (np.full((9, 9, 3), np.nan, np.float32), "NaN"),
        (np.zeros((9, 9, 2), np.uint8), r"\(9, 9, 2\)"),
        (np.full((9, 9, 3), 0.5, np.float32), "multiply the picture by 255"),
        (np.array([["a"]]), "numbers"),
    ],
)
def test_a_bad_picture_is_an_error_that_says_what_is_expected(picture, message):
    with pytest.raises(ValueError, match=message):
        model().detect(picture)


def test_a_broken_file_is_an_error_that_names_it(tmp_path):
    for name, content in (("text.jpg", b"no picture"), ("empty.png", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            model().detect(tmp_path / name)
    shutil.copy(hopper(), tmp_path / "cut.jpg")
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.jpg is cut short"):
        model().detect(tmp_path / "cut.jpg")
    with pytest.raises(FileNotFoundError, match="nothing here.jpg"):
        model().detect(tmp_path / "nothing here.jpg")


def test_a_saved_landmarker_is_loaded_as_one(tmp_path):
    model().save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert (again.scheme, again.margin, again.box) == (model().scheme, 1.25, "annotation")
    np.testing.assert_array_equal(again.detect(portrait(), FACE)[0].landmarks, expected())


def save_and_load(suffix):
    def act(model, folder):
        model.save(folder / f"model{suffix}")
        return keras.models.load_model(folder / f"model{suffix}")

    return act


COPIES = {
    ".keras": save_and_load(".keras"),
    ".h5": save_and_load(".h5"),
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, _: copy.deepcopy(model),
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_knows_all_that_the_model_knows(way, tmp_path):
    known = keras_landmarks.load("tiny-ibug68")
    known.margin = 1.4
    known.detector = keras_landmarks.faces.Mtcnn(longest=300, threshold=0.5)
    known.detector.convention = Convention(0.1, -0.2, 1.3)
    again = COPIES[way](known, tmp_path)
    assert again.detector.convention == Convention(0.1, -0.2, 1.3)
    assert type(again) is keras_landmarks.Landmarker
    for name in ("scheme", "margin", "box", "licence", "size", "name"):
        assert getattr(again, name) == getattr(known, name)
    assert type(again.detector) is keras_landmarks.faces.Mtcnn
    assert (again.detector.longest, again.detector.threshold) == (300, 0.5)
    found, expected = (m.detect(portrait(), FACE)[0].landmarks for m in (again, known))
    np.testing.assert_array_equal(found, expected)


def test_a_file_of_another_backend_is_compiled_as_this_one_does_best(tmp_path):
    known = keras_landmarks.load("tiny-ibug68")
    known.compile("sgd", {"landmarks": losses.Wing()}, jit_compile=True)  # as it is under JAX
    assert not save_and_load(".keras")(known, tmp_path).jit_compile


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_without_its_detector_warns(way, tmp_path):
    known = keras_landmarks.load("tiny-ibug68")

    def mine(picture):
        return FACE[None]

    known.detector = mine
    with pytest.warns(UserWarning, match="detector mine is not saved with the model: set"):
        again = COPIES[way](known, tmp_path)
    assert again.detector is not mine


def test_a_model_that_was_saved_before_detectors_were_is_loaded():
    config = model().get_config()
    del config["detector"]
    assert keras_landmarks.Landmarker.from_config(config).licence == model().licence


@pytest.mark.parametrize("arguments", [{}, {"clone_function": lambda layer: layer}])
def test_clone_model_refuses_to_lose_what_the_model_knows(arguments):
    with pytest.raises(ValueError, match=r"would lose scheme.*copy.deepcopy\(model\) keeps them"):
        keras.models.clone_model(model(), **arguments)
    network = keras.Model(model().input, model().output)
    assert keras.models.clone_model(network).count_params() == model().count_params()


def test_a_forked_process_is_an_error_and_does_not_hang():
    picture, crops = np.zeros((99, 99, 3), np.uint8), np.zeros((1, 32, 32, 3), np.uint8)
    tiny = model()
    acts = [lambda: tiny.detect(picture), lambda: tiny(crops)]
    acts += [functools.partial(pickle.loads, pickle.dumps(tiny))]
    acts += [lambda: Landmarker.from_config({})]  # before anything of it is made
    acts += [lambda: keras_landmarks.load("tiny-ibug68")]
    acts += [lambda: tiny.predict(crops), lambda: tiny.predict_on_batch(crops)]
    acts += [lambda: tiny.evaluate(crops), lambda: tiny.fit(crops)]

    def use():
        for act in acts:
            with pytest.raises(RuntimeError, match="forked after the model was loaded") as error:
                act()
            assert "get_context('spawn')" in str(error.value)
        importlib.reload(forks)  # as if it were imported only now
        with pytest.raises(RuntimeError, match="or the backend had run"):
            keras_landmarks.load("tiny-ibug68")

    child = multiprocessing.get_context("fork").Process(target=use, daemon=True)
    tiny.predict_on_batch(crops)  # TensorFlow runs
    child.start()
    child.join(60)
    assert child.exitcode == 0


@pytest.mark.parametrize("margin", [0, -1, float("nan"), float("inf")])
def test_a_margin_that_makes_no_crop_is_refused(margin):
    with pytest.raises(ValueError, match=f"margin must be a finite number above 0, not {margin}"):
        keras_landmarks.Landmarker(model().input, model().output, margin=margin)


def test_a_box_is_a_name_that_can_be_kept():
    given = keras_landmarks.faces.Convention(0.1, 0.0, 1.2)
    with pytest.raises(ValueError, match="Unknown box convention"):
        keras_landmarks.Landmarker(model().input, model().output, box=given)


@pytest.mark.parametrize("shape", [(1, 32), (32, 32, 3), (1, 31, 32, 3), (0, 31, 32, 3)])
def test_crops_of_another_shape_are_named(tiny, shape):
    with pytest.raises(ValueError, match=r"Expected crops \(batch, 32, 32, 3\), got"):
        tiny.predict_on_batch(np.zeros(shape, "float32"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.keras", "x.keras: keras.models.load_model opens such files"),
        ("x.h5", "keras.models.load_model"),
        ("x.tflite", "keras_landmarks.runtime.open_model"),
        ("runs/none", "No folder or file runs/none of a trained model"),
        ("", "Unknown model ''. Known"),
    ],
)
def test_a_name_that_load_cannot_open_is_told_what_does(name, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        keras_landmarks.load(name)


def test_a_path_may_be_a_name_and_is_the_folder_of_that_name(tmp_path, monkeypatch):
    assert load(pathlib.Path("tiny-ibug68")).name == "tiny-ibug68"
    monkeypatch.chdir(tmp_path)
    facts, arrays = zoo.read_model("tiny-ibug68")
    pathlib.Path("tiny-ibug68").mkdir()
    facts = {"model": {**facts, "name": "mine"}}
    weights.save_arrays(pathlib.Path("tiny-ibug68/best.safetensors"), arrays, facts)
    assert zoo.load(pathlib.Path("tiny-ibug68")).name == "mine"
    assert zoo.load("tiny-ibug68").name == "tiny-ibug68"


@pytest.mark.parametrize("name", [None, 5, []])
def test_what_is_no_name_is_not_loaded(name):
    with pytest.raises(ValueError, match="Expected a model's name, a folder or a list of these"):
        keras_landmarks.load(name)


def test_a_landmarker_is_a_keras_model_that_can_be_fitted():
    fresh = keras_landmarks.load("tiny-ibug68")
    fresh.compile("sgd", loss={"landmarks": losses.Wing()}, jit_compile=False)
    crops = np.zeros((4, 32, 32, 3), np.uint8)
    history = fresh.fit(crops, {"landmarks": np.full((4, 68, 2), 16.0)}, verbose=0)
    assert np.isfinite(history.history["loss"][0])
    with pytest.raises(ValueError, match="no output 'points', but landmarks"):
        fresh.compute_loss(y={"points": None}, y_pred=dict.fromkeys(["landmarks"]))


def test_boxes_of_a_batch_are_a_list():
    with pytest.raises(ValueError, match="boxes of 2 pictures are a list, not 5"):
        model().detect([np.zeros((9, 9, 3), np.uint8)] * 2, boxes=5)


def test_points_as_json_are_plain_numbers():
    facts = model().detect(portrait(), FACE)[0].to_dict()
    assert facts["score"] is None
    assert facts["box"] == FACE.tolist()
    assert np.shape(facts["landmarks"]) == (68, 2)


def test_numbers_in_json_are_as_short_as_they_need_be():
    third = np.full((68, 2), 180.474, np.float32)
    face = keras_landmarks.Detection(
        third, third[0].repeat(2), "ibug68", 0.98765432, third[:, 0], third[:, 0] / 999
    )
    written = json.dumps(face.to_dict())
    assert "180.47" in written
    assert max(len(number) for number in re.findall(r"\d+\.\d+", written)) <= 6
    assert json.loads(written)["score"] == 0.9877


def test_an_iterator_of_pictures_gives_an_iterator_of_lists_and_reads_little_ahead():
    taken = []

    def pictures():
        for i in range(40):
            taken.append(i)
            yield portrait()[:, i:]

    found = model().detect(pictures())
    (face,) = next(found)
    (alone,) = model().detect(portrait())
    np.testing.assert_allclose(face.landmarks, alone.landmarks, atol=0.05)
    assert len(taken) < 24
    assert [len(faces) for faces in found] == [1] * 39
    assert list(model().detect(iter([]))) == []


@pytest.mark.parametrize("kind", ["array", "PIL"])
def test_an_iterator_may_make_each_picture_in_the_place_of_the_last(kind, tmp_path):
    shifted = [np.roll(portrait(), shift, axis=1) for shift in (0, 20, 40)]
    first, *others = map(PIL.Image.fromarray, shifted)
    first.save(tmp_path / "pages.tif", save_all=True, append_images=others)
    buffer = np.empty_like(shifted[0])

    def pictures():
        for picture in shifted:
            buffer[:] = picture
            yield buffer

    pages = PIL.ImageSequence.Iterator(PIL.Image.open(tmp_path / "pages.tif"))
    found = list(model().detect(pictures() if kind == "array" else pages))
    for (face,), (expected,) in zip(found, model().detect(shifted), strict=True):
        np.testing.assert_allclose(face.landmarks, expected.landmarks, atol=0.05)


@pytest.mark.parametrize("given", ["boxes", "angles"])
def test_each_picture_of_an_iterator_has_its_boxes(given):
    def found(count, things):
        more = {"boxes": itertools.repeat(FACE), given: [thing] * things}
        return list(model().detect((portrait() for _ in range(count)), **more))

    thing = FACE if given == "boxes" else [0.0]
    assert [len(faces) for faces in found(3, 3)] == [1, 1, 1]
    with pytest.raises(ValueError, match=f"{given} for 2 pictures, and there are more of these"):
        found(3, 2)
    with pytest.raises(ValueError, match=f"{given} for more than the 2 pictures"):
        found(2, 3)


def test_an_open_file_is_one_picture(tmp_path):
    images.write_image(tmp_path / "face.png", portrait())
    (expected,) = model().detect(portrait(), FACE)
    content = (tmp_path / "face.png").read_bytes()
    with open(tmp_path / "face.png", "rb") as file, open(tmp_path / "face.png", "rb") as second:
        (face,) = model().detect(file, FACE)
        ((beside,), (also,)) = model().detect([second, io.BytesIO(content)], [FACE, FACE])
    np.testing.assert_array_equal(face.landmarks, expected.landmarks)
    for found in (beside, also):  # which some processors round otherwise together
        np.testing.assert_allclose(found.landmarks, expected.landmarks, rtol=0, atol=1e-3)


def test_a_broken_picture_of_an_iterator_is_an_error_when_its_turn_comes(tmp_path):
    found = model().detect(iter([portrait()] * 8 + [tmp_path / "none.jpg"]))
    assert len([next(found) for _ in range(8)]) == 8
    with pytest.raises(FileNotFoundError, match="none.jpg"):
        next(found)


def test_pictures_before_a_broken_one_are_looked_at_first(tmp_path):
    found = model().detect(iter([portrait()] * 3 + [tmp_path / "none.jpg"]))
    assert len([next(found) for _ in range(3)]) == 3
    with pytest.raises(FileNotFoundError, match="none.jpg"):
        next(found)


def test_an_iterator_of_open_files_may_close_them(tmp_path):
    images.write_image(tmp_path / "face.png", portrait())

    def files():
        for _ in range(3):
            with open(tmp_path / "face.png", "rb") as file:
                yield file

    assert [len(faces) for faces in model().detect(files())] == [1] * 3


@pytest.mark.parametrize("angles", ["x", [np.inf], [None, 1]])
def test_angles_that_are_none_are_refused(angles):
    with pytest.raises(ValueError, match="angles"):
        model().detect(portrait(), FACE, angles=angles)


def test_points_that_are_missing_are_null_in_json():
    landmarks = np.float32([[0, 0], [9, np.nan], [5, 5], [2, 8], [7, 8]])
    face = keras_landmarks.Detection(
        landmarks, FACE, "five5", float("nan"), error=np.full(5, np.inf, np.float32)
    )
    facts = face.to_dict()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["landmarks"][:2] == [[0, 0], [9, None]]
    assert facts["score"] is None
    assert facts["error"] == [None] * 5


def test_threads_find_what_one_finds():
    boxes = [FACE + np.float32(i) for i in range(-6, 7)]
    expected = [model().detect(portrait(), box)[0].landmarks for box in boxes]
    expected.append(model().detect(portrait())[0].landmarks)

    def call(i):
        box = [*boxes, None][i % 14]
        found = model().detect(portrait(), box)[0].landmarks
        return np.array_equal(found, expected[i % 14])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(280)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda out: out["landmarks"], "a dict of outputs with landmarks"),
        (lambda out: {"points": out["landmarks"]}, r"landmarks \(batch, n, 2\), got points"),
        (lambda out: {"landmarks": out["landmarks"][:, :5]}, r"of the scheme ibug68 .*, 5, 2\)"),
        (lambda out: out | {"error": out["landmarks"][:, :3, 0]}, r"error .*, 68\), got \(None, 3"),
        (
            lambda out: out | {"score": out["landmarks"]},
            r"score of each point of ibug68 \(batch, 68",
        ),
    ],
)
def test_outputs_that_are_not_the_schemes_are_named(tiny, change, message):
    with pytest.raises(ValueError, match=message):
        Landmarker(tiny.input, change(dict(tiny.output)))


@pytest.mark.parametrize(
    "shapes",
    [[(None, None, 3)], [(32, 32, 1)], [(32, 32, 4)], [(3, 32, 32)], [(32,)], [(32, 32, 3)] * 2],
)
def test_inputs_that_are_no_crops_of_a_size_are_named(shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    seen = sum(keras.ops.mean(x, axis=tuple(range(1, len(x.shape)))) for x in inputs)
    points = keras.layers.Reshape((5, 2))(keras.layers.Dense(10)(seen[:, None]))
    with pytest.raises(
        ValueError, match=r"one input, crops \(None, height, width, 3\), not \(None"
    ):
        Landmarker(inputs, {"landmarks": points}, scheme="five5")


def test_the_number_of_points_may_be_unknown_to_the_network(tiny):
    same = keras.layers.Lambda(lambda points: points, output_shape=(None, 2))
    points = same(tiny.output["landmarks"])
    assert tuple(points.shape) == (None, None, 2)
    model = Landmarker(tiny.input, {"landmarks": points, "score": points[:, 0, :1]})
    crops = np.zeros((2, 32, 32, 3), "float32")
    assert model.predict_on_batch(crops)["landmarks"].shape == (2, 68, 2)


def test_a_detector_of_keras_is_no_part_of_the_network():
    model = keras_landmarks.load("tiny-ibug68")  # its own: others share the loaded one
    count = len(model.weights)
    finds = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model.detector = finds
    assert model.detector is finds
    assert len(model.weights) == len(model.trainable_weights) + 1 == count


def test_a_face_may_be_made_of_lists():
    points = np.random.default_rng(0).uniform(0, 200, (68, 2)).astype(np.float32)
    whole = keras_landmarks.Detection(points, FACE, "ibug68", 0.9, np.full(68, 2.0))
    lists = points.tolist(), FACE.tolist(), "ibug68", 0.9, [2.0] * 68
    face = keras_landmarks.Detection(*lists)
    np.testing.assert_array_equal(face["left_eye"], whole["left_eye"])
    np.testing.assert_allclose(face.confidence, whole.confidence, rtol=1e-6)
    assert face.to_dict() == whole.to_dict()


def test_boxes_may_come_one_by_one():
    (face,) = model().detect(portrait(), FACE)
    (same,) = model().detect(portrait(), (box for box in [FACE]))
    np.testing.assert_array_equal(same.landmarks, face.landmarks)


def test_what_an_iterator_gave_before_its_error_is_looked_at():
    def pictures():
        yield from [portrait()] * 3
        raise RuntimeError("the camera is gone")

    seen = []
    with pytest.raises(RuntimeError, match="the camera is gone"):
        seen.extend(model().detect(pictures()))
    assert [len(faces) for faces in seen] == [1, 1, 1]


@pytest.mark.parametrize("shared", [True, False])
def test_faces_of_many_pictures_are_found_on_threads_by_a_detector_that_allows_it(tiny, shared):
    class Finder:
        convention, of_threads = "truth", shared
        together, names = threading.Barrier(2), set()

        def __call__(self, image):
            self.names.add(threading.current_thread().name)
            if shared:
                self.together.wait(30)  # until another thread is here, too
            return np.float32([[image[0, 0, 0] % 7, 2, 30, 40]])

    pictures = [np.full((60, 50, 3), i, np.uint8) for i in range(6)]
    found = tiny.detect(pictures, detector=Finder())
    assert [faces[0].box[0] for faces in found] == [float(i) for i in range(6)]
    assert (threading.main_thread().name in Finder.names) is not shared
