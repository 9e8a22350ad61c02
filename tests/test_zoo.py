import collections
import csv
import hashlib
import json
import re
import shutil
import sys

import numpy as np
import pytest
import skimage.data
from loaded import load
from places import ROOT

import keras_landmarks
from keras_landmarks import catalogue, recipes, weights, zoo

PUBLISHED = [name for name, facts in keras_landmarks.list_models().items() if facts["sha256"]]
FACE = [170, 63, 276, 189]


def test_the_promised_models_are_published():
    promised = """cnn6-300w cnn6-7-300w dan-300w hourglass-300w resnet18-ffld-300w resnet50-300w
        tiny-ibug68 unet-300w unet-fast-300w unet-large-300w validation-300w"""
    assert set(promised.split()) <= set(PUBLISHED)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_model_gives_its_golden_prediction(name):
    """A change of any weight, layer or of the crop shows here; `golden.json` is written anew by
    `python tests/test_zoo.py`, for one model with its name."""
    found = load(name).detect(skimage.data.astronaut(), FACE)[0].landmarks
    golden = json.loads((ROOT / "tests" / "golden.json").read_text())
    assert name in golden, f"python tests/test_zoo.py {name} writes it"
    np.testing.assert_allclose(found, golden[name], atol=0.05)


def test_the_page_for_phones_shows_the_points_that_a_port_must_find():
    page = (ROOT / "docs" / "mobile.md").read_text()
    rows = re.findall(r"^\| `.*\((\d+)\) \| ([\d.]+) \| ([\d.]+) \|$", page, re.M)
    shown = {int(point): (float(x), float(y)) for point, x, y in rows}
    assert len(shown) == 6
    found = load("cnn6-300w").detect(ROOT / "tutorials" / "astronaut.jpg", FACE)[0].landmarks
    np.testing.assert_allclose(found[list(shown)], [*shown.values()], atol=0.05)
    rows = re.findall(r"^\| `.*\((\d+)\) \|" + 3 * r" ([\d.]+) \|" + "$", page, re.M)
    assert len(rows) == 4
    box = re.search(r"with the box `\((.*)\)` of the convention `blazeface`", page)[1]
    box = [float(side) for side in box.split(", ")]
    face = load("unet-fast-300w").detect(
        ROOT / "tutorials" / "astronaut.jpg", box, convention="blazeface"
    )[0]
    for point, *numbers in rows:
        found = [*face.landmarks[int(point)], face.error[int(point)]]
        np.testing.assert_allclose(found, [float(number) for number in numbers], atol=0.05)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_weights_file_is_float16_without_denormals_and_as_the_index_says(name):
    path = weights.FOLDER / f"{name}.safetensors"
    facts = keras_landmarks.list_models()[name]
    content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == facts["sha256"]
    assert len(content) == facts["bytes"]
    for array in zoo.read_weights(name).values():
        assert array.dtype == np.float16
        assert not ((array != 0) & (np.abs(array) < np.finfo(np.float16).tiny)).any()


@pytest.mark.parametrize("name", keras_landmarks.list_models())
def test_a_model_has_a_recipe_and_a_card(name):
    card = (ROOT / "zoo" / name / "card.md").read_text()
    (said,) = re.findall(r"^\* \*\*Licence of the data\*\*: ((?:.+\n)+)", card, re.M)
    licence = recipes.get_recipe(name).licence  # as "300W: research only"
    data, terms = licence.removesuffix(" only").split(": ")
    assert data in said
    assert terms in said


@pytest.mark.parametrize("name", keras_landmarks.list_models())
def test_what_a_recipe_decides_stands_in_the_index_as_it_decides_it(name):
    recipe, facts = recipes.get_recipe(name), keras_landmarks.list_models()[name]
    builder, arguments = recipe.builder()
    published = ROOT / "zoo" / name / "published.json"  # where the weights' network is an older one
    if published.is_file():
        arguments |= json.loads(published.read_text())["arguments"]
    decided = {"builder": builder, "arguments": arguments, "crop": recipe.size[0]}
    decided |= {"margin": recipe.margin, "box": recipe.box, "licence": recipe.licence}
    decided |= {"paper": recipe.paper, "paper_nme": recipe.paper_nme}
    decided = json.loads(json.dumps(decided))
    assert {key: facts[key] for key in decided} == decided


@pytest.mark.parametrize("path", sorted(ROOT.glob("zoo/*/log.csv")), ids=lambda p: p.parent.name)
def test_a_log_beside_a_card_is_of_the_recipe(path):
    rows = list(csv.DictReader(path.read_text().splitlines()))
    epochs = collections.Counter(int(row["stage"]) for row in rows)
    stages = recipes.get_recipe(path.parent.name).stages
    assert all(epochs[i] <= stage.epochs for i, stage in enumerate(stages, 1))
    assert sum(epochs[i] for i in range(1, len(stages) + 1)) == len(rows)
    assert all(float(row["val_nme"]) > 0 for row in rows)


