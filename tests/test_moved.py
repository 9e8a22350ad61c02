"""Modules, arguments and attributes of version 0.1 answer under their old names, with a warning."""

import dataclasses
import importlib
import inspect
import runpy
import sys
import warnings

import numpy as np
import pytest

import keras_landmarks
from keras_landmarks import data, evaluation, losses, models, training
from keras_landmarks.moved import MOVED, new_names, renamed

OLD_NAMES = {
    "detection": """CONVENTIONS Convention Mtcnn calibrate check_boxes convention_of convert_boxes
        detect_boxes find_face get_convention overlap""",
    "drawing": "BOX LINE POINT UNSURE draw",
    "finder": "Detection cut_crops find_faces predict_in_parts",
    "images": "as_rgb read_image reduce warp write_bytes write_image",
    "optimizers": "averaged_adamw",
    "progress": "Progress plot_history",
    "recipe": "Recipe Stage at_half_size",
    "smoothing": "OneEuro",
    "tracking": "Track Tracker",
    "video": "CODECS VideoReader VideoWriter is_video",
}


@pytest.fixture(params=OLD_NAMES)
def old(request):
    """The name of an old module that nobody has imported yet."""

    def forget():
        sys.modules.pop(f"keras_landmarks.{request.param}", None)
        vars(keras_landmarks).pop(request.param, None)

    forget()
    yield request.param
    forget()


def imported_whole(name):
    return importlib.import_module(f"keras_landmarks.{name}")


def imported_from_the_package(name):
    scope = {}
    exec(f"from keras_landmarks import {name} as module", scope)
    return scope["module"]


def imported_names(name):
    exec(f"from keras_landmarks.{name} import {', '.join(OLD_NAMES[name].split())}", {})
    return sys.modules[f"keras_landmarks.{name}"]


def used_as_an_attribute(name):
    return getattr(keras_landmarks, name)


WAYS = (imported_whole, imported_from_the_package, imported_names, used_as_an_attribute)


@pytest.mark.parametrize("way", WAYS)
def test_an_old_module_warns_and_holds_the_very_objects_of_the_new_ones(old, way):
    with pytest.warns(DeprecationWarning, match=f"keras_landmarks.{old} is now ") as warned:
        module = way(old)
    assert len(warned) == 1
    homes = [importlib.import_module(f"keras_landmarks.{home}") for home in MOVED[old]]
    assert all(home.__name__ in str(warned[0].message) for home in homes)
    for name in OLD_NAMES[old].split():
        home = next(home for home in homes if hasattr(home, name))
        assert getattr(module, name) is getattr(home, name)
    assert module is getattr(keras_landmarks, old) is sys.modules[f"keras_landmarks.{old}"]


@pytest.mark.parametrize("line", ["import keras_landmarks.{}", "from keras_landmarks import {}"])
def test_the_warning_names_the_line_that_is_to_be_changed(old, line, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"x = 1\n{line.format(old)}\n")
    with warnings.catch_warnings(record=True) as shown:
        # As Python starts: it shows such warnings where the running script caused them.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
        runpy.run_path(str(script), run_name="__main__")
    (warning,) = shown
    assert (warning.filename, warning.lineno) == (str(script), 2)
    assert str(warning.message).startswith(f"keras_landmarks.{old} is now ")


def test_a_name_that_never_was_is_still_an_error():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("keras_landmarks.nothing")
    assert not hasattr(keras_landmarks, "nothing")


@pytest.mark.parametrize(
    ("room", "name"),
    [("models", "MultiLoss"), ("data", "FaceLosses"), ("data", "LossBalancing")],
)
def test_an_object_that_moved_answers_in_its_old_room(room, name):
    module = importlib.import_module(f"keras_landmarks.{room}")
    with pytest.warns(DeprecationWarning, match=f"{name} is now keras_landmarks.training.{name}"):
        found = getattr(module, name)
    assert found is getattr(keras_landmarks.training, name)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        module.Nothing  # noqa: B018


@renamed(draw="pick", old="new")
def function(first, pick=None, *, new=1):
    return first, pick, new


@renamed(foretold="expected_error", unsure="in_order")
@dataclasses.dataclass(frozen=True)
class Record:
    name: str
    expected_error: float = 0.5

    def in_order(self):
        return [self.expected_error]


def test_an_old_argument_is_taken_for_the_new_one_with_a_warning():
    text = r"test_moved.function: the argument draw is now pick; the old name goes with 0.3"
    with pytest.warns(DeprecationWarning, match=text) as warned:
        assert function(1, draw=2) == (1, 2, 1)
    assert [warning.filename for warning in warned] == [__file__]
    with pytest.warns(DeprecationWarning, match="the argument") as warned:
        assert function(1, draw=2, old=3) == (1, 2, 3)
    assert len(warned) == 2


def test_new_names_of_arguments_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert function(1, 2, new=3) == function(1, pick=2, new=3) == (1, 2, 3)
        assert Record("a", 2).expected_error == Record("a", expected_error=2).expected_error == 2
        assert Record("a").in_order() == [0.5]


