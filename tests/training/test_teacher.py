"""A student learns what its teachers find in the very crops that it sees."""

import dataclasses

import keras
import numpy as np
import pytest
from faces import write_300w
from keras import ops
from small_recipe import RECIPE

from keras_landmarks import Landmarker, data, models, training
from keras_landmarks.losses import L1, Validation, Wing
from keras_landmarks.schemes import get_scheme
from keras_landmarks.training import MultiLoss, Stage, Teacher
from keras_landmarks.training.teacher import Lesson

IBUG = get_scheme("ibug68")
CROPS = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype("float32")


def network(size=32, seed=0, scheme="ibug68"):
    keras.utils.set_random_seed(seed)
    return models.unet(scheme, size=size, widths=(4, 4, 4), depth=1, side=4, places=4)


def teacher(size=32, seed=0, scheme="ibug68"):
    net = network(size, seed, scheme)
    return Landmarker(net.input, net.output, scheme=scheme, name=f"teacher{seed}")


def halved(model):
    """Landmarks that are not the model's own."""
    return model.output["landmarks"] * 0.5


def answers(*models, mirrored=False, crops=CROPS, margin=1.25):
    return ops.convert_to_numpy(Lesson(Teacher(models, L1(), 1.0, mirrored), IBUG, margin)(crops))


def test_teachers_are_averaged():
    one, two = teacher(seed=0), teacher(seed=1)
    mean = (answers(one) + answers(two)) / 2
    np.testing.assert_allclose(answers(one, two), mean, atol=1e-4)
    np.testing.assert_allclose(answers(one), one(CROPS)["landmarks"], atol=1e-5)


def test_a_mirrored_crop_is_answered_by_the_mirrored_points():
    one = teacher()
    plain = answers(one, mirrored=True)
    turned = answers(one, mirrored=True, crops=CROPS[:, :, ::-1])
    expected = turned[:, list(IBUG.mirror)] * (-1, 1) + (31, 0)
    np.testing.assert_allclose(plain, expected, atol=1e-3)
    assert abs(plain - answers(one)).max() > 0.1  # an untrained teacher is not symmetric


def test_a_teacher_of_another_size_answers_in_the_students_pixels():
    # A crop that is the same everywhere: the teacher sees the same, whatever its size.
    grey = np.full((1, 32, 32, 3), 128, "float32")
    small, large = teacher(32), teacher(64)
    large.set_weights(small.get_weights())
    found = answers(large, crops=grey)
    direct = large(np.full((1, 64, 64, 3), 128, "float32"))["landmarks"]
    np.testing.assert_allclose((found + 0.5) * 2 - 0.5, direct, atol=1e-3)


def test_a_teacher_of_a_smaller_margin_sees_the_middle_of_the_crop():
    # 1.25 of 1.5625 are four fifths: 32 of 40 pixels, from the fifth on.
    crops = np.random.default_rng(1).uniform(0, 255, (2, 40, 40, 3)).astype("float32")
    direct = teacher()(crops[:, 4:36, 4:36])["landmarks"] + 4.0
    np.testing.assert_allclose(answers(teacher(), crops=crops, margin=1.5625), direct, atol=1e-4)


@pytest.mark.parametrize(
    ("loss", "output"),
    [
        ({"validated": Validation(L1(), weight=0.0)}, None),
        (Wing(w=1e-6), None),
        (Wing(w=1e-6), halved),
        ({"validated": Validation(L1(), weight=0.0)}, halved),
    ],
)
def test_a_student_without_annotation_of_weight_comes_to_its_teacher(
    tmp_path, loss, output, request
):
    if output or not isinstance(loss, dict):  # one in graphs, which take longer to trace
        request.getfixturevalue("eagerly")
    write_300w(tmp_path, 4)
    nothing = dataclasses.replace(RECIPE, size=(32, 32), model=lambda mean_shape: network(seed=5))
    one = teacher(seed=0).ready()  # compiled, as `load` gives it
    stage = Stage(loss, 2, lambda steps: keras.optimizers.Adam(1e-3), output=output)
    taught = dataclasses.replace(stage, teacher=Teacher((one,), L1(), 50.0))
    distances = []
    for name, chosen in (("alone", stage), ("taught", taught)):
        recipe = dataclasses.replace(nothing, stages=(chosen,))
        samples, held = recipe.samples(data.read_300w(tmp_path))
        before = [w.copy() for w in one.get_weights()]
        model = training.train(recipe, samples, held, tmp_path / name, verbose=0)
        crops, _ = samples.arrays()
        trained = output(model) if output else model.output["landmarks"]
        found, told = keras.Model(model.input, trained)(crops), one(crops)["landmarks"]
        distances.append(float(ops.mean(ops.abs(found - told))))
        for old, new in zip(before, one.get_weights()):
            np.testing.assert_array_equal(old, new)
    assert distances[1] < distances[0]