def test_weights_are_published_with_their_log_and_no_other(tmp_path, monkeypatch):
    import publish  # of tools/, which only pytest finds

    name, run, card = "tiny-ibug68", tmp_path / "run", tmp_path / "zoo" / "tiny-ibug68"
    run.mkdir()
    card.mkdir(parents=True)
    (tmp_path / "weights").mkdir()
    shutil.copy(weights.FOLDER / f"{name}.safetensors", run / "best.safetensors")
    (run / "log.csv").write_text("stage,epoch,loss,nme,val_nme\n1,1,0.2,0.05,\n1,2,0.1,0.04,0.06\n")
    monkeypatch.setattr(weights, "FOLDER", tmp_path / "weights")
    monkeypatch.setattr(publish, "ZOO", tmp_path / "zoo")
    publish.publish(name, str(run / "best.safetensors"))
    assert (card / "log.csv").read_bytes() == (run / "log.csv").read_bytes()
    assert (card / "loss.png").is_file()
    (run / "log.csv").unlink()
    publish.publish(name, str(run / "best.safetensors"))
    assert not {"log.csv", "loss.png"} & {path.name for path in card.iterdir()}


def test_an_unknown_name_lists_the_close_ones():
    with pytest.raises(ValueError, match="Did you mean cnn6-300w"):
        keras_landmarks.load("cnn6_300w")
    with pytest.raises(ValueError, match="Known: cnn6-300w"):
        keras_landmarks.load("what?")


def test_two_models_side_by_side_do_not_disturb_each_other():
    first = keras_landmarks.load("tiny-ibug68")
    second = keras_landmarks.load("tiny-ibug68")
    for a, b in zip(first.weights, second.weights):
        assert a.path == b.path
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_weights_file_is_an_error(tmp_path, monkeypatch, damage):
    content = (weights.FOLDER / "tiny-ibug68.safetensors").read_bytes()
    damaged = {"cut": content[:-100], "changed": content[:-1] + b"\x07"}
    if damage in damaged:
        (tmp_path / "tiny-ibug68.safetensors").write_bytes(damaged[damage])
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"tiny-ibug68\.safetensors is not the published file"):
        keras_landmarks.load("tiny-ibug68")


def test_a_model_without_weights_says_how_to_train_it(monkeypatch):
    facts = {**catalogue.index()["tiny-ibug68"], "sha256": None}
    monkeypatch.setitem(catalogue.index(), "untrained", facts)
    with pytest.raises(ValueError, match=r"train --recipe untrained"):
        keras_landmarks.load("untrained")


def test_another_scheme_keeps_the_trunk_and_renews_the_head(tiny):
    old = tiny
    shape = np.linspace(-0.4, 0.4, 58).reshape(29, 2)
    new = keras_landmarks.load("tiny-ibug68", scheme="cofw29", mean_shape=shape)
    assert new.scheme.name == "cofw29"
    np.testing.assert_array_equal(new.get_layer("conv1").kernel, old.get_layer("conv1").kernel)
    found = new.predict(np.zeros((1, 32, 32, 3)), verbose=0)["landmarks"][0]
    np.testing.assert_allclose(found, (shape + 0.5) * 32 - 0.5, atol=2)


def test_weights_that_do_not_fit_are_an_error_that_names_them():
    model = keras_landmarks.load("tiny-ibug68")
    arrays = weights.get_weights(model)
    missing = {k: v for k, v in arrays.items() if k != "conv1/kernel"}
    with pytest.raises(ValueError, match="lack conv1/kernel"):
        weights.set_weights(model, missing)
    with pytest.raises(ValueError, match="unknown conv9/kernel"):
        weights.set_weights(model, {**arrays, "conv9/kernel": np.zeros(1)})
    with pytest.raises(ValueError, match=r"conv1/kernel .* shape"):
        weights.set_weights(model, {**arrays, "conv1/kernel": np.zeros((1, 2))})
    bad = np.full_like(arrays["conv1/bias"], np.nan)
    with pytest.raises(ValueError, match="conv1/bias .* not all finite"):
        weights.set_weights(model, {**arrays, "conv1/bias": bad})


if __name__ == "__main__":
    path = ROOT / "tests" / "golden.json"
    golden = json.loads(path.read_text()) if sys.argv[1:] else {}
    golden |= {
        name: keras_landmarks.load(name)
        .detect(skimage.data.astronaut(), FACE)[0]
        .landmarks.astype(float)
        .round(3)
        .tolist()
        for name in sys.argv[1:] or PUBLISHED
    }
    path.write_text(json.dumps(dict(sorted(golden.items()))) + "\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"builder": "nonsense"}, "Unknown builder 'nonsense'"),
        ({"builder": "blocks"}, "Unknown builder 'blocks'"),
        ({"arguments": {"scheme": "ibug68", "zzz": 1}}, "cnn has no zzz: a newer version has"),
        ({"name": None}, "does not name its model"),
    ],
)
def test_a_folder_of_another_version_is_told(tmp_path, change, message):
    model = {"builder": "cnn", "arguments": {"scheme": "ibug68"}, "name": "a", "box": "truth"}
    model = model | {"margin": 1.25, "licence": None} | change
    model = {key: value for key, value in model.items() if key != "name" or value}
    weights.save_arrays(tmp_path / "best.safetensors", {"a": np.zeros(1)}, {"model": model})
    with pytest.raises(ValueError, match=message):
        keras_landmarks.load(tmp_path)


def test_a_mean_shape_is_of_another_scheme():
    with pytest.raises(ValueError, match="of another scheme: name it"):
        keras_landmarks.load("tiny-ibug68", mean_shape=np.zeros((68, 2)))


def test_of_no_crops_there_are_no_landmarks(tiny):
    found = tiny.predict_on_batch(np.zeros((0, *tiny.input.shape[1:]), np.float32))
    assert found["landmarks"].shape == (0, 68, 2)


def test_a_saved_model_is_told_from_a_folder_of_a_training(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(FileNotFoundError, match="That is a SavedModel: export"):
        keras_landmarks.load(tmp_path)
