"""Keras finds the package's classes, whichever is imported first."""

import pathlib
import subprocess
import sys

import pytest

import keras_landmarks

PORTRAIT = pathlib.Path(__file__).parent.parent / "tutorials" / "astronaut.jpg"

LOAD = """
model = keras.models.load_model(sys.argv[1])
assert type(model).__name__ == "Landmarker", type(model)
(face,) = model.detect(sys.argv[2], boxes=[170, 63, 276, 189])
assert face.landmarks.shape == (68, 2)
registered = keras.saving.get_custom_objects()
assert {"keras_landmarks>Wing", "keras_landmarks>NME"} <= set(registered)
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "tiny.keras"
    keras_landmarks.load("tiny-ibug68").save(path)
    return path


@pytest.mark.parametrize(
    "imports",
    [
        "import keras_landmarks, keras",
        "import keras, keras_landmarks",
        "import keras_landmarks.runtime; from keras import saving; import keras",
        "from keras_landmarks import metrics; import keras",
        "from keras_landmarks.losses import Wing; import keras",
        "from keras_landmarks.data import Samples; import keras",
    ],
)
def test_a_model_is_loaded_after_any_order_of_imports(imports, saved):
    code = f"import sys; {imports}\n{LOAD}"
    command = [sys.executable, "-c", code, str(saved), str(PORTRAIT)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
