"""Trainings of a few steps, and one that many tests resume."""

import shutil

import pytest
from test_training import TENSORFLOW, recipe_of, run, sgd


@pytest.fixture(autouse=True)
def eagerly(request):
    """TensorFlow takes longer to trace a graph than for a few steps: only tests marked `graphs`,
    and what several tests share, train in graphs."""
    eager = TENSORFLOW and not request.node.get_closest_marker("graphs")
    if eager:
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)
    yield
    if eager:
        tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory):
    """The folder of a training of one epoch by `recipe_of(sgd, 1)`: not to be changed."""
    folder = tmp_path_factory.mktemp("trained")
    run(recipe_of(sgd, 1), folder)
    return folder


@pytest.fixture
def trained_folder(trained_once, tmp_path):
    """A copy of it."""
    return shutil.copytree(trained_once, tmp_path, dirs_exist_ok=True)
