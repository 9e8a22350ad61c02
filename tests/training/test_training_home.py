"""A trained model comes home: `train`, then `load` of its folder, and what its weights carry."""

import dataclasses
import functools
import sys
import warnings

import keras
import numpy as np
import pytest
from test_training import TENSORFLOW, Seen, recipe_of, run, samples_of, sgd

import keras_landmarks
from keras_landmarks import (
    cli,
    data,
    draw,
    geometry,
    load,
    losses,
    metrics,
    models,
    schemes,
    weights,
)
from keras_landmarks.faces import Convention
from keras_landmarks.models import blocks
from keras_landmarks.training import Recipe, Stage, policy, train

pytestmark = pytest.mark.usefixtures("eagerly")

MINE = schemes.Scheme(
    name="mine",
    count=3,
    mirror=(1, 0, 2),
    contours={"eyes": ((0, 1), False), "chin": ((2,), False)},
    regions={"eyes": (0, 1), "chin": (2,)},
    right_eye=(0,),
    left_eye=(1,),
    eye_corners=(0, 1),
)
PICTURE, POINTS = data.made_up_face(3, 100)
FACE_BOX = data.Face(PICTURE, POINTS, "ibug68").truth_box


@pytest.fixture
def known():
    """The scheme has to be known by its name while there are faces of it."""
    schemes.SCHEMES["mine"] = MINE
    yield
    schemes.SCHEMES.pop("mine", None)


def own_model(mean_shape=None):
    """A network that no builder of the package makes."""
    crops = keras.Input((16, 16, 3), name="crops")
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(blocks.rescale(crops))
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(crops, {"landmarks": blocks.landmark_head(x, 68, (16, 16), mean_shape)})


def trained(out, recipe, margin=1.4, box="truth", **how):
    faces = data.made_up_faces(24, size=60)
    words = dict(size=recipe.size, margin=margin, box=box)
    samples = data.Samples(faces, augmentation=recipe.augmentation, batch=8, **words)
    return train(recipe, samples, data.Samples(faces[:8], **words), out, verbose=0, **how)


def assert_alike(one, two):
    assert (one.size, one.margin, one.box) == (two.size, two.margin, two.box)
    assert (one.scheme, one.licence, one.name) == (two.scheme, two.licence, two.name)
    found = [m.detect(PICTURE, FACE_BOX)[0].landmarks for m in (one, two)]
    np.testing.assert_allclose(*found, atol=1e-3)


def test_a_training_of_crops_of_one_size_says_so(tmp_path):
    facts = {"builder": "cnn6", "arguments": {"scheme": "ibug68"}, "size": [64, 64], "name": "run"}
    weights.save_arrays(tmp_path / "best.safetensors", {"a": np.zeros(1)}, {"model": facts})
    with pytest.raises(ValueError, match="cnn6 has crops of one size, 64"):
        load(tmp_path, size=96)


@pytest.mark.parametrize("model", [functools.partial(models.cnn, size=16, filters=(4,)), own_model])
def test_a_training_is_loaded_from_its_folder_with_its_crop_and_licence(tmp_path, model):
    recipe = recipe_of(sgd, 1, model=model, licence="mine alone")
    one = trained(tmp_path, recipe)
    assert type(one) is keras_landmarks.Landmarker
    assert (one.margin, one.box, one.licence, one.size) == (1.4, "truth", "mine alone", (16, 16))
    for place in (tmp_path, str(tmp_path), tmp_path / "best.safetensors"):
        assert_alike(one, load(place))


def test_a_training_in_mixed_precision_is_loaded_in_float32(tmp_path, monkeypatch):
    monkeypatch.setattr(policy, "slower", lambda name: 0.5)
    recipe = recipe_of(sgd, 1, model=own_model, precision="mixed_bfloat16")
    trained(tmp_path, recipe)
    found = load(tmp_path)
    assert {layer.compute_dtype for layer in found.layers} == {"float32"}
    arrays = weights.load_arrays(tmp_path / "best.safetensors")[0]
    for path, array in weights.get_weights(found).items():
        np.testing.assert_array_equal(array, arrays[path])