@pytest.mark.usefixtures("eagerly")
def test_a_face_without_landmarks_is_learnt_from_the_teacher_alone(tmp_path):
    write_300w(tmp_path, 4)
    drawn = data.made_up_face(3)[0]
    bare = data.Face(drawn, None, "ibug68", box=(20, 20, 90, 90))
    lesson = Lesson(Teacher((teacher(),), L1(), 2.0), IBUG, 1.25)
    graph = MultiLoss(network(seed=5), {"validated": Validation(L1())}, lesson)
    found = graph(CROPS)
    truth = {"landmarks": np.full((3, 68, 2), np.nan, "float32")}
    expected = lesson.loss(CROPS, found["landmarks"])
    assert float(graph.compute_loss(CROPS, truth, found)) == pytest.approx(float(expected))

    made = {"size": (32, 32), "model": lambda mean_shape: network(seed=5), "bins": 3}
    stage = Stage({"validated": Validation(L1())}, 1, lambda steps: keras.optimizers.Adam(1e-3))
    taught = dataclasses.replace(stage, teacher=Teacher((teacher().ready(),), L1()))
    recipe = dataclasses.replace(RECIPE, stages=(taught,), **made)
    samples, held = recipe.samples(data.read_300w(tmp_path), more=[bare, bare])
    assert sum(not face.labelled for face in samples.faces) == 2
    model = training.train(recipe, samples, held, tmp_path / "run", verbose=0)
    assert np.isfinite(model(CROPS)["landmarks"]).all()
    figures = (tmp_path / "run/log.csv").read_text().splitlines()[1].split(",")
    assert np.isfinite(np.float64(figures)).all()
    alone = dataclasses.replace(recipe, stages=(stage,))
    with pytest.raises(
        ValueError, match=r"2 of \d+ faces have no landmarks: every stage needs a t"
    ):
        training.train(alone, samples, held, tmp_path / "alone", verbose=0)


@pytest.mark.usefixtures("eagerly")
def test_a_landmarker_that_has_taught_can_be_trained_again(tmp_path):
    one = teacher().ready()
    before = len(one.trainable_weights)
    lesson = Lesson(Teacher((one,), L1()), IBUG, 1.25)
    assert not MultiLoss(network(), {"landmarks": L1()}, lesson).lesson.trainable_weights
    assert not one.trainable_weights
    write_300w(tmp_path, 4)
    stage = Stage(L1(), 1, lambda steps: keras.optimizers.Adam(1e-3), teacher=lesson.teacher)
    made = {"size": (32, 32), "model": lambda mean_shape: network(seed=5), "bins": 3}
    recipe = dataclasses.replace(RECIPE, stages=(stage,), **made)
    lesson.release()
    samples, held = recipe.samples(data.read_300w(tmp_path))
    training.train(recipe, samples, held, tmp_path / "run", verbose=0)
    assert len(one.trainable_weights) == before
    asked = iter([stage.optimizer(1)])  # for the fingerprint; a second one, for training, fails
    ended = dataclasses.replace(
        recipe, stages=(dataclasses.replace(stage, optimizer=lambda _: next(asked)),)
    )
    with pytest.raises(StopIteration):
        training.train(ended, samples, held, tmp_path / "no")
    assert len(one.trainable_weights) == before
    # Its folder teaches, too; and a teacher is looked at before the first of all stages.
    Teacher((tmp_path / "run",), L1()).check(IBUG, 1.25)
    late = dataclasses.replace(stage, teacher=Teacher((teacher(scheme="five5"),), L1()))
    recipe = dataclasses.replace(recipe, stages=(stage, late))
    with pytest.raises(ValueError, match="teacher0 finds five5"):
        training.train(recipe, samples, held, tmp_path / "late", verbose=0)
    assert not (tmp_path / "late").exists()


def test_a_teacher_that_cannot_teach_is_named():
    with pytest.raises(ValueError, match="A teacher is a name, a path or a Landmarker, not 3"):
        Teacher((3,), L1())
    with pytest.raises(ValueError, match="a tuple of one teacher or more"):
        answers()
    with pytest.raises(
        ValueError, match=r"teacher0 finds five5 in crops of margin 1.25; .* ibug68"
    ):
        answers(teacher(scheme="five5"))
    with pytest.raises(ValueError, match=r"in crops of margin 1.25; the student .* margin 1.2\."):
        answers(teacher(), margin=1.2)


def test_a_lesson_is_weighed():
    one = teacher()
    lesson = Lesson(Teacher((one,), L1(), 2.5, False), IBUG, 1.25)
    assert float(lesson.loss(CROPS, answers(one) + 2.0)) == pytest.approx(2.5 * 2, rel=1e-4)
