"""Batches drawn by loss: the sampler, the metric that gives it losses, and training with both."""

import functools
import math
import sys
import tempfile
import time

import keras
import numpy as np
import pytest
from keras import ops
from test_training import start_and_kill

from keras_landmarks import losses, models, weights
from keras_landmarks.data import Augmentation, LossBalance, Samples, made_up_faces
from keras_landmarks.training import FaceLosses, LossBalancing, Recipe, Stage, train

AUGMENTATION = Augmentation()
TENSORFLOW = keras.backend.backend() == "tensorflow"
on_tensorflow = pytest.mark.skipif(not TENSORFLOW, reason="tf.data and tf.distribute")
NAN, INF = float("nan"), float("inf")
small_cnn = functools.partial(models.cnn, size=32, filters=(4, 8), hidden=8)


def balance_of(known, floor=0.1):
    """A balance with these losses, NaN where there is none yet."""
    balance = LossBalance(len(known), floor)
    faces = [i for i, loss in enumerate(known) if not np.isnan(loss)]
    balance.update(np.array(faces, int), np.array([known[i] for i in faces]))
    return balance


# The sampler


def test_faces_are_drawn_as_often_as_their_losses_say():
    from scipy.stats import chisquare

    known = np.random.default_rng(0).uniform(0.5, 2.0, 20)  # above the floor
    drawn = balance_of(known).pick(np.random.default_rng(1), 1_000_000)
    assert drawn.shape == (1_000_000,)
    expected = [1_000_000 * loss / sum(known) for loss in known]
    assert chisquare(np.bincount(drawn, minlength=20), expected).pvalue > 0.001


def test_a_draw_is_the_papers_equation_1():
    known = np.random.default_rng(0).uniform(0.5, 2.0, 20)
    found = balance_of(known).pick(np.random.default_rng(2), 100)
    expected = []
    for fraction in np.random.default_rng(2).uniform(0, 1, 100):
        value, total = fraction * sum(known), 0.0
        for k, loss in enumerate(known):  # the smallest k whose sum reaches the value
            total += loss
            if total >= value:
                expected.append(k)
                break
    assert found.tolist() == expected
    assert len(set(found)) > 15


def test_probabilities_are_losses_over_their_sum():
    np.testing.assert_allclose(balance_of([1, 2, 5]).probabilities, [1 / 8, 2 / 8, 5 / 8])


def test_before_any_loss_is_known_all_faces_are_drawn_alike():
    np.testing.assert_allclose(LossBalance(4).probabilities, 0.25)
    np.testing.assert_allclose(balance_of([0, 0, 0]).probabilities, 1 / 3)
    np.testing.assert_allclose(balance_of([0, NAN, NAN]).probabilities, 1 / 3)


def test_an_unknown_loss_counts_as_the_mean_of_the_known():
    np.testing.assert_allclose(balance_of([1, NAN, 3]).probabilities, [1 / 6, 2 / 6, 3 / 6])


def test_a_face_that_is_right_already_is_still_drawn():
    # A tenth of the mean, 2/3 of a tenth: 0, 1, 1 -> 1/15, 1, 1.
    found = balance_of([0, 1, 1]).probabilities
    np.testing.assert_allclose(found, [1 / 31, 15 / 31, 15 / 31])
    drawn = balance_of([0, 1, 1]).pick(np.random.default_rng(0), 10_000)
    assert np.bincount(drawn)[0] == pytest.approx(10_000 / 31, rel=0.2)


