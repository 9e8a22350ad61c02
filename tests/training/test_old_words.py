"""Trainings written in the words of version 0.1 are opened and resumed in those of today."""

import dataclasses
import functools
import warnings

import numpy as np
import pytest
from test_training import recipe_of, run, samples_of, sgd

from keras_landmarks import load, models, weights
from keras_landmarks.data import Augmentation, Samples
from keras_landmarks.training import train

pytestmark = pytest.mark.usefixtures("eagerly")

OLD = {"expected_error": "validation", "held-out data": "validation data"}


def build(**arguments):
    return functools.partial(models.cnn, size=16, filters=(4,), hidden=8, **arguments)


def in_old_words(value):
    """The same with the keys of version 0.1."""
    if isinstance(value, dict):
        return {OLD.get(key, key): in_old_words(item) for key, item in value.items()}
    return [in_old_words(item) for item in value] if isinstance(value, list) else value


def make_old(path):
    arrays, facts = weights.load_arrays(path)
    old = in_old_words(facts)
    assert old != facts
    weights.save_arrays(path, arrays, old)


@pytest.fixture
def old(tmp_path):
    """A training of an epoch, whose files hold the words of version 0.1."""
    run(recipe_of(sgd, 1, model=build(expected_error=True)), tmp_path)
    for name in ("best", "checkpoint"):
        make_old(tmp_path / f"{name}.safetensors")
    return tmp_path


def test_weights_with_a_builder_of_old_arguments_are_loaded_without_a_warning(old):
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        model = load(old)
    assert set(model.output) == {"landmarks", "error"}
    best = weights.load_arrays(old / "best.safetensors")[0]
    for name, array in weights.get_weights(model).items():
        np.testing.assert_array_equal(array, best[name])


@pytest.mark.parametrize("word", ["expected_error", "validation"])
def test_a_training_in_old_words_goes_on(old, word):
    recipe = recipe_of(sgd, 2, model=build(**{word: True}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        run(recipe, old, resume=True)
    facts = weights.load_arrays(old / "checkpoint.safetensors")[1]
    assert [row["epoch"] for row in facts["history"]] == [1, 2]
    assert facts["fingerprint"]["model"][2]["expected_error"] is True
    assert not set(OLD.values()) & {*facts["fingerprint"], *facts["fingerprint"]["model"][2]}
    assert recipe.builder()[1]["expected_error"] is True
    assert "validation" not in recipe.builder()[1]


def test_a_training_goes_on_that_did_not_know_a_change_to_its_crops_which_is_off(tmp_path):
    augmentation = Augmentation(mirror=0.25)
    run(recipe_of(sgd, 1, augmentation=augmentation), tmp_path)
    arrays, facts = weights.load_arrays(tmp_path / "checkpoint.safetensors")
    known = dataclasses.asdict(augmentation)
    del known["elastic"]
    facts["fingerprint"]["augmentation"] = known
    weights.save_arrays(tmp_path / "checkpoint.safetensors", arrays, facts)
    bent = dataclasses.replace(augmentation, elastic=0.1)
    with pytest.raises(ValueError, match="is of another augmentation"):
        run(recipe_of(sgd, 2, augmentation=bent), tmp_path, resume=True)
    run(recipe_of(sgd, 2, augmentation=augmentation), tmp_path, resume=True)
    facts = weights.load_arrays(tmp_path / "checkpoint.safetensors")[1]
    assert [row["epoch"] for row in facts["history"]] == [1, 2]


def test_a_training_in_old_words_is_still_told_from_one_of_other_held_out_faces(old):
    recipe = recipe_of(sgd, 2, model=build(expected_error=True))
    samples, held_out = samples_of(recipe)
    fewer = Samples(held_out.faces[:-1], recipe.size)
    with pytest.raises(ValueError, match="is of another held-out data"):
        train(recipe, samples, fewer, old, resume=True, verbose=0)


def test_a_training_in_old_words_is_still_told_from_one_of_another_model(old):
    other = functools.partial(models.cnn, size=16, filters=(4,), hidden=8, expected_error=1)
    recipe = recipe_of(sgd, 2, model=functools.partial(other, name="other"))
    with pytest.raises(ValueError, match="is of another model"):
        run(recipe, old, resume=True)
