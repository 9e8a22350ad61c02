"""Networks, losses and faces of one's own in a recipe: what is kept of them, what is refused."""

import functools

import keras
import numpy as np
import pytest

from keras_landmarks import data, load, losses, metrics, models, recipes, training
from keras_landmarks.losses import NormalisedDistance, Validation, Wing
from keras_landmarks.training import LossBalancing, MultiLoss, Recipe, Stage, Teacher
from keras_landmarks.training.fingerprint import fingerprint


def sgd(steps):
    return keras.optimizers.SGD(1e-5)


class Wrapped(keras.layers.Layer):
    """A layer that holds another one."""

    def __init__(self, layer):
        super().__init__(name="wrapped")
        self.layer = layer

    def call(self, crops):
        return self.layer(crops)


def network(mean_shape=None, penalty=0.0, still=False, wrap=None, rank=None):
    """One dense layer of a tiny crop, whose weights may cost; a layer before may be held still."""
    crops = x = keras.Input((16, 16, 3))
    layer = keras.layers.Conv2D(2, 3, strides=4, name="backbone")
    if wrap == "model":
        inner = keras.Input((16, 16, 3))
        layer = keras.Model(inner, layer(inner), name="backbone")
    layer.trainable = not still
    layer = Wrapped(layer) if wrap == "layer" else layer
    x = keras.layers.Flatten(name="flat")(layer(x))
    cost = keras.regularizers.L2(penalty) if penalty else None
    dense = keras.layers.Dense(136, kernel_regularizer=cost, name="dense")
    x = dense(x)
    if rank:
        dense.enable_lora(rank)
    return keras.Model(crops, {"landmarks": keras.layers.Reshape((68, 2), name="points")(x)})


@pytest.fixture(scope="module")
def faces():
    return data.made_up_faces(6, size=40)


def recipe_of(*stages, model=network, **words):
    stages = stages or (Stage(Wing(), 1, sgd),)
    words = dict(size=(16, 16), held_out=0, bins=None, batch=4) | words
    return Recipe(model, stages, **words)


def loss_of(faces, loss, out, **words):
    recipe = recipe_of(Stage(loss, 1, sgd), model=functools.partial(network, **words))
    training.train(recipe, *recipe.samples(faces), out, verbose=0)
    return float((out / "log.csv").read_text().splitlines()[1].split(",")[2])


def test_weights_cost_the_same_beside_one_loss_and_several(faces, tmp_path):
    runs = [(loss, 0.0) for loss in (Wing(), {"points": Wing()})]
    runs += [(loss, 100.0) for loss in (Wing(), {"points": Wing()})]
    found = [
        loss_of(faces, loss, tmp_path / str(i), penalty=penalty)
        for i, (loss, penalty) in enumerate(runs)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-4)
    assert found[2] == pytest.approx(found[3], rel=1e-4)
    assert found[2] > found[0] + 100


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("wrap", [None, "model", "layer"])
def test_layers_that_the_builder_holds_still_do_not_learn(faces, tmp_path, wrap):
    frozen = ("dense", *(["wrapped"] if wrap == "layer" else []))
    recipe = recipe_of(
        Stage(Wing(), 1, sgd, frozen=frozen),
        Stage(Wing(), 1, sgd),
        model=functools.partial(network, still=True, wrap=wrap),
        precision="float32",
    )
    keras.utils.set_random_seed(0)
    before = recipe.build(recipe.samples(faces)[0]).get_weights()
    model = training.train(recipe, *recipe.samples(faces), tmp_path / "run", verbose=0)
    after = model.get_weights()
    for one, other in zip(before[:2], after[:2]):  # of the backbone
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(before[2], after[2])
    assert [v.name for v in model.trainable_weights] == ["kernel", "bias"]


@pytest.mark.usefixtures("eagerly")
def test_a_kernel_that_the_builder_holds_still_does_not_learn(faces, tmp_path):
    stages = Stage(Wing(), 1, sgd, frozen=("dense",)), Stage(Wing(), 1, sgd)
    recipe = recipe_of(*stages, model=functools.partial(network, rank=2), precision="float32")
    model = training.train(recipe, *recipe.samples(faces), tmp_path / "run", verbose=0)
    assert "kernel" not in {v.name for v in model.get_layer("dense").trainable_variables}


