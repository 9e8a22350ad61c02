"""Keras finds the package's classes, whichever is imported first.

The processes run on NumPy, since it starts sooner than TensorFlow.
"""

import os
import subprocess
import sys

import pytest

LOAD = """
model = keras.models.load_model(sys.argv[1])
assert type(model).__name__ == "Landmarker", type(model)
registered = keras.saving.get_custom_objects()
assert {"keras_landmarks>Wing", "keras_landmarks>NME"} <= set(registered)
"""


@pytest.fixture(scope="module")
def saved(tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "tiny.keras"
    tiny.save(path)
    return path


@pytest.mark.parametrize(
    "imports",
    [
        "import keras_landmarks, keras",
        "import keras, keras_landmarks",
        "import keras_landmarks.runtime; from keras import saving; import keras",
        "from keras_landmarks.losses import Wing; import keras",
    ],
)
def test_a_model_is_loaded_after_any_order_of_imports(imports, saved):
    code = f"import sys; {imports}\n{LOAD}"
    command, light = [sys.executable, "-c", code, saved], {**os.environ, "KERAS_BACKEND": "numpy"}
    run = subprocess.run(command, capture_output=True, text=True, env=light)
    assert run.returncode == 0, run.stderr
