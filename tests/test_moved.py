"""Modules of version 0.1 answer under their old names, with a warning."""

import importlib
import pathlib
import subprocess
import sys

import pytest

import keras_landmarks
from keras_landmarks.moved import MOVED

OLD_NAMES = {
    "detection": """CONVENTIONS Convention Mtcnn calibrate check_boxes convention_of convert_boxes
        detect_boxes find_face get_convention overlap""",
    "drawing": "BOX LINE POINT UNSURE draw",
    "finder": "Detection cut_crops find_faces predict_in_parts",
    "images": "as_rgb read_image reduce warp write_bytes write_image",
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
    root = str(pathlib.Path(keras_landmarks.__file__).parents[1])
    command = [sys.executable, "-c", f"import runpy, sys; sys.path.insert(0, {root!r}); "]
    command[-1] += f"runpy.run_path({str(script)!r}, run_name='__main__')"
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    assert f"{script}:2: DeprecationWarning: keras_landmarks.{old} is now" in said


def test_a_name_that_never_was_is_still_an_error():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("keras_landmarks.nothing")
    assert not hasattr(keras_landmarks, "nothing")