@pytest.mark.parametrize("floor", [0.01, 0.1, 1.0])
@pytest.mark.parametrize(
    "known",
    [
        [0, 0, 1, 2],
        [1e300, 1, 1, 0],
        [1e300, 1e300, 1e300, 1],
        [1e308, 1e308, 1e308, 1e308],
        [1e-300, 0, 0, 0],
        [INF, 1, 1, 2],
        [INF, INF, INF, INF],
        [-INF, -1, 2, NAN],
        [INF, -INF, NAN, 0],
        [NAN, 1, 1, 2],
        [5e-324, 1e308, NAN, INF],
    ],
)
def test_no_loss_starves_the_other_faces(known, floor):
    balance = LossBalance(4, floor)
    balance.update(np.arange(4), np.array(known))
    with np.errstate(all="raise", under="ignore"):
        found = balance.probabilities
    assert found.sum() == pytest.approx(1)
    assert (found >= floor / (1 + floor) / 4 * (1 - 1e-9)).all()
    drawn = balance.pick(np.random.default_rng(0), 3000 if floor < 0.1 else 300)
    assert set(drawn) == {0, 1, 2, 3}


def test_an_infinite_loss_counts_as_the_largest_and_one_below_zero_as_zero():
    np.testing.assert_allclose(balance_of([INF, 4, 2]).probabilities, [0.4, 0.4, 0.2])
    found, expected = balance_of([-3, 4, 2]).probabilities, balance_of([0, 4, 2]).probabilities
    np.testing.assert_array_equal(found, expected)


def test_a_loss_replaces_the_one_before_and_the_last_of_several_counts():
    balance = balance_of([1, 2, 5])
    balance.pick(np.random.default_rng(0), 3)
    balance.update(np.array([2, 0, 2]), np.array([9.0, 4.0, 6.0]))
    assert balance.losses.tolist() == [4, 2, 6]
    np.testing.assert_allclose(balance.probabilities, [4 / 12, 2 / 12, 6 / 12])
    drawn = balance.pick(np.random.default_rng(0), 60_000)  # by the new ones
    np.testing.assert_allclose(np.bincount(drawn) / 60_000, [1 / 3, 1 / 6, 1 / 2], atol=0.01)


def test_an_update_of_no_faces_changes_nothing():
    balance = balance_of([1, 2, 5])
    balance.update([], [])
    assert balance.losses.tolist() == [1, 2, 5]


@pytest.mark.parametrize(
    ("faces", "new", "message"),
    [
        ([0, 1], [1.0], "do not belong to"),
        ([0], [[1.0]], "do not belong to"),
        ([[0]], [[1.0]], "do not belong to"),
        ([0, 3], [1.0, 1.0], "There are 3 faces"),
        ([-1], [1.0], "There are 3 faces"),
    ],
)
def test_losses_of_no_face_are_refused(faces, new, message):
    balance = balance_of([1, 2, 5])
    with pytest.raises(ValueError, match=message):
        balance.update(np.array(faces), np.array(new))
    assert balance.losses.tolist() == [1, 2, 5]


@pytest.mark.parametrize(("count", "floor"), [(0, 0.1), (-1, 0.1), (3, 0), (3, -0.5), (3, NAN)])
def test_a_balance_without_faces_or_floor_is_refused(count, floor):
    with pytest.raises(ValueError, match="(count|floor) must be a "):
        LossBalance(count, floor)


def test_no_python_loop_goes_over_a_hundred_thousand_faces():
    balance, rng = LossBalance(100_000), np.random.default_rng(0)
    lines = []

    def count(frame, event, argument):
        lines.append(event)
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        balance.update(np.arange(100_000), np.ones(100_000))
        faces = balance.pick(rng, 64)
        balance.update(faces, np.ones(64))
    finally:
        sys.settrace(before)
    assert 0 < len(lines) < 5_000


# The metric


TRUE = np.random.default_rng(0).uniform(0, 32, (4, 5, 2)).astype("float32")
PREDICTED = (TRUE + np.random.default_rng(1).normal(size=TRUE.shape)).astype("float32")
BY_FACE = np.abs(np.float64(PREDICTED) - TRUE).mean(axis=(1, 2))


