"""Recipes for other schemes, and for going on from trained weights."""

import dataclasses
import functools

import numpy as np
import pytest
from small_recipe import RECIPE

from keras_landmarks import data, losses, models, weights, zoo
from keras_landmarks.recipes import get_recipe
from keras_landmarks.schemes import SCHEMES, get_scheme
from keras_landmarks.training import Teacher, fine_tuning, for_scheme


@pytest.fixture(scope="module")
def faces():
    return data.made_up_faces(10, size=60, scheme="five5")


def test_a_recipe_for_another_scheme_has_its_model_and_losses_and_no_teacher():
    recipe = for_scheme(get_recipe("resnet18-ffld-300w"), "cofw29")
    assert recipe.builder()[1]["scheme"] == "cofw29"
    first, last = recipe.stages[0].loss, recipe.stages[-1].loss
    assert first.get_config()["scheme"] == "cofw29"
    assert last["stage0_landmarks"].get_config()["scheme"] == "cofw29"
    assert isinstance(last["stage1_landmarks"], losses.L2)
    assert get_recipe("unet-300w").stages[0].teacher
    assert for_scheme(get_recipe("unet-300w"), "cofw29").stages[0].teacher is None
    own = zoo.load("tiny-ibug68", scheme="cofw29")
    teacher = Teacher((own,), losses.Wing())  # which knows the other points
    stages = (dataclasses.replace(recipe.stages[0], teacher=teacher),)
    recipe = dataclasses.replace(get_recipe("resnet18-ffld-300w"), stages=stages)
    assert for_scheme(recipe, "cofw29").stages[0].teacher is teacher


def test_a_scheme_without_eyes_has_its_errors_divided_by_its_own_normaliser():
    (stage, *_) = for_scheme(get_recipe("dan-300w"), "menpo39").stages
    config = stage.loss.get_config()
    assert (config["scheme"], config["kind"]) == ("menpo39", "diagonal")


def test_a_recipe_of_its_own_scheme_stays_as_it_is():
    recipe = get_recipe("cnn6-300w")
    assert for_scheme(recipe, "ibug68") is recipe


def test_the_last_stages_of_a_cascade_are_trained_again(faces):
    own = get_recipe("dan-300w")
    recipe = fine_tuning("dan-300w", faces, own, epochs=7)
    assert [(s.output, s.epochs, s.start) for s in recipe.stages] == [
        ("stage1_landmarks", 7, None),
        (None, 7, None),
    ]
    assert recipe.stages[0].frozen == ("stage2_", "*_norm")
    assert recipe.stages[1].frozen == own.stages[-1].frozen
    assert (recipe.size, recipe.margin, recipe.batch) == ((112, 112), 1.25, 5)
    # Few faces are picked several times: 60 steps of 5.
    assert recipe.repeat == 30


def test_stages_come_in_the_order_of_their_last_ones(faces):
    own = get_recipe("dan-300w")
    first, last = (next(s for s in own.stages if s.output == o) for o in ("stage1_landmarks", None))
    recipe = dataclasses.replace(own, stages=(last, first, last))
    found = fine_tuning("dan-300w", faces, recipe)
    assert [stage.output for stage in found.stages] == ["stage1_landmarks", None]


def test_a_part_that_the_recipe_only_takes_over_learns_the_new_points_first(faces):
    """The CNN-6 in a CNN-6/7, which its recipe takes from another training and freezes."""
    own = get_recipe("cnn6-7-300w")
    recipe = fine_tuning("cnn6-7-300w", faces, own, epochs=7)
    found = [(stage.output, stage.frozen) for stage in recipe.stages]
    assert found == [("stage1_landmarks", ()), (None, ("stage1_",))]
    recipe.build(recipe.samples(faces)[0])
    same = fine_tuning("cnn6-7-300w", data.made_up_faces(10, size=60), own)
    assert [stage.output for stage in same.stages] == [None]


def test_the_new_network_starts_from_the_trained_weights_but_for_what_is_new(faces):
    recipe = fine_tuning("tiny-ibug68", faces, get_recipe("tiny-ibug68"))
    samples, _ = recipe.samples([dataclasses.replace(f, convention="annotation") for f in faces])
    model = recipe.build(samples)
    published, _ = weights.load_arrays(weights.FOLDER / "tiny-ibug68.safetensors")
    for path, array in weights.get_weights(model).items():
        if path.startswith("head"):
            assert array.shape != published[path].shape
        else:
            np.testing.assert_array_equal(array, np.float32(published[path]))
    mean = weights.get_weights(model)["head_mean_shape/shape"]
    np.testing.assert_allclose(mean, samples.mean_shape(), atol=1e-6)


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"batch": -3}, {"epochs": 0}])
def test_batches_and_epochs_that_are_none_are_refused(faces, wrong):
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        fine_tuning("tiny-ibug68", faces, **wrong)


