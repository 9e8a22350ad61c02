"""Trainings of a few steps, and one that many tests resume."""

import shutil

import pytest
from test_training import recipe_of, run, sgd


@pytest.fixture(autouse=True)
def eagerly_unless_marked(request):
    """Only tests marked `graphs`, and what several tests share, train in graphs."""
    if not request.node.get_closest_marker("graphs"):
        request.getfixturevalue("eagerly")


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