def test_the_metric_holds_the_losses_of_the_last_batch():
    metric = FaceLosses(losses.L1(), 4)
    metric.update_state(TRUE[::-1].copy(), PREDICTED)
    metric.update_state(TRUE, PREDICTED)
    np.testing.assert_allclose(ops.convert_to_numpy(metric.values.value), BY_FACE, rtol=1e-5)
    assert float(metric.result()) == pytest.approx(BY_FACE.mean(), rel=1e-5)
    metric.reset_state()
    assert float(metric.result()) == 0
    metric.update_state(TRUE, np.concatenate([TRUE[:1], PREDICTED[1:]]))  # one without an error
    assert float(metric.result()) == pytest.approx(BY_FACE[1:].sum() / 4, rel=1e-5)


def test_the_metric_takes_batches_of_other_sizes():
    # As `evaluate` gives them, 32 at once unless it is told otherwise.
    metric = FaceLosses(losses.L1(), 4)
    metric.update_state(TRUE[:3], PREDICTED[:3])
    values = ops.convert_to_numpy(metric.values.value)
    np.testing.assert_allclose(values, [*BY_FACE[:3], 0], rtol=1e-5)
    metric = FaceLosses(losses.L1(), 3)
    metric.update_state(TRUE, PREDICTED)
    values = ops.convert_to_numpy(metric.values.value)
    np.testing.assert_allclose(values, BY_FACE[:3], rtol=1e-5)


def test_the_metric_comes_back_from_its_config():
    metric = FaceLosses(losses.Wing(15, 3), 4, name="another")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(again) is FaceLosses
    assert again.get_config() == metric.get_config()
    assert (again.batch, again.name, again.loss.get_config()["w"]) == (4, "another", 15)


# Training


@functools.cache
def some_faces():
    return made_up_faces(12, size=64)


class Recorded(Samples):
    """Samples that write down `made[step] = faces, crops, landmarks` of the batches they make."""

    def batch_at(self, step, augmentation=None, pick=None, part=(0, 1)):
        crops, landmarks = super().batch_at(step, augmentation, pick, part)
        # Copies: TensorFlow may compute in the memory of what it is given.
        self.made[int(step)] = self.faces_at(step, pick), crops.copy(), landmarks.copy()
        return crops, landmarks


def recorded(count=12, batch=4, augmentation=AUGMENTATION, **words):
    """Samples, and `{step: (faces, crops, landmarks)}` of the batches that they will make."""
    words |= dict(augmentation=augmentation, batch=batch)
    samples = Recorded(some_faces()[:count], (32, 32), **words)
    samples.__dict__["made"] = {}
    return samples, samples.made


def l1_by_hand(true, predicted):
    faces = []
    for face, guess in zip(np.float64(true), np.float64(predicted)):
        total = sum(abs(p[i] - q[i]) for p, q in zip(face, guess) for i in range(2))
        faces.append(total / (2 * len(face)))
    return faces


def distance_by_hand(true, predicted):
    """What `train` picks by: the mean distance over that of the pupils."""
    faces = []
    for face, guess in zip(np.float64(true), np.float64(predicted)):
        total = sum(math.dist(p, q) for p, q in zip(face, guess))
        right, left = face[36:42].sum(axis=0) / 6, face[42:48].sum(axis=0) / 6
        faces.append(total / len(face) / math.dist(right, left))
    return faces


def last_losses(model, made, steps, loss, first=0):
    """The last loss of each face that was drawn in these steps; NaN of others."""
    expected = np.full(len(some_faces()), NAN)
    for step in range(first, first + steps):
        faces, crops, landmarks = made[step]
        predicted = ops.convert_to_numpy(model(crops)["landmarks"])
        for face, one in zip(faces, loss(landmarks, predicted)):
            expected[face] = one
    return expected


def plain_losses(model, samples, loss):
    crops, landmarks = samples.plain(np.arange(len(samples.faces)))
    return loss(landmarks, ops.convert_to_numpy(model(crops)["landmarks"]))


def data_of(balancing, kind):
    return balancing.dataset() if kind == "dataset" else balancing.py_dataset()