def test_metrics_of_several_losses_take_weights_of_faces():
    graph = MultiLoss(network(), {"points": Wing()})
    graph.compile("sgd", metrics={"landmarks": [metrics.NME()]})
    crops, points = np.zeros((4, 16, 16, 3)), np.random.default_rng(0).normal(size=(4, 68, 2))
    plain = graph.evaluate(crops, {"landmarks": points}, return_dict=True, verbose=0)
    for weights in (np.full(4, 2.0), {"landmarks": np.full(4, 2.0)}):
        given = {"landmarks": points}
        found = graph.evaluate(crops, given, sample_weight=weights, return_dict=True, verbose=0)
        assert found["loss"] == pytest.approx(2 * plain["loss"], rel=1e-5)
        assert found["nme"] == pytest.approx(plain["nme"], rel=1e-5)


def test_another_teacher_is_another_training(faces):
    recipe = recipe_of()
    samples = recipe.samples(faces)[0]
    model = load("tiny-ibug68")
    teachers = [Teacher(("tiny-ibug68",), Wing(10, 2)), Teacher(("tiny-ibug68",), Wing(5, 2))]
    teachers.append(Teacher((model,), Wing(10, 2)))
    found = [
        fingerprint(recipe_of(Stage(Wing(), 1, sgd, teacher=t)), samples, None) for t in teachers
    ]
    assert found[0] != found[1]
    model.set_weights([w + 1 for w in model.get_weights()])
    again = fingerprint(recipe_of(Stage(Wing(), 1, sgd, teacher=teachers[2])), samples, None)
    assert again != found[2]


def test_picking_by_losses_that_nobody_tells_is_an_error(faces):
    samples = recipe_of().samples(faces)[0]
    balancing, model = LossBalancing(samples, Wing()), network()
    model.compile("sgd", Wing())
    with pytest.raises(ValueError, match=r"compile with metrics=\[balancing.metric\]"):
        model.fit(balancing.dataset(), callbacks=[balancing], verbose=0)


@pytest.mark.usefixtures("eagerly")
def test_faces_to_choose_on_are_of_the_same_crops(faces, tmp_path):
    recipe = recipe_of()
    samples, _ = recipe.samples(faces)
    for words, message in (
        ({"margin": 3.0}, "held_out has the margin 3.0, and what is trained on 1.25"),
        ({"size": (32, 32)}, r"held_out has the size \(32, 32\)"),
    ):
        other = recipe_of(**words).samples(faces)[0]
        with pytest.raises(ValueError, match=message):
            training.train(recipe, samples, other, tmp_path / "run")
    five = recipe_of().samples(data.made_up_faces(6, size=40, scheme="five5"))[0]
    with pytest.raises(ValueError, match="held_out has the scheme five5, and .* on ibug68"):
        training.train(recipe, samples, five, tmp_path / "run")
    patient = recipe_of(Stage(Wing(), 3, sgd, patience=1))
    assert not (tmp_path / "run").exists()
    with pytest.warns(UserWarning, match="patience needs faces to choose on"):
        training.train(patient, samples, None, tmp_path / "run", verbose=0)


@pytest.mark.usefixtures("eagerly")
def test_a_stage_that_is_over_gets_no_more_epochs(faces, tmp_path):
    samples, _ = recipe_of().samples(faces)
    stages = [Stage(Wing(), 1, sgd), Stage(Wing(), 1, sgd)]
    training.train(recipe_of(*stages), samples, None, tmp_path, verbose=0)
    more = recipe_of(Stage(Wing(), 3, sgd), stages[1])
    with pytest.raises(ValueError, match="Stage 1 is over, after 1 epochs, and cannot get 3"):
        training.train(more, samples, None, tmp_path, resume=True, verbose=0)
    more = recipe_of(stages[0], Stage(Wing(), 2, sgd))
    training.train(more, samples, None, tmp_path, resume=True, verbose=0)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + 3
    with pytest.raises(ValueError, match="Stage 2 has 2 epochs, and cannot get 1"):
        training.train(recipe_of(*stages), samples, None, tmp_path, resume=True, verbose=0)


