"""Every recipe of the zoo trains a step, with few channels."""

import dataclasses
import functools
import importlib
import inspect
import pickle

import keras
import pytest
import recipes
import tensorflow as tf
from faces import write_300w
from loaded import load

from keras_landmarks import data, training, zoo
from keras_landmarks.pictures import write_image
from keras_landmarks.training import progress

STAGES = {id(recipes.read_recipe(name).stages): name for name in reversed(recipes.names())}
"""One recipe of those that share their stages, and so differ in depth or channels alone."""
CHANNELS = ("filters", "widths", "width", "hidden", "growth", "fine")
"""Arguments of builders that say how many channels layers have, and not which layers there are."""


def narrow(build):
    """A builder of the same layers with an eighth of the channels."""
    few = {}
    for name, argument in inspect.signature(build).parameters.items():
        if name in CHANNELS:
            value = argument.default
            few[name] = value / 8 if isinstance(value, float) else eighth(value)
    return functools.partial(build, **few)


def eighth(value):
    return tuple(map(eighth, value)) if isinstance(value, tuple) else max(4, value // 8)


def recipe_module(name):
    return importlib.import_module(f"keras_landmarks.recipes.{name.replace('-', '_')}")


def train_a_step(name, out):
    """Trains a step of every stage on made-up faces, and looks whether the log has them.

    The first stage has its optimizer; those of the others are made, and a plain one takes the step.
    """
    recipe = recipes.read_recipe(name)
    stages = [dataclasses.replace(stage, epochs=1, batch=None) for stage in recipe.stages]
    for i, stage in enumerate(stages[1:], start=1):
        assert isinstance(stage.optimizer(100), keras.optimizers.Optimizer)
        stages[i] = dataclasses.replace(stage, optimizer=lambda steps: keras.optimizers.SGD(1e-4))
    recipe = dataclasses.replace(
        recipe,
        model=narrow(recipe.model),
        stages=tuple(stages),
        batch=4,
        most=1,
        repeat=1,
        held_out=0.3,
    )
    write_300w(out / "300W", 3)
    samples, held_out = recipes.read_samples(recipe, out / "300W")
    training.train(recipe, samples, held_out, out / "run", verbose=2)
    assert len((out / "run" / "log.csv").read_text().splitlines()) == 1 + len(stages)


def train_a_step_eagerly(name, out):
    """Graphs of one step take minutes to build."""
    tf.config.run_functions_eagerly(True)
    try:
        train_a_step(name, out)
    finally:
        tf.config.run_functions_eagerly(False)


VARIANTS = [
    f"{name}@{variant}"
    for name in recipes.names()
    for variant in getattr(recipe_module(name), "VARIANTS", {})
]


@pytest.mark.apart
@pytest.mark.parametrize(
    "name",
    [*STAGES.values(), *(pytest.param(name, marks=pytest.mark.large) for name in VARIANTS)],
)
def test_a_recipe_trains_a_step_of_every_stage(name, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "load", load)  # a teacher is built once for all stages and recipes
    monkeypatch.setattr(progress, "plot_history", lambda history, path: None)
    train_a_step_eagerly(name, tmp_path)


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_says_its_promise(name):
    recipe = recipes.read_recipe(name)
    text = recipe_module(name).__doc__
    assert f"keras-landmarks train --recipe {name} --data 300W" in text
    assert dataclasses.is_dataclass(recipe)
    assert recipe.licence


def test_further_faces_of_held_out_photos_are_not_trained_on():
    faces = data.made_up_faces(20)
    recipe = dataclasses.replace(recipes.read_recipe("tiny-ibug68"), held_out=0.1, batch=8)
    with pytest.warns(UserWarning, match="2 of 20 further faces are left out: their photos, as"):
        samples, held_out = recipe.samples(faces, more=faces)
    assert len(samples.faces) == 2 * 18
    assert not {f.photo for f in samples.faces} & {f.photo for f in held_out.faces}


def test_faces_to_choose_on_may_be_given(tmp_path):
    faces = data.made_up_faces(6)
    recipe = dataclasses.replace(recipes.read_recipe("tiny-ibug68"), batch=2)
    samples, held_out = recipe.samples(faces[:4], held_out=faces[4:])
    assert [face.photo for face in samples.faces] == [face.photo for face in faces[:4]]
    assert [face.photo for face in held_out.faces] == [face.photo for face in faces[4:]]
    with pytest.warns(UserWarning, match="2 of 6 further faces are left out"):
        samples, _ = recipe.samples(faces, held_out=faces[4:])  # by their pixels
    assert len(samples.faces) == 4
    write_image(tmp_path / "a.png", faces[0].image)
    face = dataclasses.replace(faces[0], image=tmp_path / "a.png", photo="another")
    chosen = dataclasses.replace(face, image=str(tmp_path / "a.png"), photo="a")
    with pytest.warns(UserWarning, match="1 of 4 further faces are left out"):
        samples, _ = recipe.samples([face, *faces[1:4]], held_out=[chosen])
    assert len(samples.faces) == 3


@pytest.mark.parametrize("name", ["cnn6-7-300w", "validation-300w@paper", "dan-300w@paper"])
def test_a_recipe_goes_to_another_process(name):
    recipe = pickle.loads(pickle.dumps(recipes.read_recipe(name)))
    for stage, other in zip(recipe.stages, recipes.read_recipe(name).stages, strict=True):
        one, two = (s.optimizer(100).get_config() | {"name": ""} for s in (stage, other))
        assert one == two