every_kind = pytest.mark.parametrize(
    "kind", [pytest.param("dataset", marks=on_tensorflow), "py_dataset"]
)


def fit(samples, kind, every=None, epochs=2, rate=0.0):
    """A network that stands still unless it has a rate, trained with balancing."""
    keras.utils.set_random_seed(0)
    model = small_cnn(mean_shape=samples.mean_shape())
    balancing = LossBalancing(samples, losses.L1(), every)
    metrics = {"landmarks": [balancing.metric]} if every is None else None
    model.compile(keras.optimizers.SGD(rate), loss={"landmarks": losses.L1()}, metrics=metrics)
    model.fit(
        data_of(balancing, kind),
        epochs=epochs,
        callbacks=[balancing],
        shuffle=False,
        verbose=0,
    )
    return model, balancing


@every_kind
def test_bbo_knows_the_losses_of_what_was_just_trained(kind):
    samples, made = recorded()
    model, balancing = fit(samples, kind)
    expected = last_losses(model, made, 6, l1_by_hand)
    assert np.isfinite(expected).sum() > 3  # more than a batch has
    np.testing.assert_allclose(balancing.balance.losses, expected, rtol=1e-3)


@every_kind
def test_bb_knows_the_losses_of_all_faces(kind):
    samples, _ = recorded()
    model, balancing = fit(samples, kind, every=0.1, epochs=1)
    expected = plain_losses(model, samples, l1_by_hand)
    np.testing.assert_allclose(balancing.balance.losses, expected, rtol=1e-3)


def test_bb_computes_losses_anew_each_fraction_of_an_epoch():
    samples, _ = recorded()
    balancing = LossBalancing(samples, losses.L1(), 0.67)
    balancing.set_model(keras.Sequential())
    renewed = []
    balancing._renew = lambda: renewed.append(balancing.step)
    for step in range(6):
        balancing.pick(step)
        balancing.on_train_batch_end(step)
    assert renewed == [0, 2, 4]  # 0.67 of three batches is two
    assert LossBalancing(samples, losses.L1(), 0.1).interval == 1


@pytest.mark.usefixtures("eagerly")
def test_the_losses_follow_the_network():
    samples, _ = recorded()
    model, balancing = fit(samples, "dataset" if TENSORFLOW else "py_dataset", 1.0, 2, 1e-3)
    at_the_end = plain_losses(model, samples, l1_by_hand)  # two steps after the last renewal
    assert np.isfinite(balancing.balance.losses).all()
    assert not np.allclose(balancing.balance.losses, at_the_end, rtol=1e-6)
    np.testing.assert_allclose(balancing.balance.losses, at_the_end, rtol=0.5)


def test_faces_with_a_large_loss_fill_the_batches():
    still = Augmentation(rotation=0, mirror=0, shift=0, blur=0)
    samples, _ = recorded(augmentation=still)
    balancing = LossBalancing(samples, losses.L1())
    balancing.balance.update(np.arange(12), np.array([1.0] * 11 + [1e6]))
    drawn = []
    for step in range(100, 130):
        faces = balancing._faces(step)
        crops, landmarks = samples.batch_at(step, pick=lambda _, faces=faces: faces)
        expected = samples.plain(faces)
        np.testing.assert_array_equal(crops, expected[0])
        np.testing.assert_allclose(landmarks, expected[1], atol=1e-3)
        drawn += list(faces)
    assert 90 < drawn.count(11) < 120
    assert set(drawn) > {11}


def test_a_batch_depends_on_its_step_and_the_losses_alone():
    samples, _ = recorded()
    balancing = LossBalancing(samples, losses.L1())
    first, other, again = (samples.batch_at(step, pick=balancing.pick) for step in (3, 4, 3))
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(first[1], other[1])


