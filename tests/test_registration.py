"""Keras finds the package's classes, whichever is imported first.

The processes run on NumPy, since it starts sooner than TensorFlow, and are forks of one that has
imported what Keras imports.
"""

import os
import subprocess
import sys

IMPORTS = [
    "import keras_landmarks, keras",
    "import keras, keras_landmarks",
    "import keras_landmarks.runtime; from keras import saving; import keras",
    "from keras_landmarks.losses import Wing; import keras",
]
LOAD = """
model = keras.models.load_model(sys.argv[1])
assert type(model).__name__ == "Landmarker", type(model)
registered = keras.saving.get_custom_objects()
assert {f"keras_landmarks>{name}" for name in ("Wing", "NME", "FaceLosses")} <= set(registered)
"""
PROGRAM = f"""
import os, sys
import jax, sklearn.base
assert not {{"keras", "keras_landmarks"}} & set(sys.modules)
for imports in {IMPORTS}:
    if not os.fork():
        exec(imports)
        exec({LOAD!r})
        break
    if os.wait()[1]:
        sys.exit("after " + imports)
"""


def test_a_model_is_loaded_after_any_order_of_imports(tiny, tmp_path):
    tiny.save(tmp_path / "tiny.keras")
    command = [sys.executable, "-c", PROGRAM, tmp_path / "tiny.keras"]
    light = {**os.environ, "KERAS_BACKEND": "numpy"}
    run = subprocess.run(command, capture_output=True, text=True, env=light)
    assert run.returncode == 0, run.stderr
