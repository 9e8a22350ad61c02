"""A training that many tests resume, and no curves."""

import shutil

import pytest
from test_training import recipe_of, run, sgd

from keras_landmarks.training import progress


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """How many epochs each picture would have: to draw one takes as long as a training here."""
    epochs = []
    monkeypatch.setattr(progress, "plot_history", lambda history, path: epochs.append(len(history)))
    return epochs


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