def test_both_names_of_an_argument_are_an_error():
    with pytest.raises(TypeError, match="has one argument pick, once called draw"):
        function(1, pick=2, draw=2)
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        function(1, nothing=2)


def test_a_renamed_function_has_its_own_signature_name_and_words():
    assert list(inspect.signature(function).parameters) == ["first", "pick", "new"]
    assert list(inspect.signature(Record).parameters) == ["name", "expected_error"]
    assert function.__name__ == "function"


def test_a_record_takes_and_answers_to_old_names():
    with pytest.warns(DeprecationWarning, match="Record: the argument foretold is now expected_er"):
        record = Record("a", foretold=2.0)
    assert record == Record("a", 2.0)
    with pytest.warns(DeprecationWarning, match="Record.foretold is now expected_error") as warned:
        assert record.foretold == 2.0
    assert warned[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="Record.unsure is now in_order"):
        assert record.unsure() == [2.0]
    with pytest.warns(DeprecationWarning, match="argument foretold"):
        assert dataclasses.replace(record, foretold=3.0) == Record("a", 3.0)
    assert dataclasses.replace(record, name="b") == Record("b", 2.0)


def test_stored_arguments_get_the_names_of_today():
    assert new_names(function, {"draw": 1, "first": 2}) == {"pick": 1, "first": 2}
    assert new_names(len, {"draw": 1}) == new_names(None, {"draw": 1}) == {"draw": 1}


RENAMED = [
    *[
        (getattr(models, name), {"validation": "expected_error"})
        for name in ("cnn", "cnn6", "cnn6_7", "cnn7", "dan", "ffld", "resnet", "unet", "validation")
    ],
    (training.train, {"validation": "held_out"}),
    (data.Samples.batch_at, {"draw": "pick"}),
    (data.Samples.dataset, {"draw": "pick"}),
    (data.Samples.py_dataset, {"draw": "pick"}),
]


@pytest.mark.parametrize(("thing", "names"), RENAMED, ids=lambda x: getattr(x, "__qualname__", ""))
def test_functions_of_the_package_know_their_old_arguments(thing, names):
    assert thing.renamed == names
    assert set(names.values()) <= set(inspect.signature(thing).parameters)
    assert not set(names) & set(inspect.signature(thing).parameters)


@pytest.mark.parametrize("told", [False, True])
def test_a_builder_takes_its_old_argument(told):
    with pytest.warns(DeprecationWarning, match="^keras_landmarks.models.cnn.cnn: the argument"):
        model = models.cnn("five5", 16, (4,), 4, validation=told)
    assert ("error" in model.output) == told


def test_a_recipe_takes_and_answers_to_its_old_argument():
    stage = training.Stage(losses.L2(), 1, training.averaged_adamw(1e-3))
    words = dict(model=models.cnn6, stages=stage, size=(64, 64))
    with pytest.warns(DeprecationWarning, match="Recipe: the argument validation is now held_out"):
        recipe = training.Recipe(**words, validation=0.3)
    assert recipe.held_out == 0.3
    with pytest.warns(DeprecationWarning, match="Recipe.validation is now held_out"):
        assert recipe.validation == 0.3
    with pytest.warns(DeprecationWarning, match="argument validation"):
        assert dataclasses.replace(recipe, validation=0).held_out == 0


def test_an_evaluation_takes_and_answers_to_its_old_names():
    points = np.zeros((1, 5, 2))
    with pytest.warns(DeprecationWarning, match="Evaluation: the argument foretold is now"):
        result = evaluation.Evaluation(
            "a", "truth", ["face"], points, points, "five5", foretold=np.ones((1, 5))
        )
    for old in ("foretold", "foretold_errors", "unsure"):
        with pytest.warns(DeprecationWarning, match=f"Evaluation.{old} is now expected_error"):
            found = getattr(result, old)
        assert ((found() if callable(found) else found) == 1).all()


def test_balances_pick_by_their_old_name():
    balance = data.LossBalance(4)
    with pytest.warns(DeprecationWarning, match="LossBalance.draw is now pick"):
        faces = balance.draw(np.random.default_rng(0), 8)
    assert (faces == data.LossBalance(4).pick(np.random.default_rng(0), 8)).all()
    samples = data.Samples(data.made_up_faces(4, size=40), (16, 16), batch=4)
    with pytest.warns(DeprecationWarning, match="Samples.batch_at: the argument draw is now pick"):
        crops, _ = samples.batch_at(0, draw=lambda step: [1, 1])
    np.testing.assert_array_equal(crops, samples.plain([1, 1])[0])
    augmented = samples.replace(augmentation=data.Augmentation())
    balancing = training.LossBalancing(augmented, losses.L1())
    with pytest.warns(DeprecationWarning, match="LossBalancing.draw is now pick"):
        assert (balancing.draw(0) == balancing.pick(0)).all()
