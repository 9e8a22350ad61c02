"""Several networks as one: the mean of what they find, each in its own crop."""

import dataclasses

import keras
import numpy as np
import pytest
from loaded import load as loaded

from keras_landmarks import Landmarker, load, models, weights, zoo
from keras_landmarks.models.ensemble import _ask
from keras_landmarks.schemes import get_scheme

FIVE = get_scheme("five5")
CROPS = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")


def network(seed=0, size=32, scheme="five5"):
    keras.utils.set_random_seed(seed)
    model = models.unet(scheme, size=size, widths=(4, 4, 4), depth=1, side=4, places=4)
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:  # its expected errors begin all alike
        weight.assign(weight + rng.normal(0, 0.05, weight.shape))
    return model


def test_landmarks_and_errors_are_means():
    one, two = network(0), network(1)
    found = models.ensemble([one, two], FIVE)(CROPS)
    for key in ("landmarks", "error"):
        mean = (np.asarray(one(CROPS)[key]) + np.asarray(two(CROPS)[key])) / 2
        np.testing.assert_allclose(found[key], mean, atol=1e-4)
        assert abs(np.asarray(found[key]) - np.asarray(one(CROPS)[key])).max() > 0.01


@pytest.mark.parametrize("size", [(32, 32), (17, 40), (64, 33)])
def test_crops_are_resized_as_an_antialiased_resize_does(size):
    """By operations that TFLite and ONNX have; `ops.image.resize(antialias=True)` is none."""
    crops = keras.Input((64, 48, 3))
    member = keras.Input((*size, 3))
    count = size[0] * size[1]
    outputs = {"landmarks": keras.layers.Reshape((count, 2))(member[..., :2])}
    outputs["score"] = keras.layers.Reshape((count, 3))(member)
    seen = _ask(keras.Model(member, outputs), crops, (64, 48), None)
    picture = np.random.default_rng(0).uniform(0, 255, (2, 64, 48, 3)).astype("float32")
    found = keras.Model(crops, seen["score"])(picture)
    expected = keras.ops.image.resize(picture, size, antialias=True)
    np.testing.assert_allclose(np.reshape(found, (2, *size, 3)), np.asarray(expected), atol=2e-3)


def test_models_of_two_crops_are_exported_together(tmp_path):
    both = models.ensemble([network(0), network(1, 48)], FIVE)
    model = Landmarker(both.input, both.output, FIVE, name="both")
    assert model.export(tmp_path / "both.tflite", "tflite")["largest_difference_px"] < 0.05


def test_the_mirror_image_of_a_crop_has_the_mirror_image_of_its_landmarks():
    both = models.ensemble([network()], FIVE, mirrored=True)
    plain, turned = both(CROPS), both(CROPS[:, :, ::-1])
    swapped = np.asarray(turned["landmarks"])[:, list(FIVE.mirror)] * (-1, 1) + (31, 0)
    np.testing.assert_allclose(plain["landmarks"], swapped, atol=1e-3)
    np.testing.assert_allclose(
        plain["error"], np.asarray(turned["error"])[:, list(FIVE.mirror)], atol=1e-3
    )


def test_a_smaller_network_answers_in_pixels_of_the_largest():
    small, large = network(0, 32), network(0, 64)
    large.set_weights(small.get_weights())
    grey = np.full((1, 64, 64, 3), 128, "float32")
    found = models.ensemble([small, large], FIVE)(grey)
    alone, own = large(grey), small(grey[:, :32, :32])
    centre = (np.asarray(own["landmarks"]) + 0.5) * 2 - 0.5
    np.testing.assert_allclose(
        found["landmarks"], (centre + np.asarray(alone["landmarks"])) / 2, atol=1e-3
    )
    errors = (2 * np.asarray(own["error"]) + np.asarray(alone["error"])) / 2
    np.testing.assert_allclose(found["error"], errors, atol=1e-3)


