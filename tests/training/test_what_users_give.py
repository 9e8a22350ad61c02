"""Recipes of users' own: what is told before the work, and what is taken as it is meant."""

import contextlib
import dataclasses
import functools
import random
import shutil
from unittest import mock

import keras
import numpy as np
import pytest
from test_training import adam, read_log, recipe_of, run, small_cnn, some_faces

from keras_landmarks import data, layers, load, losses, schemes, weights
from keras_landmarks.cli.train import read_recipe
from keras_landmarks.losses import Wing
from keras_landmarks.models import cnn
from keras_landmarks.own_schemes import scheme_of_names
from keras_landmarks.recipes import get_recipe
from keras_landmarks.training import (
    Stage,
    Teacher,
    averaged_adamw,
    devices,
    fine_tuning,
    for_scheme,
    train,
)

pytestmark = pytest.mark.usefixtures("eagerly")


def test_another_teacher_under_a_path_is_another_training(tmp_path):
    run(recipe_of(adam, 1), tmp_path / "teacher")
    shutil.copytree(tmp_path / "teacher", tmp_path / "other")
    arrays, facts = weights.load_arrays(tmp_path / "other/best.safetensors")
    arrays["head_dense/bias"] += 1
    weights.save_arrays(tmp_path / "other/best.safetensors", arrays, facts)

    def taught(epochs, name):
        teacher = Teacher((tmp_path / name,), Wing(), mirrored=False)
        return recipe_of(adam, stages=(Stage(Wing(), epochs, adam, teacher=teacher),))

    run(taught(1, "teacher"), tmp_path / "run")
    kept, _ = weights.load_arrays(tmp_path / "run/checkpoint.safetensors")
    assert not any(name.startswith("graph/") for name in kept)  # the teacher is not in it
    with pytest.raises(ValueError, match="is of another teacher"):
        run(taught(2, "other"), tmp_path / "run", resume=True)
    shutil.copy(tmp_path / "other/best.safetensors", tmp_path / "teacher/best.safetensors")
    with pytest.raises(ValueError, match="is of another teachers' weights in stage 1"):
        run(taught(2, "teacher"), tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("sides", "error", "told"),
    [
        ((None, None), 68, r"crops \(None, height, width, 3\), not \(None, None, None, 3\)"),
        ((16, 16), 1, r"error of each point of ibug68 \(batch, 68\)"),
    ],
)
def test_a_network_that_no_landmarker_takes_is_refused_before_training(
    tmp_path, sides, error, told
):
    def own(mean_shape):
        crops = keras.Input((*sides, 3), name="crops")
        x = keras.layers.GlobalAveragePooling2D(name="mean")(crops)
        points = keras.layers.Reshape((68, 2), name="points")(keras.layers.Dense(136, name="d")(x))
        error_of = keras.layers.Dense(error, name="error")(x)
        return keras.Model(crops, {"landmarks": points, "error": error_of})

    with pytest.raises(ValueError, match=told):
        run(recipe_of(adam, 1, model=own), tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": np.int64(16)}, {}),
        ({"mean_shape": np.zeros((68, 2))}, {}),
        ({}, {"margin": np.float32(1.3)}),
        ({}, {"size": np.array([16, 16])}),
    ],
)
def test_numbers_of_numpy_are_numbers(tmp_path, arguments, words):
    recipe = recipe_of(adam, 1, model=functools.partial(small_cnn, **arguments), **words)
    samples, held_out = recipe.samples(some_faces())
    train(recipe, samples, held_out, tmp_path, verbose=0)
    assert load(tmp_path).size == (16, 16)


def test_a_builder_is_known_by_its_positional_arguments(tmp_path):
    recipe = recipe_of(adam, 1, model=functools.partial(cnn, "ibug68", 16, (4, 8), 16))
    run(recipe, tmp_path)
    assert load(tmp_path, scheme="five5").scheme.name == "five5"
    five = data.made_up_faces(8, size=60, scheme="five5")
    assert fine_tuning(tmp_path, five).builder()[1]["size"] == 16
    other = for_scheme(recipe, "five5")
    samples, _ = dataclasses.replace(other, batch=2, bins=None).samples(five)
    assert other.build(samples).output["landmarks"].shape == (None, 5, 2)


