"""Every recipe of the zoo trains a step, on two devices where TensorFlow gives them."""

import dataclasses
import importlib
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import recipes  # noqa: E402

STEP = """
import dataclasses, pathlib, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.run_functions_eagerly(True)  # graphs of one step take minutes to build
sys.path[:0] = [{tools!r}, {tests!r}]
import recipes, train
from faces import write_300w
from keras_landmarks import training
recipe = recipes.read_recipe({name!r})
stages = tuple(dataclasses.replace(s, epochs=1) for s in recipe.stages)
recipe = dataclasses.replace(recipe, batch=4, stages=stages, most=1, validation=0.3)
write_300w(pathlib.Path({out!r}) / "300W", 3)
samples, validation = train.read_samples(recipe, {out!r} + "/300W")
model = training.train(recipe, samples, validation, {out!r} + "/run", verbose=2)
"""


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_trains_a_step_of_every_stage_on_two_devices(name, tmp_path):
    words = dict(tools=str(ROOT / "tools"), tests=str(ROOT / "tests"), name=name, out=str(tmp_path))
    subprocess.run([sys.executable, "-c", STEP.format(**words)], check=True, timeout=280)
    log = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert len(log) == 1 + len(recipes.read_recipe(name).stages)


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_says_its_promise(name):
    recipe = recipes.read_recipe(name)
    text = importlib.import_module(f"keras_landmarks.recipes.{name.replace('-', '_')}").__doc__
    assert f"python tools/train.py {name} --data 300W" in text
    assert dataclasses.is_dataclass(recipe)
    assert recipe.licence
