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
(face,) = keras_landmarks.load("tiny-ibug68").detect(sys.argv[3])
assert face.landmarks.shape == (68, 2)
try:
    keras_landmarks.load("unet-large-300w")
except FileNotFoundError as error:
    assert "pip install ./large" in str(error)
else:
    raise AssertionError("the weights lie elsewhere, too")
sys.path.append(sys.argv[2])
assert keras_landmarks.load("unet-large-300w").scheme.count == 68
"""


@pytest.mark.timeout(600)
def test_wheels_of_this_tree_installed_elsewhere_load_and_detect(tmp_path):
    source, target, beside = (tmp_path / name for name in ("source", "target", "beside"))
    ignored = shutil.ignore_patterns("__pycache__", ".*", "build", "*.egg-info")
    for folder in ("keras_landmarks", "large"):
        shutil.copytree(ROOT / folder, source / folder, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, source)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "-w", tmp_path, source, source / "large"]
    subprocess.run(build, check=True)
    large, wheel = sorted(tmp_path.glob("*.whl"), key=lambda path: "large" not in path.name)
    assert wheel.stat().st_size <= 80 * 2**20
    assert large.stat().st_size <= 100e6  # of a file, an index takes no more
    held, extra = zipfile.ZipFile(wheel), zipfile.ZipFile(large)
    metadata = next(name for name in held.namelist() if name.endswith(".dist-info/METADATA"))
    facts = held.read(metadata).decode()
    assert "License-Expression: Apache-2.0 AND LicenseRef-Weights-Research-Only\n" in facts
    assert any(name.endswith("licenses/LICENSE-WEIGHTS") for name in held.namelist())
    package = (path.relative_to(ROOT) for path in (ROOT / "keras_landmarks").rglob("*.py"))
    assert {"keras_landmarks/py.typed", *map(str, package)} <= set(held.namelist())
    page = [path for path in (ROOT / "keras_landmarks" / "page").rglob("*") if path.is_file()]
    assert {str(path.relative_to(ROOT)) for path in page} <= set(held.namelist())
    for name, facts in list_models().items():
        if facts["sha256"]:
            path = f"keras_landmarks/weights/{name}.safetensors"
            assert facts["large"] != (path in held.namelist())
            path = f"keras_landmarks_large/{name}.safetensors" if facts["large"] else path
            content = (extra if facts["large"] else held).read(path)
            assert hashlib.sha256(content).hexdigest() == facts["sha256"]
    for folder, file in ((target, wheel), (beside, large)):
        install = [
            *pip,
            "install",
            "--no-deps",
            "--no-index",
            "--no-compile",
            "--target",
            folder,
            file,
        ]
        subprocess.run(install, check=True)
    command = [sys.executable, "-c", USE, str(target), str(beside), str(PORTRAIT)]
    environment = {"PYTHONPATH": str(target), "PATH": "/usr/bin:/bin"}
    environment |= {"KERAS_BACKEND": "numpy"}  # starts sooner than TensorFlow
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)