def test_a_stage_of_no_epochs_is_passed_over(tmp_path):
    stage = Stage(Wing(), 1, averaged_adamw(1e-3))
    run(recipe_of(adam, stages=(stage, dataclasses.replace(stage, epochs=0))), tmp_path)
    assert load(tmp_path).size == (16, 16)


def test_a_loss_that_knows_no_missing_points_is_told_before_training(tmp_path):
    faces = [dataclasses.replace(face) for face in some_faces()]
    faces[0].landmarks = np.where(np.arange(68)[:, None] == 3, np.nan, faces[0].landmarks)
    keras_loss = keras.losses.MeanAbsoluteError()
    for loss in (keras_loss, {"landmarks": keras_loss}):
        recipe = recipe_of(adam, stages=(Stage(loss, 1, adam),))
        samples = data.Samples(faces, (16, 16), batch=8)
        with pytest.raises(ValueError, match="1 of 48 faces lack points, which Keras' MeanAbs"):
            train(recipe, samples, None, tmp_path, verbose=0)
    within = losses.Validation(keras_loss, "euclidean", 1.0)
    expects = functools.partial(small_cnn, expected_error=True)
    recipe = recipe_of(adam, model=expects, stages=(Stage({"validated": within}, 1, adam),))
    train(recipe, samples, None, tmp_path, verbose=0)


def test_few_faces_that_are_repeated_fill_a_batch():
    samples, _ = recipe_of(adam, batch=100, repeat=3, bins=None, held_out=0).samples(some_faces())
    assert (len(samples), samples.batch, len(samples.indices)) == (1, 100, 144)
    with pytest.raises(ValueError, match="48 faces are fewer than a batch of 100"):
        recipe_of(adam, batch=100, bins=None, held_out=0).samples(some_faces())


def test_a_file_of_a_recipe_may_hold_records_with_later_annotations(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from __future__ import annotations\nimport dataclasses\n"
        "from keras_landmarks.recipes.tiny_ibug68 import RECIPE\n"
        "@dataclasses.dataclass\nclass Settings:\n    rate: float = 1e-3\n"
    )
    assert read_recipe(tmp_path / "mine.py").size == (32, 32)


def test_stage_one_of_other_points_is_told_how_to_be_trained():
    recipe = for_scheme(get_recipe("cnn6-7-300w"), "five5")
    model = recipe.model()
    with pytest.raises(ValueError, match="--weights cnn6-7-300w"):
        recipe.stages[0].start(model)


def test_held_out_faces_without_an_extent_are_told_by_their_normaliser(tmp_path, monkeypatch):
    one = schemes.Scheme("nose2", 2, (0, 1), {}, {}, (), (), None, "box")
    monkeypatch.setitem(schemes.SCHEMES, "nose2", one)
    at = [30, 30]
    faces = [data.Face(f.image, f.landmarks[at], one, f.box, f.name) for f in some_faces()]
    recipe = recipe_of(adam, model=functools.partial(small_cnn, scheme=one), bins=None)
    samples, held_out = recipe.samples(faces)
    with pytest.raises(FloatingPointError, match="held-out faces the boxes of points are one"):
        train(recipe, samples, held_out, tmp_path, verbose=0)


@pytest.mark.parametrize("inside", [False, True])
def test_a_network_that_no_file_gives_back_is_told_of(tmp_path, inside):
    def own(mean_shape):
        crops = keras.Input((16, 16, 3), name="crops")
        scale = keras.layers.Lambda(lambda x: x / 255, name="scale")
        x = (keras.Sequential([scale], name="first") if inside else scale)(crops)
        x = keras.layers.Dense(136, name="dense")(keras.layers.Flatten(name="flat")(x))
        return keras.Model(crops, {"landmarks": keras.layers.Reshape((68, 2), name="points")(x)})

    with pytest.warns(UserWarning, match="has the Lambda layer 'scale', which Keras opens from no"):
        run(recipe_of(adam, 1, model=own), tmp_path)
    with pytest.raises(ValueError, match="build it as you did, and take weights.set_weights"):
        load(tmp_path)