def test_a_recipe_that_only_pretrains_is_refused(faces):
    own = get_recipe("tiny-ibug68")
    stages = tuple(dataclasses.replace(stage, output=lambda model: None) for stage in own.stages)
    with pytest.raises(ValueError, match="No stage of the recipe for tiny-ibug68 trains an output"):
        fine_tuning("tiny-ibug68", faces, dataclasses.replace(own, stages=stages))


def test_a_head_that_the_recipe_never_trains_is_refused(faces):
    own = get_recipe("tiny-ibug68")
    frozen = tuple(dataclasses.replace(stage, frozen=("head",)) for stage in own.stages)
    recipe = fine_tuning("tiny-ibug68", faces, dataclasses.replace(own, stages=frozen))
    samples, _ = recipe.samples(faces)
    with pytest.raises(ValueError, match="cannot be fine-tuned for five5: head_.* never trains it"):
        recipe.build(samples)


def test_a_training_is_fine_tuned_by_its_folder(faces, tmp_path):
    recipe = fine_tuning("tiny-ibug68", faces, get_recipe("tiny-ibug68"), epochs=1)
    samples, _ = recipe.samples(faces)
    model = recipe.build(samples)
    facts = {"model": recipe.facts(samples, model)}
    weights.save_arrays(tmp_path / "best.safetensors", weights.get_weights(model), facts)
    again = fine_tuning(tmp_path, data.made_up_faces(4, size=60))
    (stage,) = again.stages
    assert isinstance(stage.loss, losses.Wing)
    assert stage.loss.get_config()["w"] == pytest.approx(0.08 * 32)
    assert again.builder()[1]["scheme"] == "ibug68"
    samples, _ = again.samples(data.made_up_faces(4, size=60))
    assert again.build(samples).output["landmarks"].shape == (None, 68, 2)


def test_a_model_of_other_points_than_the_faces_is_refused(faces):
    recipe = dataclasses.replace(RECIPE, model=lambda mean_shape: RECIPE.model())
    with pytest.raises(ValueError, match="finds 68 points, the faces' five5 has 5: see training"):
        recipe.build(recipe.samples(faces)[0])


OTHER = dataclasses.replace(get_scheme("ibug68"), name="other68", names=())


def test_other_points_of_the_same_number_have_a_new_head(monkeypatch):
    monkeypatch.setitem(SCHEMES, "other68", OTHER)
    published, _ = weights.load_arrays(weights.FOLDER / "tiny-ibug68.safetensors")
    shape = np.random.default_rng(0).uniform(-0.3, 0.3, (68, 2))
    loaded = zoo.load("tiny-ibug68", scheme=OTHER, mean_shape=shape)
    faces = [dataclasses.replace(f, scheme=OTHER) for f in data.made_up_faces(6, size=60)]
    recipe = fine_tuning("tiny-ibug68", faces, get_recipe("tiny-ibug68"))
    for model in (loaded, recipe.build(recipe.samples(faces)[0])):
        for path, array in weights.get_weights(model).items():
            kept = np.array_equal(array, np.float32(published[path]))
            assert kept == (not path.startswith("head")), path
    np.testing.assert_allclose(loaded.get_layer("head_mean_shape").weights[0], shape, rtol=1e-6)


def test_points_of_other_words_alone_keep_their_head():
    published, _ = weights.load_arrays(weights.FOLDER / "tiny-ibug68.safetensors")
    names = tuple(f"{i}" for i in range(68))
    known = {**zoo.read_model("tiny-ibug68")[0]["arguments"]}
    build = functools.partial(models.cnn, **known)
    one, two = (dataclasses.replace(OTHER, name=name, names=names) for name in ("one", "two"))
    assert weights.unfit(build(scheme=two), published, build, one, two) == []
    swapped = dataclasses.replace(two, names=names[::-1])
    left = weights.unfit(build(scheme=swapped), published, build, one, swapped)
    assert {*left} == {path for path in published if path.startswith("head")}


@pytest.mark.parametrize(("count", "batch", "expected"), [(2, 32, 4), (3, 2, 2), (20, 32, 10)])
def test_a_batch_has_several_faces_whatever_there_are(count, batch, expected):
    faces = data.made_up_faces(count, size=60)
    assert fine_tuning("tiny-ibug68", faces, batch=batch).batch == expected
