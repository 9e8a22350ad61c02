import sys
import types

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


@pytest.mark.parametrize(("threshold", "least"), [(0.3, 0.3), (0.9, 0.8)])
def test_a_threshold_is_that_of_the_network_too_where_it_is_lower(threshold, least):
    asked = {}

    def detect_faces(image, **given):
        asked.update(given)
        return np.float32(
            [[0, 1, 2, 30, 40, threshold - 0.01], [0, 1, 2, 30, 40, threshold + 0.01]]
        )

    find = Mtcnn(threshold=threshold)
    find._network = types.SimpleNamespace(detect_faces=detect_faces)
    _, scores = find(np.zeros((100, 100, 3), np.uint8))
    assert scores == pytest.approx([threshold + 0.01])
    assert asked["threshold_onet"] == least