@pytest.mark.parametrize(
    ("times", "half"),
    [(1.9, "bfloat16"), (1.9, "float16"), (4.5, "float16")],  # whose losses are scaled
)
def test_a_mixed_precision_that_a_machine_computes_slowly_is_left(
    tmp_path, monkeypatch, times, half
):
    monkeypatch.setattr(policy, "slower", lambda name: times)
    used = half if times < 2 else "float32"
    recipe = recipe_of(sgd, 1, model=own_model, precision=f"mixed_{half}")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = trained(tmp_path, recipe)
    assert found.get_layer("conv").compute_dtype == used
    said = [str(one.message) for one in said if half in str(one.message)]
    slowly = f"mixed_{half} takes 4.5 times as long as float32 on this machine: "
    assert said == ([slowly + "trained in float32."] if used == "float32" else [])
    monkeypatch.setattr(policy, "slower", lambda name: 6.4 - times)  # another machine goes on
    trained(tmp_path, dataclasses.replace(recipe, stages=recipe.stages * 2), resume=True)
    assert len((tmp_path / "log.csv").read_text().split()) == 3


def test_how_long_a_precision_takes_is_measured_without_a_trace():
    policy.slower.cache_clear()
    before = keras.Sequential([keras.layers.Dense(1)])
    assert 0 < policy.slower("mixed_bfloat16") < 1000
    assert policy.slower("mixed_bfloat16") == policy.slower("mixed_bfloat16")
    after = keras.Sequential([keras.layers.Dense(1)])
    number = [int(one.name.partition("_")[2] or 0) for one in (before, after)]
    assert number[1] == number[0] + 1
    assert keras.config.dtype_policy().name == "float32"


def test_a_loaded_model_can_be_evaluated_at_once(trained_once):
    _, held_out = samples_of(recipe_of(sgd, 1))
    for model in (load(trained_once), load("tiny-ibug68")):
        held = data.Samples(held_out.faces, model.size)
        crops, landmarks = held.arrays()
        found = model.evaluate(crops, {"landmarks": landmarks}, verbose=0, return_dict=True)
        predicted = model.predict(crops, verbose=0)["landmarks"]
        assert found["nme"] == pytest.approx(metrics.face_errors(landmarks, predicted).mean(), 1e-3)
        wing = keras.ops.convert_to_numpy(losses.wing(landmarks, predicted)).mean()
        assert found["loss"] == pytest.approx(wing, 1e-3)


def faces_of_three_points(count=24):
    """Drawn faces whose pupils and chin are the points of `MINE`."""
    for face in data.made_up_faces(count, size=60):
        eyes = [face.landmarks[36:42].mean(axis=0), face.landmarks[42:48].mean(axis=0)]
        points = np.float32([*eyes, face.landmarks[8]])
        yield data.Face(face.image, points, "mine", face.box)


def measured_by_hand(faces):
    rows = []
    for face in faces:
        points, given = (geometry.square_box(box) for box in (face.truth_box, face.box))
        side = given[2] - given[0]
        shift = (points[:2] + points[2:] - given[:2] - given[2:]) / 2 / side
        rows.append((*shift, (points[2] - points[0]) / side))
    x, y, scale = np.median(rows, axis=0)
    return Convention(x, y, scale)


@pytest.mark.usefixtures("known")
def test_a_scheme_of_ones_own_is_whole_in_every_file(tmp_path):
    build = functools.partial(models.cnn, scheme=MINE, size=16, filters=(4,))
    recipe = Recipe(build, (Stage(losses.IodL2(MINE), 1, sgd),), (16, 16), batch=8)
    words = dict(augmentation=recipe.augmentation, batch=8)
    samples = data.Samples(list(faces_of_three_points()), (16, 16), **words)
    model = train(recipe, samples, None, tmp_path, verbose=0)
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "model.tflite", "tflite")
    schemes.SCHEMES.pop("mine")  # as in another process
    # Where the points' square lies on the face's, so that a Tracker can follow it.
    square = dataclasses.astuple(measured_by_hand(samples.faces))
    opened = [
        model,
        load(tmp_path),
        keras.models.load_model(tmp_path / "model.keras"),
        keras_landmarks.runtime.open_model(tmp_path / "model.tflite"),
    ]
    for one in opened:
        assert one.scheme == MINE
        assert one.scheme.square == pytest.approx(square, abs=0.005)
        (face,) = one.detect(PICTURE, FACE_BOX)
        assert face.scheme == MINE
        assert face.to_dict()["scheme"] == "mine"
        assert draw(PICTURE, [face]).shape == PICTURE.shape


