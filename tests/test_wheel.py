import pathlib
import subprocess
import sys
import zipfile

import pytest
import skimage.data

from keras_landmarks.pictures.images import write_image

ROOT = pathlib.Path(__file__).parent.parent

USE = """
import keras_landmarks, sys
assert keras_landmarks.__file__.startswith(sys.argv[1]), keras_landmarks.__file__
for name, facts in keras_landmarks.list_models().items():
    if facts["sha256"]:
        (face,) = keras_landmarks.load(name).detect("portrait.png")
        assert face.landmarks.shape == (68, 2)
"""


@pytest.mark.timeout(600)
def test_a_wheel_installed_elsewhere_loads_and_detects(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    subprocess.run(["git", "clone", "--quiet", ROOT, source], check=True)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
    facts = zipfile.ZipFile(wheel).read(metadata).decode()
    assert "License-Expression: Apache-2.0 AND LicenseRef-Weights-Research-Only\n" in facts
    assert any(name.endswith("licenses/LICENSE-WEIGHTS") for name in names)
    assert {"keras_landmarks/py.typed", "keras_landmarks/data/readers/pts.py"} <= set(names)
    subprocess.run([*pip, "install", "--no-deps", "--target", target, wheel], check=True)
    write_image(tmp_path / "portrait.png", skimage.data.astronaut())
    command = [sys.executable, "-c", USE, str(target)]
    environment = {"PYTHONPATH": str(target), "TF_CPP_MIN_LOG_LEVEL": "2", "PATH": "/usr/bin:/bin"}
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)