@pytest.mark.usefixtures("eagerly")
@every_kind
def test_the_losses_of_each_fit_are_those_of_its_own_batches(kind):
    samples, made = recorded()
    model, balancing = fit(samples, kind, epochs=1)
    first = last_losses(model, made, 3, l1_by_hand)
    made.clear()
    model.fit(data_of(balancing, kind), callbacks=[balancing], shuffle=False, verbose=0)
    second = last_losses(model, made, 3, l1_by_hand, first=3)
    expected = np.where(np.isnan(second), first, second)
    np.testing.assert_allclose(balancing.balance.losses, expected, rtol=1e-3)


def test_fewer_faces_than_a_batch_are_refused():
    with pytest.raises(ValueError, match="3 faces are fewer than a batch of 4"):
        recorded(count=3)


def test_a_state_stays_what_it_was():
    balancing = LossBalancing(
        Samples(some_faces()[:8], (16, 16), batch=4, augmentation=AUGMENTATION), losses.L1()
    )
    state = balancing.state()
    balancing.balance.update([0], [5.0])
    assert np.isnan(state["losses"]).all()


def test_samples_without_augmentation_are_refused():
    # They come in their order, whatever their losses are.
    with pytest.raises(ValueError, match="augment"):
        LossBalancing(Samples(some_faces(), (32, 32), batch=4), losses.L1())


@pytest.mark.parametrize("every", [0, -0.1, NAN])
def test_an_interval_that_is_not_above_0_is_refused(every):
    with pytest.raises(ValueError, match="every must be a finite number above 0"):
        LossBalancing(recorded()[0], losses.L1(), every)


def test_several_steps_at_once_are_refused():
    samples, _ = recorded()
    balancing = LossBalancing(samples, losses.L1())
    model = small_cnn(mean_shape=samples.mean_shape())
    model.compile("sgd", loss={"landmarks": losses.L1()}, steps_per_execution=2)
    with pytest.raises(ValueError, match="steps_per_execution=1, not 2"):
        model.fit(balancing.py_dataset(), shuffle=False, verbose=0, callbacks=[balancing])


@pytest.mark.usefixtures("eagerly")
def test_a_network_can_be_evaluated_after_training_by_losses():
    samples, _ = recorded()
    model, balancing = fit(samples, "dataset" if TENSORFLOW else "py_dataset", epochs=1)
    before = balancing.balance.losses.copy()
    crops, landmarks = samples.plain(np.arange(12))
    found = model.evaluate(crops, {"landmarks": landmarks}, verbose=0, return_dict=True)
    expected = np.mean(plain_losses(model, samples, l1_by_hand))
    assert found["loss"] == pytest.approx(expected, rel=1e-3)
    np.testing.assert_array_equal(balancing.balance.losses, before)


# Training by recipe


def standstill(steps):
    return keras.optimizers.SGD(0.0)


def recipe_of(lpbb="BBO", epochs=2, **kwargs):
    stages = (Stage(losses.L1(), epochs, standstill),)
    words = {"model": small_cnn, "stages": stages, "size": (32, 32), "batch": 4, "lpbb": lpbb}
    return Recipe(**words | kwargs)


def losses_in(out):
    arrays, _ = weights.load_arrays(out / "checkpoint.safetensors")
    return arrays["balance/losses"]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("lpbb", ["BBO", "BB"])
def test_the_checkpoint_holds_the_losses(tmp_path, lpbb):
    check_recipe(lpbb, tmp_path)


def check_recipe(lpbb, out):
    """Trains for two epochs of three steps, and compares the losses with those by hand."""
    samples, made = recorded()
    model = train(recipe_of(lpbb), samples, None, out, verbose=0)
    if lpbb == "BB":
        expected = plain_losses(model, samples, distance_by_hand)
    else:
        expected = last_losses(model, made, 6, distance_by_hand)
    np.testing.assert_allclose(losses_in(out), expected, rtol=1e-3)