def test_objects_with_a_scheme_of_ones_own_come_back_from_their_configs():
    for thing in (metrics.NME(MINE), losses.IodL2(MINE), losses.NormalisedDistance(MINE)):
        again = type(thing).from_config(thing.get_config())
        assert again.get_config() == thing.get_config()
        assert schemes.get_scheme(again.get_config()["scheme"]) == MINE


def test_a_known_scheme_stands_by_its_name():
    assert schemes.scheme_config("ibug68") == schemes.scheme_config(schemes.IBUG68) == "ibug68"
    assert schemes.get_scheme(schemes.scheme_config(MINE)) == MINE
    named = dataclasses.replace(schemes.IBUG68, names=tuple(map(str, range(68))))
    assert schemes.get_scheme(schemes.scheme_config(named)).names == named.names
    assert len({named, schemes.IBUG68, MINE}) == 2


def test_a_folder_without_weights_or_weights_without_facts_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="No weights at .*best.safetensors"):
        load(tmp_path)
    weights.save_arrays(tmp_path / "best.safetensors", {"a": np.zeros(1)}, {"epoch": 1})
    with pytest.raises(ValueError, match="does not name its model"):
        load(tmp_path)


def test_a_network_of_ones_own_takes_no_other_scheme_or_size(tmp_path):
    trained(tmp_path, recipe_of(sgd, 1, model=own_model))
    with pytest.raises(ValueError, match="no model of keras_landmarks.models: build it as you did"):
        load(tmp_path, scheme="five5")
    with pytest.raises(ValueError, match="no model of keras_landmarks.models"):
        load(tmp_path, size=32)


def test_the_crop_of_a_fine_tuning_stays_with_the_model(tmp_path):
    model = load("tiny-ibug68", scheme="five5", margin=1.6, box="truth")
    assert (model.margin, model.box, model.scheme.name) == (1.6, "truth", "five5")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert (again.margin, again.box) == (1.6, "truth")
    model, plain = (load("tiny-ibug68", scheme="five5", margin=m) for m in (1.6, None))
    assert (plain.margin, plain.box) == (1.25, "annotation")
    shape = [[-0.2, -0.2], [0.2, -0.2], [0, 0], [-0.15, 0.2], [0.15, 0.2]]  # upright
    for untrained in (model, plain):
        untrained.get_layer("head_mean_shape").set_weights([np.array(shape)])
        head = untrained.get_layer("head_dense")  # which is drawn anew, near zero
        head.set_weights([np.zeros_like(array) for array in head.get_weights()])
    wider, narrow = (m.detect(PICTURE, FACE_BOX)[0].landmarks for m in (model, plain))
    np.testing.assert_allclose(np.ptp(wider, axis=0), 1.28 * np.ptp(narrow, axis=0), rtol=1e-4)


def test_a_published_model_is_opened_at_another_size_where_its_builder_allows():
    for scheme in (None, "ibug68", "five5"):  # the last one's head is new at any size
        with pytest.warns(UserWarning, match="New and untrained at this size: features/kernel.$"):
            model = load("tiny-ibug68", scheme, size=48)
    model = load("tiny-ibug68", size=48)
    assert model.size == (48, 48)
    old = load("tiny-ibug68")
    np.testing.assert_array_equal(model.get_layer("conv1").kernel, old.get_layer("conv1").kernel)
    with pytest.raises(ValueError, match="cnn6 has crops of one size, 64"):
        load("cnn6-300w", size=32)


@pytest.mark.parametrize("build", [models.validation, models.hourglass, models.ffld])
def test_metrics_work_for_models_of_several_outputs_and_another_scheme(build):
    sizes = {models.validation: 32, models.hourglass: 32, models.ffld: 64}
    words = {"depth": 18} if build is models.ffld else {}
    network = build("cofw29", size=sizes[build], **words)
    model = keras_landmarks.Landmarker(network.input, network.output, scheme="cofw29")
    nme = {"landmarks": [metrics.NME("cofw29")]}
    model.compile("sgd", {"landmarks": losses.Wing()}, metrics=nme, run_eagerly=TENSORFLOW)
    rng = np.random.default_rng(0)
    crops = rng.uniform(0, 255, (2, *model.size, 3)).astype("float32")
    landmarks = rng.uniform(0, 30, (2, 29, 2)).astype("float32")
    before = model.evaluate(crops, {"landmarks": landmarks}, verbose=0, return_dict=True)
    assert set(before) == {"loss", "nme"}
    history = model.fit(crops, {"landmarks": landmarks}, verbose=0).history
    assert np.isfinite(history["nme"]).all()


