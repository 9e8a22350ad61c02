import numpy as np
import pytest

from keras_landmarks import faces, load, recipes, schemes
from keras_landmarks.data import get_protocol
from keras_landmarks.errors import normaliser
from keras_landmarks.evaluation import evaluate
from keras_landmarks.export.formats import FORMATS
from keras_landmarks.layers import HeatmapDecoding, HeatmapGeneration
from keras_landmarks.names import known_name

NEAR = {
    "format": (lambda: known_name("format", "tflite8", FORMATS), "tflite-int8"),
    "model": (lambda: load("Unet_300W"), "unet-300w"),
    "recipe": (lambda: recipes.get_recipe("dan300w"), "dan-300w"),
    "scheme": (lambda: schemes.get_scheme("ibug-68"), "ibug68"),
    "split": (lambda: get_protocol("300w/lfpw_test"), "300w/lfpw-test"),
    "box convention": (lambda: faces.convert_boxes([0, 0, 9, 9], "Truth", "truth"), "truth"),
    "box": (lambda: evaluate(None, [], box="detectors"), "detector"),
    "normaliser": (lambda: normaliser(np.zeros((1, 68, 2)), kind="corner"), "corners"),
    "kind of maps": (lambda: HeatmapGeneration((8, 8), "gauss"), "gaussian"),
    "kind of decoding": (lambda: HeatmapDecoding("soft-argmax"), "argmax"),
}


@pytest.mark.parametrize("kind", NEAR)
def test_an_unknown_name_is_told_what_it_may_have_been(kind):
    call, near = NEAR[kind]
    with pytest.raises(ValueError, match=f"Unknown .*Known: .*Did you mean .*{near}"):
        call()
    assert known_name("word", near, [near]) == near


def test_a_name_like_no_other_is_told_all():
    with pytest.raises(ValueError, match=r"Unknown scheme 7\. Known: ibug68, .*\w\.$"):
        schemes.get_scheme(7)
