import csv
import dataclasses
import functools
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import types

import keras
import numpy as np
import pytest
from faces import write_300w
from recipes import read_samples
from small_recipe import RECIPE

from keras_landmarks import data, metrics, weights
from keras_landmarks.data import Augmentation, Samples, made_up_faces
from keras_landmarks.losses import Wing
from keras_landmarks.models import blocks, cnn, dan, resnet
from keras_landmarks.training import Recipe, Stage, at_half_size, log, policy, progress, train
from keras_landmarks.training.optimizers import averaged_adamw, falling_sgd
from keras_landmarks.training.recipe import UNCHANGED

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TENSORFLOW = keras.backend.backend() == "tensorflow"
small_dan = functools.partial(dan, size=16, filters=(4, 8), hidden=16)
small_cnn = functools.partial(cnn, size=16, filters=(4, 8), hidden=16)


def sgd(steps):
    return keras.optimizers.SGD(0.01, momentum=0.9)


def adam(steps):
    return keras.optimizers.Adam(3e-3)


def standstill(steps):
    return keras.optimizers.SGD(0.0)


def averaged(steps):
    return keras.optimizers.Adam(3e-3, use_ema=True, ema_momentum=0.8)


def recipe_of(optimizer, epochs=2, **kwargs):
    stages = (Stage(Wing(), epochs, optimizer),)
    return Recipe(**{"model": small_cnn, "stages": stages, "size": (16, 16), "batch": 8} | kwargs)


SHARED = {"sgd": recipe_of(sgd, 1), "averaged": recipe_of(averaged)}
ODD = recipe_of(sgd, stages=(Stage(Wing(), 1, sgd), Stage(Wing(), 1, sgd, batch=5)))
MORE = {
    "several": recipe_of(sgd, stages=(Stage({"head_mean_shape": Wing()}, 1, sgd),)),
    "BB": recipe_of(sgd, 1, lpbb="BB"),
    "BBO": recipe_of(sgd, 1, lpbb="BBO"),
}


@functools.cache
def some_faces():
    return made_up_faces(48, size=60)


def samples_of(recipe):
    training_faces, held = data.split_by_photo(some_faces(), 0.3)
    samples = Samples(
        training_faces, recipe.size, augmentation=recipe.augmentation, batch=recipe.batch
    )
    return samples, Samples(held, recipe.size)


def run(recipe, out, validated=True, verbose=0, **kwargs):
    samples, held_out = samples_of(recipe)
    held_out = held_out if validated else None
    return train(recipe, samples, held_out, out, verbose=verbose, **kwargs)


def run_in_two_goes(recipe, out, **kwargs):
    """The first of the epochs, and then the others from its checkpoint."""
    (stage,) = recipe.stages
    first = dataclasses.replace(recipe, stages=(dataclasses.replace(stage, epochs=1),))
    run(first, out, **kwargs)
    return run(recipe, out, resume=True, **kwargs)


def read_log(out):
    with (out / "log.csv").open() as file:
        return list(csv.DictReader(file))


def read_weights(out, name="best"):
    return weights.load_arrays(out / f"{name}.safetensors")[0]


def assert_same(one, two, atol=1e-6):
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_allclose(one[name], two[name], atol=atol, err_msg=name)


def test_a_network_learns_and_leaves_its_files(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "plot_history", log.plot_history)
    larger = functools.partial(small_cnn, filters=(16, 32), hidden=128)
    model = run(recipe_of(adam, 10, model=larger), tmp_path)
    rows = read_log(tmp_path)
    assert list(rows[0]) == ["stage", "epoch", "loss", "nme", "val_nme"]
    assert [int(row["epoch"]) for row in rows] == list(range(1, 11))
    assert float(rows[-1]["loss"]) < 0.75 * float(rows[0]["loss"])
    assert float(rows[-1]["val_nme"]) < 0.75 * float(rows[0]["val_nme"])
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["best.safetensors", "checkpoint.safetensors", "log.csv", "loss.png"]
    assert (tmp_path / "loss.png").read_bytes()[-8:-4] == b"IEND"
    assert_same(weights.get_weights(model), read_weights(tmp_path), atol=0)


