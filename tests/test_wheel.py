import hashlib
import shutil
import subprocess
import sys
import zipfile

import pytest
from places import PORTRAIT, ROOT

from keras_landmarks import list_models

USE = """
import keras_landmarks, sys
assert keras_landmarks.__file__.startswith(sys.argv[1]), keras_landmarks.__file__
(face,) = keras_landmarks.load("tiny-ibug68").detect(sys.argv[2])
assert face.landmarks.shape == (68, 2)
"""


@pytest.mark.timeout(600)
def test_a_wheel_of_this_tree_installed_elsewhere_loads_and_detects(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(ROOT / "keras_landmarks", source / "keras_landmarks", ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, source)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = zipfile.ZipFile(wheel)
    metadata = next(name for name in held.namelist() if name.endswith(".dist-info/METADATA"))
    facts = held.read(metadata).decode()
    assert "License-Expression: Apache-2.0 AND LicenseRef-Weights-Research-Only\n" in facts
    assert any(name.endswith("licenses/LICENSE-WEIGHTS") for name in held.namelist())
    package = (path.relative_to(ROOT) for path in (ROOT / "keras_landmarks").rglob("*.py"))
    assert {"keras_landmarks/py.typed", *map(str, package)} <= set(held.namelist())
    for name, facts in list_models().items():
        if facts["sha256"]:
            content = held.read(f"keras_landmarks/weights/{name}.safetensors")
            assert hashlib.sha256(content).hexdigest() == facts["sha256"]
    subprocess.run([*pip, "install", "--no-deps", "--target", target, wheel], check=True)
    command = [sys.executable, "-c", USE, str(target), str(PORTRAIT)]
    environment = {"PYTHONPATH": str(target), "TF_CPP_MIN_LOG_LEVEL": "2", "PATH": "/usr/bin:/bin"}
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)
