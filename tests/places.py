"""Where things lie."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PORTRAIT = ROOT / "tutorials" / "astronaut.jpg"
DATA = os.environ.get("KERAS_LANDMARKS_DATA")
DATA = DATA and pathlib.Path(DATA)
"""The folder of real faces, or None."""

needs_data = pytest.mark.skipif(not DATA, reason="needs the data")