def test_a_model_that_tells_expected_errors_is_trained_by_a_plain_loss_too(tmp_path):
    build = functools.partial(models.cnn, size=16, filters=(4,), expected_error=True)
    assert set(run(recipe_of(sgd, 1, model=build), tmp_path).output) == {"landmarks", "error"}


@pytest.mark.parametrize("callback", ["EarlyStopping", "ModelCheckpoint"])
@pytest.mark.parametrize("metric", [metrics.NME(), metrics.FailureRate(), metrics.AUC()])
def test_keras_callbacks_can_tell_what_a_better_metric_is(tmp_path, callback, metric):
    model = models.cnn(size=16, filters=(4,), hidden=4)
    model.compile(
        "sgd", {"landmarks": "mse"}, metrics={"landmarks": [metric]}, run_eagerly=TENSORFLOW
    )
    samples = data.Samples(data.made_up_faces(4, size=60), (16, 16), batch=4)
    words = {"filepath": tmp_path / "m.keras"} if callback == "ModelCheckpoint" else {}
    monitor = getattr(keras.callbacks, callback)(monitor=f"val_{metric.name}", **words)
    both = samples.arrays()
    made = both[0], {"landmarks": both[1]}
    model.fit(*made, validation_data=made, callbacks=[monitor], verbose=0)
    better = (0.2, 0.1) if metric.name == "auc" else (0.1, 0.2)
    assert bool(monitor._is_improvement(*better))
    assert not bool(monitor._is_improvement(*better[::-1]))