@pytest.mark.usefixtures("eagerly")
def test_curves_are_drawn_every_ten_seconds_and_at_the_end(tmp_path, monkeypatch, drawn):
    clock = itertools.count(step=4)  # it is looked at before a drawing and after it
    monkeypatch.setattr(progress, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    run(recipe_of(adam, stages=(Stage(Wing(), 3, adam), Stage(Wing(), 1, adam))), tmp_path)
    assert drawn == [3, 4]


@pytest.mark.usefixtures("eagerly")
def test_a_log_that_is_open_elsewhere_ends_no_training(tmp_path, monkeypatch):
    def refuse(history, folder):
        raise PermissionError(f"{folder / 'log.csv'} may not be replaced")

    monkeypatch.setattr(progress, "write_log", refuse)
    with pytest.warns(UserWarning, match=r"log\.csv may not be replaced"):
        run(recipe_of(adam, 2), tmp_path)
    facts = weights.load_arrays(tmp_path / "checkpoint.safetensors")[1]
    assert [row["epoch"] for row in facts["history"]] == [1, 2]


@pytest.mark.usefixtures("eagerly")
def test_off_a_terminal_an_epoch_is_two_lines_and_no_bar(tmp_path, capsys):
    run(recipe_of(adam, 3), tmp_path, verbose=1)
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) <= 6
    assert not {"\b", "\r", "\x1b"} & set(printed)


