import sys

import numpy as np
import pytest

from keras_landmarks.faces import Mtcnn


def test_mtcnn_finds_nothing_on_an_empty_picture_and_on_a_very_small_one():
    find = Mtcnn()
    for size in ((200, 300, 3), (5, 5, 3)):
        found, scores = find(np.full(size, 127, np.uint8))
        assert found.shape == (0, 4)
        assert scores.shape == (0,)


def test_a_missing_package_is_an_error_that_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mtcnn", None)
    with pytest.raises(ImportError, match=r'pip install "keras_landmarks\[mtcnn\]"'):
        Mtcnn()(np.zeros((100, 100, 3), np.uint8))