@pytest.mark.parametrize(
    ("put_out", "message"),
    [
        (lambda points: points, "puts out a dict with 'landmarks'"),
        (lambda points: [points], "puts out a dict with 'landmarks'"),
        (lambda points: {"points": points}, "puts out a dict with 'landmarks'"),
    ],
)
def test_a_model_without_landmarks_is_refused(faces, put_out, message):
    def build(mean_shape):
        model = network()
        return keras.Model(model.input, put_out(model.output["landmarks"]))

    recipe = recipe_of(model=build)
    with pytest.raises(ValueError, match=message):
        recipe.build(recipe.samples(faces)[0])


def test_other_models_and_crops_are_refused(faces):
    recipe = recipe_of(model=lambda mean_shape: keras.Sequential([keras.layers.Dense(2)]))
    with pytest.raises(ValueError, match="must be a functional model"):
        recipe.build(recipe.samples(faces)[0])
    recipe = recipe_of(size=(32, 32))
    with pytest.raises(ValueError, match=r"takes crops of \(16, 16\), not of \(32, 32\)"):
        recipe.build(recipe.samples(faces)[0])


def test_what_is_no_loss_is_refused():
    for loss in (losses.wing, {"points": losses.wing}, {}):
        with pytest.raises(ValueError, match="loss must be a loss object"):
            Stage(loss, 1, sgd)
    Stage({"landmarks": Wing()}, 1, sgd).check(network())


def test_losses_inside_of_losses_are_of_the_faces_scheme():
    recipe = recipes.get_recipe("tiny-ibug68")
    nested = Stage({"validated": Validation(NormalisedDistance(kind="corners"))}, 1, sgd)
    changed = training.for_scheme(
        Recipe(functools.partial(models.validation), (nested,), size=(112, 112)), "five5"
    )
    inner = changed.stages[0].loss["validated"].coordinates.get_config()
    assert (inner["scheme"], inner["kind"]) == ("five5", "pupils")
    with pytest.raises(ValueError, match="needs faces, and there are none"):
        training.fine_tuning("tiny-ibug68", [], recipe)
    one = training.fine_tuning("tiny-ibug68", data.made_up_faces(1)[0], recipe)
    assert one.batch == 4


@pytest.mark.usefixtures("eagerly")
def test_a_network_of_layers_within_layers_is_loaded_as_it_was_trained(faces, tmp_path):
    def nested(mean_shape=None):
        crops = keras.Input((16, 16, 3))
        layers = keras.layers.Conv2D(4, 3, strides=4), keras.layers.BatchNormalization()
        inner = keras.Sequential([*layers, keras.layers.Flatten()])
        flat = keras.layers.Dense(136)(inner(crops))
        return keras.Model(crops, {"landmarks": keras.layers.Reshape((68, 2))(flat)})

    recipe = recipe_of(model=nested)
    samples, _ = recipe.samples(faces)
    trained = training.train(recipe, samples, None, tmp_path, verbose=0)
    crops, _ = samples.arrays()
    found = load(tmp_path).predict(crops, verbose=0)["landmarks"]
    np.testing.assert_array_equal(found, trained.predict(crops, verbose=0)["landmarks"])


def test_faces_that_stay_as_they_are_come_in_another_order_in_each_epoch():
    recipe = recipe_of(augmentation=None, bins=9)
    samples, _ = recipe.samples(data.made_up_faces(40, size=40))
    epochs = [
        [samples.faces_at(epoch * len(samples) + i).tolist() for i in range(len(samples))]
        for epoch in range(2)
    ]
    assert epochs[0] != epochs[1]
    copies = sum(len(set(batch)) < len(batch) for batch in epochs[0])
    assert copies < len(samples) / 2  # side by side they would be in nearly every batch
    crops, landmarks = samples.batch_at(0)
    plain, points = samples.plain(samples.faces_at(0))
    np.testing.assert_array_equal(crops, plain)
    np.testing.assert_allclose(landmarks, points, atol=1e-4)


def test_a_multi_loss_is_not_saved_where_it_could_not_be_read(tmp_path):
    graph = MultiLoss(load("tiny-ibug68"), {"landmarks": losses.L1()})
    with pytest.raises(ValueError, match="save the model whose layers it has"):
        graph.save(tmp_path / "graph.keras")