@pytest.mark.usefixtures("eagerly")
def test_several_stages_and_layers_are_trained_on_batches_drawn_by_one_loss(tmp_path):
    validated = functools.partial(small_cnn, expected_error=True)
    stages = (
        Stage({"validated": losses.Validation(losses.L2())}, 1, standstill),
        Stage({"validated": losses.Validation(losses.Wing(10, 2))}, 1, standstill),
    )
    samples, made = recorded()
    model = train(recipe_of(model=validated, stages=stages), samples, None, tmp_path, verbose=0)
    expected = last_losses(model, made, 6, distance_by_hand)
    np.testing.assert_allclose(losses_in(tmp_path), expected, rtol=1e-3)


@pytest.mark.usefixtures("eagerly")
def test_training_by_losses_is_resumed_with_them(tmp_path):
    train(recipe_of(epochs=1), recorded()[0], None, tmp_path, verbose=0)
    first = losses_in(tmp_path)
    assert np.isfinite(first).any()

    train(recipe_of(epochs=1), recorded()[0], None, tmp_path, resume=True, verbose=0)  # at its end
    np.testing.assert_array_equal(losses_in(tmp_path), first)

    samples, made = recorded()
    model = train(recipe_of(epochs=2), samples, None, tmp_path, resume=True, verbose=0)
    assert min(made) == 3  # where it had stopped
    expected = first.copy()
    for step in (3, 4, 5):
        faces, crops, landmarks = made[step]
        predicted = ops.convert_to_numpy(model(crops)["landmarks"])
        expected[faces] = distance_by_hand(landmarks, predicted)
    np.testing.assert_allclose(losses_in(tmp_path), expected, rtol=1e-3)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("first", "then", "count", "message"),
    [
        ("BBO", "BBO", 10, "is of 12 faces, not 10"),
        ("BBO", None, 12, "another balancing of its batches"),
        (None, "BB", 12, "another balancing of its batches"),
    ],
)
def test_a_checkpoint_of_another_balancing_is_refused(tmp_path, first, then, count, message):
    def samples(count):
        return Samples(some_faces()[:count], (32, 32), augmentation=AUGMENTATION, batch=4)

    train(recipe_of(first, 1), samples(12), None, tmp_path, verbose=0)
    with pytest.raises(ValueError, match=message):
        train(recipe_of(then, 2), samples(count), None, tmp_path, resume=True, verbose=0)


def test_an_unknown_balancing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="lpbb must be 'BB', 'BBO' or None, not 'bbo'"):
        train(recipe_of("bbo"), recorded()[0], None, tmp_path, verbose=0)


# Exactly


def sgd(steps):
    return keras.optimizers.SGD(0.05)


class Sleepy(Recorded):
    """Samples whose threads sleep at random."""

    def batch_at(self, step, *words, **more):
        time.sleep(np.random.default_rng().uniform(0, 0.03))
        return super().batch_at(step, *words, **more)


def slow_callbacks(monkeypatch):
    quick = LossBalancing.on_train_batch_end

    def slowly(self, batch, logs=None):
        time.sleep(np.random.default_rng().uniform(0, 0.03))
        quick(self, batch, logs)

    monkeypatch.setattr(LossBalancing, "on_train_batch_end", slowly)


def exact_recipe(lpbb="BBO", epochs=None):
    """Of three steps an epoch; BB needs no lag of steps before it picks by a loss."""
    epochs = epochs or {"BBO": 12, "BB": 4}[lpbb]
    return recipe_of(lpbb, stages=(Stage(losses.L1(), epochs, sgd),))


def faces_of(made):
    return [made[step][0].tolist() for step in sorted(made)]


@functools.cache
def undisturbed(lpbb):
    """The faces of each step, and the last weights, of a training that nothing slows."""
    samples, made = recorded()
    with tempfile.TemporaryDirectory() as out:
        model = train(exact_recipe(lpbb), samples, None, out, verbose=0)
    return faces_of(made), weights.get_weights(model)


