"""Every recipe of the zoo trains a step; one of them on two devices too."""

import dataclasses
import importlib
import subprocess
import sys

import pytest
import recipes
import tensorflow as tf
from faces import write_300w
from places import ROOT

from keras_landmarks import training

ON_TWO = "resnet18-ffld-300w"
"""The recipe that is trained on two devices: batch normalisation, maps of features, and stages."""
TWO_DEVICES = """
import pathlib, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.run_functions_eagerly(True)
import test_recipes
from keras_landmarks.training.devices import default_strategy
print(type(default_strategy()).__name__)
test_recipes.train_a_step(sys.argv[1], pathlib.Path(sys.argv[2]))
"""


def recipe_module(name):
    return importlib.import_module(f"keras_landmarks.recipes.{name.replace('-', '_')}")


def train_a_step(name, out):
    """Trains a step of every stage on made-up faces, and looks whether the log has them."""
    recipe = recipes.read_recipe(name)
    stages = tuple(dataclasses.replace(stage, epochs=1) for stage in recipe.stages)
    recipe = dataclasses.replace(recipe, batch=4, stages=stages, most=1, held_out=0.3)
    write_300w(out / "300W", 3)
    samples, held_out = recipes.read_samples(recipe, out / "300W")
    training.train(recipe, samples, held_out, out / "run", verbose=2)
    assert len((out / "run" / "log.csv").read_text().splitlines()) == 1 + len(stages)


@pytest.fixture
def eagerly():
    """Graphs of one step take minutes to build."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


VARIANTS = [
    f"{name}@{variant}"
    for name in recipes.names()
    for variant in getattr(recipe_module(name), "VARIANTS", {})
]


@pytest.mark.apart
@pytest.mark.parametrize(
    "name",
    [*recipes.names(), *(pytest.param(name, marks=pytest.mark.large) for name in VARIANTS)],
)
def test_a_recipe_trains_a_step_of_every_stage(name, tmp_path, eagerly):
    train_a_step(name, tmp_path)


@pytest.mark.apart
def test_a_recipe_trains_a_step_of_every_stage_on_two_devices(tmp_path):
    command = [sys.executable, "-c", TWO_DEVICES, ON_TWO, str(tmp_path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert said.startswith("MirroredStrategy")


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_says_its_promise(name):
    recipe = recipes.read_recipe(name)
    text = recipe_module(name).__doc__
    assert f"keras-landmarks train --recipe {name} --data 300W" in text
    assert dataclasses.is_dataclass(recipe)
    assert recipe.licence