# A stage or a checkpoint that does not fit


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"frozen": ("conv", "nosuchlayer")}, "No layer of cnn begins with 'nosuchlayer'"),
        ({"frozen": ("conv", "*_norm")}, r"No layer of cnn begins with '\*_norm'"),
        ({"output": "nosuchlayer"}, "cnn has no layer 'nosuchlayer'. It has crops"),
        ({"loss": {"nosuchlayer": losses.L1()}}, "cnn has no layer 'nosuchlayer'"),
    ],
)
def test_a_stage_that_names_no_layer_is_refused_before_training(tmp_path, words, message):
    later = Stage(**{"loss": losses.L1(), "epochs": 1, "optimizer": sgd} | words)
    first = Stage(losses.L1(), 1, sgd)
    with pytest.raises(ValueError, match=message):
        run(recipe_of(sgd, stages=(first, later)), tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    recipe = recipe_of(sgd, 1)
    run(recipe, "~/run")
    assert (tmp_path / "run/best.safetensors").is_file()
    with pytest.raises(ValueError, match="run holds a checkpoint"):
        run(recipe, "~/run")


def other_faces(samples):
    return data.Samples(data.made_up_faces(48, size=61)[:32], samples.size, batch=8)


def slower(steps):
    return keras.optimizers.SGD(0.001, momentum=0.9)


@pytest.mark.parametrize(
    ("recipe", "change", "message"),
    [
        ({}, lambda s: s.replace(batch=4), "another batch: 8 before, 4 now"),
        ({}, lambda s: s.replace(seed=5), "another seed: 0 before, 5 now"),
        ({}, lambda s: s.replace(augmentation=data.LIGHT), "another augmentation"),
        ({}, lambda s: s.replace(indices=[*range(20)]), "another training data"),
        ({"seed": 3}, None, "another seed of the weights: 0 before, 3 now"),
        ({"precision": "mixed_bfloat16"}, None, "another precision"),
        ({"stages": (Stage(losses.L1(), 1, sgd),)}, None, "another loss in stage 1"),
        ({"stages": (Stage(losses.Wing(9), 1, sgd),)}, None, "another loss in stage 1: .*9"),
        ({"stages": (Stage(losses.Wing(), 1, slower),)}, None, "another optimizer in stage 1"),
        (
            {"stages": (Stage(losses.Wing(), 1, sgd, frozen=("conv",)),)},
            None,
            "another frozen in stage 1",
        ),
    ],
)
def test_resuming_another_training_is_an_error_that_names_what_differs(
    trained_folder, recipe, change, message
):
    samples, held_out = samples_of(recipe_of(sgd, 1))
    before = (trained_folder / "checkpoint.safetensors").read_bytes()
    with pytest.raises(ValueError, match=f"checkpoint.safetensors is of {message}"):
        train(
            recipe_of(sgd, 1, **recipe),
            change(samples) if change else samples,
            held_out,
            trained_folder,
            resume=True,
            verbose=0,
        )
    assert (trained_folder / "checkpoint.safetensors").read_bytes() == before


def test_a_layer_that_no_file_can_hold_is_trained_all_the_same(tmp_path):
    def seeing(mean_shape=None):
        crops = keras.Input((16, 16, 3), name="crops")
        x = keras.layers.Flatten(name="flatten")(Seen(name="seen")(crops))
        return keras.Model(crops, {"landmarks": blocks.landmark_head(x, 68, (16, 16), mean_shape)})

    model = run(recipe_of(sgd, 1, model=seeing), tmp_path)
    assert len(model.detect(PICTURE, FACE_BOX)) == 1


def test_a_recipe_may_teach_its_layers_before_training(tmp_path):
    def adapt(model, samples):
        model.get_layer("conv1").bias.assign(np.full(4, len(samples.faces), "float32"))

    still = Stage(losses.Wing(), 1, lambda steps: keras.optimizers.SGD(0.0))
    recipe = recipe_of(sgd, stages=(still,), adapt=adapt)
    samples, _ = samples_of(recipe)
    model = train(recipe, samples, None, tmp_path, verbose=0)
    np.testing.assert_array_equal(model.get_layer("conv1").bias, len(samples.faces))


class Halving(keras.layers.Layer):
    """A layer of a user's own, in a module that another process has not imported."""

    def call(self, crops):
        return crops / 2


def test_a_network_whose_layers_are_not_imported_names_them(tmp_path, monkeypatch):
    def halving(mean_shape=None):
        crops = keras.Input((16, 16, 3), name="crops")
        x = keras.layers.Flatten(name="flatten")(Halving(name="halving")(crops))
        return keras.Model(crops, {"landmarks": blocks.landmark_head(x, 68, (16, 16), mean_shape)})

    run(recipe_of(sgd, 1, model=halving), tmp_path)
    monkeypatch.delattr(sys.modules[__name__], "Halving")
    with pytest.raises(ValueError, match="import the module of its layers: .*Halving"):
        load(tmp_path)
    assert cli.main(["detect", "photo.jpg", "--model", str(tmp_path)]) == 1


def test_displacements_in_pixels_go_along_with_the_size_and_expected_errors_are_warned_of(tmp_path):
    arguments = {"scheme": "five5", "size": 64, "pixels": True, "expected_error": True}
    network = models.resnet(**arguments)
    moves = network.get_layer("head_dense")
    moves.set_weights([array + 8 for array in moves.get_weights()])
    facts = {"builder": "resnet", "arguments": arguments, "size": [64, 64], "name": "run"}
    facts |= {"margin": 1.25, "box": "annotation"}
    saved = weights.get_weights(network)
    weights.save_arrays(tmp_path / "best.safetensors", saved, {"model": facts})
    with pytest.warns(UserWarning, match="expected errors are those of crops of 64 pixels, not"):
        found = load(tmp_path, size=32).get_layer("head_dense")
    for array, trained in zip(found.get_weights(), moves.get_weights()):
        np.testing.assert_allclose(array, trained / 2, rtol=1e-6)


def test_a_dan_of_another_size_lays_faces_onto_its_own_pixels(tmp_path):
    arguments = {"scheme": "five5", "size": 32, "filters": (4, 8), "hidden": 8}
    network = models.dan(**arguments)
    shape = network.get_layer("stage2_estimate").shape
    shape.assign(np.float32([[8, 8], [22, 8], [15.5, 15.5], [10, 24], [21, 24]]))
    facts = {"builder": "dan", "arguments": arguments, "size": [32, 32], "name": "run"}
    facts |= {"margin": 1.25, "box": "annotation"}
    saved = weights.get_weights(network)
    weights.save_arrays(tmp_path / "best.safetensors", saved, {"model": facts})
    with pytest.warns(UserWarning, match="untrained at this size: (?!.*estimate)"):
        found = load(tmp_path, size=64).get_layer("stage2_estimate").shape
    np.testing.assert_allclose(np.array(found), 2 * np.array(shape) + 0.5, atol=1e-4)