def assert_undisturbed(made, model, lpbb="BBO"):
    faces, arrays = undisturbed(lpbb)
    assert len(faces) == {"BBO": 36, "BB": 12}[lpbb]
    assert faces_of(made) == faces
    for path, array in weights.get_weights(model).items():
        np.testing.assert_allclose(array, arrays[path], atol=1e-6, err_msg=path)


@pytest.mark.parametrize("lpbb", ["BBO", "BB"])
def test_two_trainings_draw_the_same_batches(tmp_path, lpbb):
    samples, made = recorded()
    model = train(exact_recipe(lpbb), samples, None, tmp_path, verbose=0)
    assert_undisturbed(made, model, lpbb)


@pytest.mark.parametrize("what", ["threads", "callback"])
def test_a_slowed_training_draws_the_same_batches(tmp_path, monkeypatch, what):
    if what == "callback":
        samples, made = recorded()
        slow_callbacks(monkeypatch)
    else:
        samples = Sleepy(some_faces(), (32, 32), augmentation=AUGMENTATION, batch=4)
        made = samples.__dict__["made"] = {}
    model = train(exact_recipe(), samples, None, tmp_path, verbose=0)
    assert_undisturbed(made, model)


KILLED = """
import pathlib, sys, test_loss_balance
from keras_landmarks.training import train
recipe, samples = test_loss_balance.exact_recipe(), test_loss_balance.recorded()[0]
train(recipe, samples, None, pathlib.Path(sys.argv[1]), verbose=0)
"""


@pytest.mark.parametrize("epochs", [2, 8])  # before and after the first pick by a loss
def test_a_training_by_losses_that_was_ended_draws_the_same_batches(tmp_path, epochs):
    if epochs == 8:
        start_and_kill([sys.executable, "-c", KILLED, tmp_path], tmp_path, epochs)
    else:
        train(exact_recipe(epochs=2), recorded()[0], None, tmp_path, verbose=0)
    samples, made = recorded()
    model = train(exact_recipe(), samples, None, tmp_path, resume=True, verbose=0)
    faces, arrays = undisturbed("BBO")
    assert 0 < len(made) < 36
    assert faces_of(made) == faces[-len(made) :]
    for path, array in weights.get_weights(model).items():
        np.testing.assert_allclose(array, arrays[path], atol=1e-6, err_msg=path)