def test_hosts_agree_before_they_share_variables(tmp_path, monkeypatch):
    def agree(facts):
        assert facts["number of epochs"] == [2]
        raise ValueError("Host 1 has another")

    monkeypatch.setattr(devices, "agree", agree)
    with pytest.raises(ValueError, match="Host 1 has another"):
        run(recipe_of(adam, model=pytest.fail), tmp_path)


def test_a_host_that_is_gone_is_named_from_the_first_variable_on(tmp_path, monkeypatch):
    @contextlib.contextmanager
    def watched():
        try:
            yield
        except OSError as error:
            raise RuntimeError("Host 1 no longer answers") from error

    def gone(mean_shape):
        raise OSError

    monkeypatch.setattr(devices, "watched", watched)
    with pytest.raises(RuntimeError, match="no longer answers"):
        run(recipe_of(adam, model=gone), tmp_path)


def test_a_training_leaves_random_numbers_and_precision_as_they_were(tmp_path):
    np.random.seed(7), random.seed(7)
    expected = np.random.rand(), random.random()
    np.random.seed(7), random.seed(7)
    run(recipe_of(adam, 1, seed=np.int64(3)), tmp_path)
    assert (np.random.rand(), random.random()) == expected


def test_boxes_of_another_convention_are_other_faces(tmp_path):
    given = [data.Face(f.image, f.landmarks, "ibug68", f.box, f.name) for f in some_faces()]
    recipe = recipe_of(adam, 1, held_out=0.3)
    train(recipe, *recipe.samples(given), tmp_path, verbose=0)
    other = [dataclasses.replace(face, convention="wflw") for face in given]
    more = recipe_of(adam, 2, held_out=0.3)
    with pytest.raises(ValueError, match="is of another convention of boxes"):
        train(more, *more.samples(other), tmp_path, resume=True, verbose=0)


def test_a_teacher_can_learn_on_where_its_stage_could_not_begin(tmp_path):
    teacher = load("tiny-ibug68")
    lesson = Teacher((teacher,), Wing(), mirrored=False)
    stage = Stage({"head_mean_shape": losses.Align()}, 1, adam, teacher=lesson)
    with pytest.raises(ValueError, match="head_mean_shape reads no patches"):
        run(recipe_of(adam, stages=(stage,)), tmp_path)
    assert teacher.trainable_variables


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow has replicas")
def test_keras_own_normalisation_is_warned_of_on_several_devices():
    crops = keras.Input((4, 4, 3))
    keras_own, own = keras.layers.BatchNormalization(name="single"), layers.BatchNormalization()
    model = keras.Model(crops, keras_own(own(crops)))
    several = mock.patch.object(type(own), "synchronized", True)
    with several, pytest.warns(UserWarning, match="single normalises the faces of each device"):
        devices.check_norms(object(), model)


def test_a_single_point_is_trained_by_the_side_of_the_crop(tmp_path, monkeypatch):
    monkeypatch.setitem(schemes.SCHEMES, "nose", scheme_of_names("nose", 1, mirror=[]))
    faces = [data.Face(f.image, f.landmarks[30:31], "nose", f.box, f.name) for f in some_faces()]
    recipe = for_scheme(recipe_of(adam, 1, held_out=0.3), "nose")
    samples, held_out = recipe.samples(faces)
    model = train(recipe, samples, held_out, tmp_path, verbose=0)
    crops, truth = held_out.arrays()
    off = np.linalg.norm(np.asarray(model(crops)["landmarks"]) - truth, axis=-1).mean()
    assert float(read_log(tmp_path)[0]["val_nme"]) == pytest.approx(off / 16, rel=1e-4)