def test_the_weights_with_the_lowest_held_out_error_are_kept(tmp_path):
    def spoiling(steps):
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([steps // 2], [3e-3, 1.0])
        return keras.optimizers.Adam(rate)

    recipe = recipe_of(spoiling, 4)
    model = run(recipe, tmp_path)
    errors = [float(row["val_nme"]) for row in read_log(tmp_path)]
    crops, landmarks = samples_of(recipe)[1].arrays()
    predicted = keras.ops.convert_to_numpy(model(crops)["landmarks"])
    error = metrics.face_errors(landmarks, predicted).mean()
    assert error == pytest.approx(min(errors), rel=1e-3)
    assert min(errors) < errors[-1]
    facts = weights.load_arrays(tmp_path / "best.safetensors")[1]
    assert facts["epoch"] == 1 + int(np.argmin(errors))


@pytest.mark.usefixtures("eagerly")
def test_without_held_out_faces_the_last_weights_are_kept(tmp_path):
    model = run(recipe_of(adam), tmp_path, validated=False)
    assert "val_nme" not in read_log(tmp_path)[0]
    last = read_weights(tmp_path, "checkpoint")
    for path, array in weights.get_weights(model).items():
        np.testing.assert_array_equal(array, last[f"model/{path}"])


@pytest.mark.usefixtures("eagerly")
def test_a_stage_has_batches_of_its_own_size(tmp_path):
    seen, steps = [], []

    class Looks(Wing):
        def call(self, y_true, y_pred):
            seen.append(y_true.shape[0])
            return super().call(y_true, y_pred)

    def counted(count):
        steps.append(count)
        return keras.optimizers.Adam(3e-3)

    def of(epochs):
        second = Stage(Wing(), epochs, counted, batch=4)
        return recipe_of(adam, stages=(Stage(Wing(), 1, adam), second))

    faces = len(samples_of(of(1))[0].faces)
    run(of(2), tmp_path / "once", validated=False)
    assert steps[-1] == 2 * (faces // 4)
    run(of(1), tmp_path / "run", validated=False)
    run(of(2), tmp_path / "run", validated=False, resume=True)
    assert_same(read_weights(tmp_path / "run"), read_weights(tmp_path / "once"), atol=1e-5)
    looking = (Stage(Looks(), 1, adam), Stage(Looks(), 1, adam, batch=4))
    run(recipe_of(adam, stages=looking), tmp_path / "looked", validated=False)
    assert list(dict.fromkeys(seen)) == [8, 4]
    other = dataclasses.replace(of(2), stages=(of(2).stages[0], Stage(Wing(), 2, adam, batch=6)))
    with pytest.raises(ValueError, match="is of another batch in stage 2: 4 before, 6 now"):
        run(other, tmp_path / "run", validated=False, resume=True)


@pytest.mark.parametrize("batch", [0, 2.5])
def test_a_batch_of_a_stage_is_a_whole_number(batch):
    with pytest.raises(ValueError, match="batch must be a whole number of at least 1"):
        Stage(Wing(), 1, adam, batch=batch)


def test_batches_that_are_picked_by_loss_are_the_recipes():
    with pytest.raises(ValueError, match="no stage has its own"):
        recipe_of(adam, lpbb="BB", stages=(Stage(Wing(), 1, adam, batch=8),))


@pytest.mark.usefixtures("eagerly")
def test_frozen_layers_stay_as_they_are_in_their_stage(tmp_path):
    frozen = Stage(Wing(), 1, adam, frozen=("conv", "features"))
    start = run(recipe_of(adam, 1), tmp_path / "one", validated=False)
    before = weights.get_weights(start)
    recipe = recipe_of(adam, stages=(Stage(Wing(), 1, adam), frozen))
    after = weights.get_weights(run(recipe, tmp_path / "two", validated=False))
    for path in before:
        same = path.startswith(("conv", "features", "head_mean_shape"))
        assert np.array_equal(before[path], after[path]) == same, path
    stages = [row["stage"] for row in read_log(tmp_path / "two")]
    assert stages == ["1", "2"]
    # A later stage without `frozen` trains them again.
    recipe = recipe_of(adam, stages=(frozen, Stage(Wing(), 1, adam)))
    again = weights.get_weights(run(recipe, tmp_path / "three", validated=False))
    assert not np.array_equal(again["conv1/kernel"], before["conv1/kernel"])


@pytest.mark.usefixtures("eagerly")
def test_frozen_normalisation_is_that_of_a_trained_model(tmp_path):
    network = functools.partial(resnet, size=32, width=1 / 8)
    faces = some_faces()[:16]
    samples = Samples(faces, (32, 32), augmentation=UNCHANGED, batch=8)
    for frozen, same in ((("*_norm",), True), ((), False)):
        out = tmp_path / f"frozen{len(frozen)}"
        stages = (Stage(Wing(), 1, adam), Stage(Wing(), 1, standstill, frozen))
        recipe = recipe_of(adam, model=network, size=(32, 32), stages=stages)
        train(recipe, samples, Samples(faces, (32, 32)), out, verbose=0)
        trained, last = read_log(out)
        # Nothing moves in the second stage, so that its faces in training are those held out.
        error = float(trained["val_nme"])
        assert (float(last["nme"]) == pytest.approx(error, rel=1e-4)) == same
        assert (float(last["val_nme"]) == pytest.approx(error, rel=1e-4)) == same


def test_the_average_of_the_weights_is_what_is_validated_and_kept(tmp_path):
    recipe = recipe_of(averaged, 1)
    model = run(recipe, tmp_path / "averaged", validated=False)
    plain = run(recipe_of(adam, 1), tmp_path / "plain", validated=False)
    best = read_weights(tmp_path / "averaged")
    last = read_weights(tmp_path / "averaged", "checkpoint")
    for path, array in weights.get_weights(plain).items():
        # The average does not disturb the training, and it is not its last step.
        np.testing.assert_allclose(last[f"model/{path}"], array, atol=1e-6)
        assert np.array_equal(best[path], array) == path.startswith("head_mean_shape")
    assert_same(weights.get_weights(model), best, atol=0)


@pytest.mark.usefixtures("eagerly")
def test_averages_of_several_optimizers_are_what_is_kept(tmp_path):
    def several(steps):
        head, others = adam(steps), averaged(steps)
        return keras.optimizers.MultiOptimizer(lambda v: head if "head" in v.path else others)

    run(recipe_of(several, 1), tmp_path, validated=False)
    best, last = (read_weights(tmp_path, name) for name in ("best", "checkpoint"))
    for path in ("conv1/kernel", "head_dense/kernel"):
        same = np.array_equal(best[path], last[f"model/{path}"])
        assert same == path.startswith("head")


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("optimizer", [sgd, averaged])
def test_a_training_in_two_goes_is_the_training_in_one(tmp_path, optimizer):
    recipe = recipe_of(optimizer, 3)
    run(recipe, tmp_path / "one")
    run_in_two_goes(recipe, tmp_path / "two")
    for name in ("best", "checkpoint"):
        assert_same(read_weights(tmp_path / "one", name), read_weights(tmp_path / "two", name))
    assert [row["epoch"] for row in read_log(tmp_path / "two")] == ["1", "2", "3"]


def test_a_training_in_mixed_precision_can_be_resumed(tmp_path, monkeypatch):
    monkeypatch.setattr(policy, "slower", lambda name: 0.5)  # on every machine
    recipe = recipe_of(averaged, 2, precision="mixed_float16")  # its losses are scaled
    run(recipe, tmp_path / "one")
    run_in_two_goes(recipe, tmp_path / "two")
    for name in ("best", "checkpoint"):
        one, two = (read_weights(tmp_path / go, name) for go in ("one", "two"))
        assert_same(one, two, atol=1e-5)
    last = read_weights(tmp_path / "one", "checkpoint")
    best = read_weights(tmp_path / "one")
    assert not np.array_equal(best["conv1/kernel"], last["model/conv1/kernel"])  # an average
    assert all(array.dtype == np.float32 for array in best.values())
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.usefixtures("eagerly")
def test_a_training_in_mixed_precision_of_version_0_1_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(policy, "slower", lambda name: 0.5)  # on every machine
    recipe = recipe_of(averaged, 2, precision="mixed_float16")
    run(recipe, tmp_path / "one")
    run(dataclasses.replace(recipe, stages=(Stage(Wing(), 1, averaged),)), tmp_path / "two")
    arrays, facts = weights.load_arrays(tmp_path / "two/checkpoint.safetensors")
    own = sum(name.startswith("scale/") for name in arrays)
    assert own > 1
    first = {"scale": 0, "optimizer": own}  # where each kind began among the optimizer's
    old = {}
    for name, array in arrays.items():
        kind, _, rest = name.partition("/")
        old[f"optimizer/{first[kind] + int(rest)}" if kind in first else name] = array
    weights.save_arrays(tmp_path / "two/checkpoint.safetensors", old, facts)
    run(recipe, tmp_path / "two", resume=True)
    one, two = (read_weights(tmp_path / go) for go in ("one", "two"))
    assert_same(one, two, atol=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_layers_of_a_stages_output_alone_are_in_its_checkpoint(tmp_path):
    def own_head(model):
        features = model.get_layer("head_mean_shape").input
        landmarks = keras.layers.Dense(2 * 68, kernel_initializer="zeros")(features)
        return 32 + keras.layers.Reshape((68, 2))(landmarks)

    stage = dataclasses.replace(recipe_of(adam).stages[0], output=own_head)
    recipe = recipe_of(adam, stages=(stage,))
    run(recipe, tmp_path / "one")
    run_in_two_goes(recipe, tmp_path / "two")
    one, two = (read_weights(tmp_path / name, "checkpoint") for name in ("one", "two"))
    assert one["graph/0"].any()
    assert_same(one, two)


def test_layers_see_half_the_pixels_at_half_size():
    large = resnet("five5", width=0.0625, size=64)
    small = resnet("five5", width=0.0625, size=32)
    small.set_weights(large.get_weights())
    outputs = {name: large.get_layer(name).output for name in ("stem_relu", "average")}
    crops = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    halves = crops.reshape(2, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    found = keras.Model(large.input, at_half_size(large, outputs))(crops)
    for name in outputs:
        expected = keras.Model(small.input, small.get_layer(name).output)(halves)
        np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, (found[name], expected)), 1e-3)


@pytest.mark.usefixtures("eagerly")
def test_a_finished_training_is_resumed_as_it_is(tmp_path):
    one = run(recipe_of(adam), tmp_path)
    two = run(recipe_of(adam), tmp_path, resume=True)
    assert_same(weights.get_weights(one), weights.get_weights(two), atol=0)
    assert len(read_log(tmp_path)) == 2


@pytest.mark.usefixtures("eagerly")
def test_a_checkpoint_without_the_best_weights_is_told_at_once(trained_folder):
    (trained_folder / "best.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="the best weights so far go with a checkpoint"):
        run(recipe_of(sgd, 3), trained_folder, resume=True)


@pytest.mark.usefixtures("eagerly")
def test_resume_without_a_checkpoint_starts(tmp_path):
    run(recipe_of(adam, 1), tmp_path, resume=True)
    assert len(read_log(tmp_path)) == 1


class Seen(keras.layers.Layer):
    """Writes down the brightness of every batch that it trains on."""

    def build(self, input_shape):
        options = {"initializer": "zeros", "trainable": False, "dtype": "float32"}
        self.sums = self.add_weight(shape=(40,), name="sums", **options)
        self.step = self.add_weight(shape=(), name="step", **options)

    def call(self, crops, training=None):
        if training:
            here = keras.ops.arange(40, dtype="float32") == self.step
            total = keras.ops.sum(keras.ops.cast(crops, "float32"))
            self.sums.assign(self.sums + keras.ops.where(here, total, 0.0))
            self.step.assign(self.step + 1)
        return crops


def seeing_model(mean_shape):
    crops = keras.Input((16, 16, 3), name="crops")
    x = keras.layers.Flatten(name="flatten")(Seen(name="seen")(crops))
    landmarks = blocks.landmark_head(x, 68, (16, 16), mean_shape)
    return keras.Model(crops, {"landmarks": landmarks})


@pytest.mark.backend
@pytest.mark.parametrize("go", [run, run_in_two_goes])
def test_training_sees_the_batches_of_its_samples_in_their_order(tmp_path, go):
    recipe = recipe_of(sgd, 3, model=seeing_model)
    seen = weights.get_weights(go(recipe, tmp_path, validated=False))["seen/sums"]
    samples = samples_of(recipe)[0]
    expected = [samples.batch_at(i)[0].astype(float).sum() for i in range(3 * len(samples))]
    np.testing.assert_allclose(seen[: len(expected)], expected, rtol=1e-5)
    assert not seen[len(expected) :].any()


@pytest.mark.usefixtures("eagerly")
def test_the_next_stage_goes_on_with_the_next_batches(tmp_path):
    stages = (Stage(Wing(), 1, sgd), Stage(Wing(), 2, averaged))
    recipe = recipe_of(sgd, model=seeing_model, stages=stages)
    seen = weights.get_weights(run(recipe, tmp_path, validated=False))["seen/sums"]
    samples = samples_of(recipe)[0]
    expected = [samples.batch_at(i)[0].astype(float).sum() for i in range(3 * len(samples))]
    np.testing.assert_allclose(seen[: len(expected)], expected, rtol=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_a_stage_may_have_an_augmentation_of_its_own(tmp_path):
    own = Augmentation(rotation=0, patches=1.0)
    stages = (Stage(Wing(), 1, sgd), Stage(Wing(), 1, averaged, augmentation=own))
    recipe = recipe_of(sgd, model=seeing_model, stages=stages)
    samples = samples_of(recipe)[0]
    model = train(recipe, samples, None, tmp_path, verbose=0)
    half, other = len(samples), samples.replace(augmentation=own)
    expected = [samples.batch_at(i)[0].astype(float).sum() for i in range(half)]
    expected += [other.batch_at(half + i)[0].astype(float).sum() for i in range(half)]
    seen = weights.get_weights(model)["seen/sums"]
    np.testing.assert_allclose(seen[: 2 * half], expected, rtol=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_a_trained_model_can_be_trained_on_in_all_its_layers(tmp_path):
    recipe = recipe_of(adam, stages=(Stage(Wing(), 1, adam, frozen=("conv",)),), lpbb="BBO")
    samples, held_out = samples_of(recipe)
    model = train(recipe, samples, held_out, tmp_path, verbose=0)
    assert all(layer.trainable for layer in model.layers)


def test_a_held_out_face_without_a_size_ends_training_at_once(tmp_path):
    recipe = recipe_of(adam)
    samples, _ = samples_of(recipe)
    point = dataclasses.replace(some_faces()[0], landmarks=np.full((68, 2), 30, np.float32))
    held_out = Samples([point], recipe.size)
    with pytest.raises(FloatingPointError, match="eye corners are one point"):
        train(recipe, samples, held_out, tmp_path, verbose=0)


def test_a_checkpoint_is_not_overwritten_unasked(trained_folder):
    before = (trained_folder / "checkpoint.safetensors").read_bytes()
    with pytest.raises(ValueError, match="holds a checkpoint: resume it"):
        run(recipe_of(sgd, 1), trained_folder)
    assert (trained_folder / "checkpoint.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    "other",
    [
        recipe_of(sgd, model=functools.partial(small_cnn, hidden=8)),
        recipe_of(sgd, model=functools.partial(small_cnn, filters=(4, 8, 32))),
        recipe_of(sgd, model=functools.partial(small_cnn, filters=(4,))),
        recipe_of(sgd, model=seeing_model),
    ],
    ids=["another shape", "a layer more", "a layer less", "another architecture"],
)
def test_a_checkpoint_of_another_model_is_an_error(trained_folder, other):
    with pytest.raises(ValueError, match="is of another model: no fitting"):
        run(other, trained_folder, resume=True)


def test_a_checkpoint_of_another_optimizer_is_an_error(trained_folder):
    with pytest.raises(ValueError, match="is of another optimizer"):
        run(recipe_of(averaged), trained_folder, resume=True)


def test_a_broken_checkpoint_is_an_error_that_names_it(trained_folder):
    path = trained_folder / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="checkpoint.safetensors is not a whole safetensors file"):
        run(recipe_of(sgd), trained_folder, resume=True)


def test_a_loss_that_is_not_finite_ends_training_and_keeps_the_checkpoint(tmp_path):
    stages = (Stage(Wing(), 1, adam), Stage(Wing(), 1, lambda steps: keras.optimizers.SGD(1e38)))
    with pytest.raises(FloatingPointError, match="no longer finite"):
        run(recipe_of(adam, stages=stages), tmp_path)
    arrays, facts = weights.load_arrays(tmp_path / "checkpoint.safetensors")
    assert (facts["stage"], facts["epoch"]) == (1, 0)  # as the second one began
    assert all(np.isfinite(array).all() for array in arrays.values())


@pytest.mark.usefixtures("eagerly")
def test_a_stage_may_start_from_other_weights(tmp_path):
    first = run(recipe_of(adam), tmp_path / "first")
    arrays = weights.get_weights(first)
    starts = []

    def start(model):
        starts.append(1)
        weights.set_weights(model, arrays)

    still = recipe_of(adam, stages=(Stage(Wing(), 1, standstill, start=start),))
    assert_same(weights.get_weights(run(still, tmp_path / "second")), arrays, atol=0)
    run(still, tmp_path / "second", resume=True)
    assert len(starts) == 1  # not again after a kill


CASCADE = (
    Stage(Wing(), 1, adam, frozen=("stage2_",), output="stage1_landmarks"),
    Stage(Wing(), 1, adam, frozen=("stage1_",)),
)


@pytest.mark.usefixtures("eagerly")
def test_stages_of_a_cascade_are_trained_one_by_one(tmp_path):
    cascade = functools.partial(recipe_of, adam, model=small_dan)
    first = weights.get_weights(run(cascade(stages=CASCADE[:1]), tmp_path / "first"))
    both = weights.get_weights(run(cascade(stages=CASCADE), tmp_path / "both"))
    best, _ = weights.load_arrays(tmp_path / "first" / "best.safetensors")
    assert_same(first, best, atol=0)
    assert [int(row["stage"]) for row in read_log(tmp_path / "both")] == [1, 2]

    keras.utils.set_random_seed(0)
    start = weights.get_weights(small_dan())
    moved = {name for name in first if not np.array_equal(first[name], start[name])}
    assert "stage1_conv1a_norm/moving_mean" in moved
    assert "stage1_fc2/kernel" in moved
    assert not any(name.startswith("stage2_") and "estimate" not in name for name in moved)
    moved = {name for name in first if not np.array_equal(first[name], both[name])}
    assert "stage2_conv1a_norm/moving_mean" in moved  # even were stage two no better
    assert all(name.startswith("stage2_") for name in moved)  # statistics of stage one too


@functools.cache
def whole_cascade():
    """A training of two stages in one go: its recipe, and a folder for as long as it is held."""
    second = dataclasses.replace(CASCADE[1], loss=Breaking(), epochs=2, start=dimmed)
    recipe = recipe_of(adam, model=small_dan, stages=(CASCADE[0], second))
    folder = tempfile.TemporaryDirectory()
    run(recipe, pathlib.Path(folder.name))
    return recipe, folder


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("when", ["inside the second stage", "as the second stage begins"])
def test_a_cascade_resumes_to_the_weights_of_an_uninterrupted_one(tmp_path, monkeypatch, when):
    whole, folder = whole_cascade()
    first, second = whole.stages
    expected = pathlib.Path(folder.name)
    if when == "inside the second stage":
        cut = dataclasses.replace(whole, stages=(first, dataclasses.replace(second, epochs=1)))
        run(cut, tmp_path / "cut")
    else:
        monkeypatch.setattr(Breaking, "broken", True)
        with pytest.raises(RuntimeError, match="killed"):
            run(whole, tmp_path / "cut")
        monkeypatch.undo()
    run(whole, tmp_path / "cut", resume=True)
    for name in ("best", "checkpoint"):
        assert_same(read_weights(tmp_path / "cut", name), read_weights(expected, name))
    assert read_log(tmp_path / "cut") == read_log(expected)


def dimmed(model):
    """Some other start, which must happen once."""
    layer = model.get_layer("stage2_conv1a")
    layer.kernel.assign(layer.kernel * 0.5)


class Breaking(Wing):
    broken = False

    def call(self, y_true, y_pred):
        if self.broken:
            raise RuntimeError("killed")
        return super().call(y_true, y_pred)


@pytest.mark.usefixtures("eagerly")
def test_best_weights_of_an_earlier_training_are_not_taken(tmp_path):
    expected = weights.get_weights(run(recipe_of(adam, 1), tmp_path / "clean"))
    (tmp_path / "left").mkdir()
    weights.save_arrays(tmp_path / "left" / "best.safetensors", {"other": np.zeros(3)})
    assert_same(weights.get_weights(run(recipe_of(adam, 1), tmp_path / "left")), expected)


@pytest.mark.usefixtures("eagerly")
def test_a_stage_ends_when_the_held_out_error_no_longer_falls(tmp_path):
    stages = (Stage(Wing(), 9, standstill, patience=2), Stage(Wing(), 1, adam))
    recipe = recipe_of(adam, stages=stages)
    run(recipe, tmp_path)
    rows = read_log(tmp_path)
    assert [(int(row["stage"]), int(row["epoch"])) for row in rows] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 4),
    ]
    # The same from a checkpoint of the last epoch before the switch.
    ended = dataclasses.replace(recipe, stages=stages[:1])
    run(ended, tmp_path / "resumed")
    run(recipe, tmp_path / "resumed", resume=True)
    assert [row["epoch"] for row in read_log(tmp_path / "resumed")] == ["1", "2", "3", "4"]
    for name in ("best", "checkpoint"):
        assert_same(read_weights(tmp_path / "resumed", name), read_weights(tmp_path, name))


def test_scalars_keep_their_shape_in_a_weights_file(tmp_path):
    arrays = {"scalar": np.int64(3), "row": np.ones((1,)), "columns": np.ones((2, 3)).T}
    weights.save_arrays(tmp_path / "some.safetensors", arrays)
    loaded, facts = weights.load_arrays(tmp_path / "some.safetensors")
    assert facts is None
    for name, array in arrays.items():
        assert loaded[name].shape == array.shape
        np.testing.assert_array_equal(loaded[name], array)


# Other processes


def environment(**variables):
    paths = os.pathsep.join(map(str, (ROOT, HERE, HERE.parent, ROOT / "tools")))
    return {**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "2", **variables}


def epochs_in(out):
    path = out / "checkpoint.safetensors"
    return len(weights.load_arrays(path)[1]["history"]) if path.exists() else 0


def start_and_kill(command, out, epochs):
    """Starts a training and kills it outright once its checkpoint has so many epochs."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        while epochs_in(out) < epochs:
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    process.stderr.close()
    assert process.returncode == -signal.SIGKILL


def test_a_killed_training_resumes_to_the_weights_of_an_uninterrupted_one(tmp_path):
    folder, expected, out = (tmp_path / name for name in ("faces", "whole", "killed"))
    write_300w(folder, 16)
    train(RECIPE, *read_samples(RECIPE, folder), expected, verbose=0)
    command = [sys.executable, "-m", "keras_landmarks.cli", "train", "--data", folder]
    command += ["--recipe", "tests/small_recipe.py", "--out", out]
    start_and_kill(command, out, 4)  # in the second stage
    assert 4 <= epochs_in(out) < 8
    train(RECIPE, *read_samples(RECIPE, folder), out, resume=True, verbose=0)
    for name in ("best", "checkpoint"):
        assert_same(read_weights(out, name), read_weights(expected, name))
    rows = read_log(out)
    assert [int(row["epoch"]) for row in rows] == list(range(1, 9))
    for row, other in zip(rows, read_log(expected)):
        assert float(row["val_nme"]) == pytest.approx(float(other["val_nme"]), rel=1e-4)


def test_one_step_of_gradient_descent_is_the_mean_gradient_of_the_batch(tmp_path):
    # What two devices are compared with, by hand: w - rate * mean of the faces' gradients.
    recipe = recipe_of(lambda steps: keras.optimizers.SGD(0.01), 1, batch=32, augmentation=None)
    samples = samples_of(dataclasses.replace(recipe, augmentation=Augmentation()))[0]
    assert len(samples) == 1
    model = train(recipe, samples, None, tmp_path, verbose=0)
    keras.utils.set_random_seed(recipe.seed)
    start = small_cnn(mean_shape=samples.mean_shape())
    crops, landmarks = samples.batch_at(0)
    predicted = keras.ops.convert_to_numpy(start(crops)["landmarks"])
    # Wing's slope is 10 / (2 + |x|) within 10 pixels, averaged over 136 coordinates of 32 faces;
    # the head's bias is in fractions of the 16 pixels.
    gradient = np.zeros((68, 2))
    for k in range(68):
        for c in range(2):
            for face in range(32):
                x = predicted[face, k, c] - landmarks[face, k, c]
                slope = 10 / (2 + abs(x)) if abs(x) < 10 else 1
                gradient[k, c] += 16 * np.sign(x) * slope / 136 / 32
    moved = weights.get_weights(model)["head_dense/bias"]
    np.testing.assert_allclose(moved, -0.01 * gradient.ravel(), atol=1e-6)


@pytest.mark.parametrize(("longest", "first"), [(None, 0.0), (4, 0.0), (0, 1e-3)])
def test_a_warmup_of_no_steps_begins_at_the_whole_rate(longest, first):
    rate = averaged_adamw(1e-3, longest_warmup=longest)(1000)._learning_rate
    assert float(rate(0)) == pytest.approx(first)
    assert float(rate(4)) == pytest.approx(1e-3 if longest is not None else 1e-3 * 4 / 50, rel=1e-3)


def test_the_zoos_optimizers_are_as_their_docstrings_say():
    adam = averaged_adamw(1e-3, 0.99, floor=0.1)(1000)
    # Half of the cosine's 1,000 steps after a warmup of 50.
    assert float(adam._learning_rate(550)) == pytest.approx(1e-3 * (0.1 + 0.9 / 2), rel=1e-4)
    assert (adam.weight_decay, adam.clipnorm) == (0.05, 5.0)
    assert (adam.use_ema, adam.ema_momentum) == (True, 0.99)
    assert float(falling_sgd(1e-2, 1e-4)(101)._learning_rate(50)) == pytest.approx(1e-3, rel=1e-3)