def test_batches_are_drawn_by_the_losses_known_a_lag_before():
    samples, made = recorded()
    keras.utils.set_random_seed(0)
    model = small_cnn(mean_shape=samples.mean_shape())
    balancing = LossBalancing(samples, losses.L1(), lag=5)
    metrics = {"landmarks": [balancing.metric]}
    model.compile(keras.optimizers.SGD(0.0), loss={"landmarks": losses.L1()}, metrics=metrics)
    data = samples.py_dataset(lambda: balancing.step, pick=balancing.pick, workers=1)
    model.fit(data, epochs=4, callbacks=[balancing], shuffle=False, verbose=0)
    for step in range(12):
        known = np.full(12, NAN)
        for earlier in range(max(step - 5 + 1, 0)):
            faces, crops, landmarks = made[earlier]
            predicted = ops.convert_to_numpy(model(crops)["landmarks"])
            for face, one in zip(faces, l1_by_hand(landmarks, predicted)):
                known[face] = one
        rng = np.random.default_rng((0, step // 3, step % 3, 1))
        assert made[step][0].tolist() == balance_of(known).pick(rng, 4).tolist()


def test_faces_are_drawn_among_the_indices_by_their_losses():
    balance = LossBalance(4, indices=[0, 0, 0, 2, 3])
    np.testing.assert_allclose(balance.probabilities, [3 / 5, 0, 1 / 5, 1 / 5])
    balance.update(np.arange(4), np.array([1.0, 100.0, 2.0, 5.0]))
    np.testing.assert_allclose(balance.probabilities, [3 / 10, 0, 2 / 10, 5 / 10])
    assert set(balance.pick(np.random.default_rng(0), 1000)) == {0, 2, 3}
    balance.update(np.array([3]), np.array([NAN]))  # counts as the mean of the other four
    np.testing.assert_allclose(balance.probabilities, np.array([3, 0, 2, 5 / 4]) / 6.25)


@pytest.mark.parametrize(
    "indices", [[], [4], [-1, 0], [True, False, True, False], [0.0, 1.0], [[0, 1]]]
)
def test_indices_of_no_face_are_refused(indices):
    with pytest.raises(ValueError, match="Indices are of some of the 4 faces"):
        LossBalance(4, indices=indices)


@pytest.mark.usefixtures("eagerly")
def test_pose_balancing_is_kept_where_faces_are_drawn_by_loss(tmp_path):
    chosen = [1, 2, 3, 5, 5, 5, 8, 9]
    samples, made = recorded(indices=chosen)
    train(exact_recipe(epochs=10), samples, None, tmp_path, verbose=0)
    drawn = [face for faces in faces_of(made) for face in faces]
    assert len(drawn) == 80  # two steps an epoch
    assert set(drawn) <= set(chosen)
    assert drawn.count(5) > 2 * np.mean([drawn.count(face) for face in (1, 2, 3, 8, 9)])


def test_another_data_set_of_the_samples_disturbs_no_balancing():
    samples, _ = recorded()
    balancing = LossBalancing(samples, losses.L1())
    data_of(balancing, "py_dataset")[0]
    samples.py_dataset(100)[0]
    assert balancing.step == 0
    assert len(balancing.pick(1)) == 4


def test_batches_that_are_not_drawn_by_loss_are_refused():
    samples, _ = recorded()
    model = small_cnn()
    balancing = LossBalancing(samples, losses.L1())
    metrics = {"landmarks": [balancing.metric]}
    model.compile("sgd", loss={"landmarks": losses.L1()}, metrics=metrics)
    with pytest.raises(ValueError, match=r"train on `balancing.dataset\(\)`"):
        model.fit(samples.py_dataset(), callbacks=[balancing], shuffle=False, verbose=0)


def test_shuffled_batches_are_refused_where_they_are_drawn_by_loss():
    samples, _ = recorded()
    balancing = LossBalancing(samples, losses.L1())
    data = balancing.py_dataset()
    assert len(data[0][0]) == len(data[1][0]) == 4
    assert len(data[0][0]) == 4  # Keras looks at the first ones and begins again
    with pytest.raises(ValueError, match="give `fit` shuffle=False"):
        data[2]


def test_a_batch_too_far_ahead_is_refused():
    balancing = LossBalancing(recorded()[0], losses.L1(), lag=3)
    with pytest.raises(ValueError, match="No faces are picked for step 3, only for steps 0 to 2"):
        balancing.pick(3)
    with pytest.raises(ValueError, match="lag must be a whole number of at least 1"):
        LossBalancing(recorded()[0], losses.L1(), lag=0)


@pytest.mark.parametrize("every", [None, 0.5])
def test_a_loss_with_a_number_a_point_is_told(every):
    samples = Samples(made_up_faces(8), (32, 32), augmentation=AUGMENTATION, batch=4)
    balancing = LossBalancing(samples, keras.losses.MeanSquaredError(), every)
    model, metrics = small_cnn(), [] if every else [balancing.metric]
    model.compile("sgd", {"landmarks": losses.L1()}, metrics={"landmarks": metrics})
    with pytest.raises(ValueError, match=r"a number for each face, .* has \(\w+, 68\)"):
        model.fit(balancing.py_dataset(), callbacks=[balancing], shuffle=False, verbose=0)


def test_losses_are_told_by_update_alone():
    balance = LossBalance(4)
    balance.update([0, 1], [1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        balance.losses[0] = 1000
    np.testing.assert_array_equal(balance.losses[:2], [1, 2])