def test_a_list_is_loaded_as_one_model_and_saved_whole(tmp_path):
    tiny = loaded("tiny-ibug68")
    both = load(["tiny-ibug68", "tiny-ibug68"], mirrored=True)
    assert isinstance(both, Landmarker)
    crops = np.random.default_rng(1).uniform(0, 255, (2, *tiny.size, 3)).astype("float32")
    assert both.name == "tiny-ibug68-and-tiny-ibug68-mirrored"
    (face,) = both.detect(crops[0].astype("uint8"), [4, 4, 28, 28])  # its name is one in graphs
    assert face.landmarks.shape == (68, 2)
    assert (both.scheme, both.box, both.licence) == (tiny.scheme, tiny.box, tiny.licence)
    both.save(tmp_path / "both.keras")
    again = keras.models.load_model(tmp_path / "both.keras")
    np.testing.assert_allclose(again(crops)["landmarks"], both(crops)["landmarks"], atol=1e-4)
    assert load(["tiny-ibug68"]).name == "tiny-ibug68"


def test_weights_of_layers_of_one_name_in_two_networks_are_all_kept():
    twins = models.ensemble([network(0), network(1)], FIVE)
    arrays = weights.get_weights(twins)
    assert len(arrays) == len(twins.weights)
    others = models.ensemble([network(2), network(3)], FIVE)
    weights.set_weights(others, arrays)
    np.testing.assert_array_equal(others(CROPS)["landmarks"], twins(CROPS)["landmarks"])


def test_one_beginning_of_names_keeps_its_weights_and_no_other():
    model = network()
    arrays = {path: array + 1 for path, array in weights.get_weights(model).items()}
    start = next(iter(arrays)).split("/")[0]
    weights.set_weights(model, arrays, except_for=start)
    for path, array in weights.get_weights(model).items():
        assert (array == arrays[path]).all() != path.startswith(start), path


def test_models_that_do_not_go_together_are_named():
    with pytest.raises(ValueError, match=r"a folder or a list of these, not \[\]"):
        load([])
    with pytest.raises(ValueError, match=r"tiny-ibug68 finds .*, cnn6-7-300w finds .* times 1.56"):
        load(["tiny-ibug68", "cnn6-7-300w"])
    named = (dataclasses.replace(FIVE, names=names) for names in ("abcde", "bacde"))
    with pytest.raises(ValueError, match="Models loaded together find the same"):
        zoo._together([load("tiny-ibug68", scheme) for scheme in named], False)
    with pytest.raises(ValueError, match="needs at least one network"):
        models.ensemble([], FIVE)
    for wrong in ("tiny-ibug68", ["tiny-ibug68"], [keras.Sequential([keras.Input((2,))])]):
        with pytest.raises(ValueError, match="A network is a model with an output landmarks, not"):
            models.ensemble(wrong, FIVE)
    with pytest.raises(ValueError, match="finds 68 landmarks, and five5 has 5"):
        models.ensemble([network(scheme="ibug68")], FIVE)


def test_networks_may_come_one_by_one_but_each_once():
    one, other = network(0), network(1)
    whole = models.ensemble((member for member in (one, other)), FIVE)
    assert whole.output["landmarks"].shape[1:] == (5, 2)
    with pytest.raises(ValueError, match="is there twice"):
        models.ensemble([one, one], FIVE)


def test_a_score_of_the_face_has_no_mirror_image():
    crops = keras.Input((8, 8, 3))
    mean = keras.layers.GlobalAveragePooling2D()(crops)
    points = keras.layers.Reshape((5, 2))(keras.layers.Dense(10)(mean))
    member = keras.Model(crops, {"landmarks": points, "score": mean[:, :1]})
    both = models.ensemble([member], FIVE, mirrored=True)(CROPS[:, :8, :8])
    np.testing.assert_allclose(both["score"], member(CROPS[:, :8, :8])["score"], rtol=1e-5)
