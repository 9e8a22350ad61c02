"""Residual networks and FFLD."""

import functools

import keras
import numpy as np
import pytest
from gradients import compiled
from keras import ops

from keras_landmarks import models
from keras_landmarks.models.resnet import levels

RNG = np.random.default_rng(0)
MEAN_SHAPE = RNG.uniform(-0.3, 0.3, (5, 2))
CROPS = RNG.integers(0, 256, (2, 64, 64, 3)).astype("float32")
small_ffld = functools.partial(models.ffld, "five5", width=0.0625, size=64, mean_shape=MEAN_SHAPE)


def array(tensor):
    return ops.convert_to_numpy(tensor)


def trained(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def basic_block(c, filters, hidden):
    """Its convolutions, and their gamma and beta."""
    count = 9 * c * hidden + 9 * hidden * filters + 2 * (hidden + filters)
    return count + (0 if c == filters else c * filters + 2 * filters)


def test_a_quarter_of_resnet18_has_the_parameters_counted_by_hand():
    count = 7 * 7 * 3 * 16 + 2 * 16
    for c, filters in ((16, 16), (16, 32), (32, 64), (64, 128)):
        count += basic_block(c, filters, filters) + basic_block(filters, filters, filters)
    count += 128 * 136 + 136
    assert trained(models.resnet(depth=18, width=0.25)) == count == 719_640
    assert trained(models.ffld(stages=0)) == count


def test_the_full_resnet50_has_the_papers_25_million_parameters():
    # 23.5 M of the original without its classes (He et al.), and the linear layer.
    model = models.resnet(depth=50)
    assert trained(model) - (2048 * 136 + 136) == 23_508_032


def test_heatmaps_take_the_place_of_averaged_features():
    model = models.resnet(depth=50, heatmaps=True)
    sides = (2048 + 1024 + 512) * 128 + 3 * 2 * 128
    assert trained(model) == 23_508_032 + sides + 9 * 128 * 68 + 68
    assert model.get_layer("heatmaps").output.shape == (None, 28, 28, 68)


def test_ffld_has_the_parameters_of_its_parts():
    net = 2 * 272 + basic_block(272, 128, 64) + 128 * 136 + 136  # table 7
    choose = 68 * 4 * (32 + 16 + 16)
    found = trained(models.ffld(stages=3))
    assert found == 719_640 + choose + 3 * net
    assert found == pytest.approx(1.46e6, rel=0.1)  # the paper's


def test_levels_have_the_strides_and_channels_of_the_original():
    sizes = [(112, 64), (56, 64), (28, 128), (14, 256), (7, 512)]
    pixels = keras.Input((224, 224, 3))
    assert [tuple(m.shape[2:]) for m in levels(pixels, 18)] == sizes
    sizes = [(112, 64), (56, 256), (28, 512), (14, 1024), (7, 2048)]
    assert [tuple(m.shape[2:]) for m in levels(pixels, 50)] == sizes


@pytest.mark.parametrize("depth", [18, 50])
def test_no_1x1_convolution_has_a_stride_whose_gradient_would_spoil_memory(depth):
    for layer in models.resnet(depth=depth, width=0.0625, size=64).layers:
        if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (1, 1):
            assert layer.strides == (1, 1)


def test_features_move_landmarks_away_from_the_mean_shape_alone():
    expected = (MEAN_SHAPE + 0.5) * 64 - 0.5
    for stages in range(4):
        model = small_ffld(stages=stages)
        dense = model.get_layer("stage0_dense")
        assert np.abs(array(dense.kernel)).max() < 0.01  # little, at first
        dense.set_weights([np.zeros(w.shape) for w in dense.get_weights()])
        found = array(model(CROPS)["landmarks"])
        np.testing.assert_allclose(found, [expected] * 2, atol=1e-3)


def test_stages_move_nothing_at_first():
    model = small_ffld()
    outputs = [model.get_layer(f"stage{i}_landmarks").output for i in range(4)]
    found = keras.Model(model.input, outputs)(CROPS)
    for later in found[1:]:
        np.testing.assert_array_equal(array(later), array(found[0]))


def test_a_stage_adds_the_moves_of_its_crop_net_in_pixels_of_its_map():
    model = small_ffld()
    for i in (1, 2, 3):
        dense = model.get_layer(f"stage{i}_dense")
        dense.set_weights([RNG.normal(size=w.shape) * 0.1 for w in dense.get_weights()])
    names = [f"stage{i}_{what}" for i in (1, 2, 3) for what in ("moves", "landmarks")]
    tensors = [model.get_layer(name).output for name in ("stage0_landmarks", *names)]
    before, *found = map(array, compiled(keras.Model(model.input, tensors))(CROPS))
    for stride, moves, after in zip((8, 4, 2), found[::2], found[1::2]):
        assert np.abs(moves).max() > 0.01
        np.testing.assert_allclose(after, before + stride * moves, atol=1e-4)
        before = after


@pytest.mark.parametrize("patch", [3, 4, 8])
def test_a_stage_sees_its_patches_and_no_pixel_more(patch):
    model = small_ffld(stages=1, patch=patch)
    assert trained(model) == trained(small_ffld(stages=1))  # of 8 x 8: the filters are the same
    dense = model.get_layer("stage1_dense")
    dense.set_weights([RNG.normal(size=w.shape) for w in dense.get_weights()])
    maps, landmarks = (model.get_layer("stage1_crop").input[i] for i in (0, 1))
    moves = keras.Model([maps, landmarks], model.get_layer("stage1_moves").output)
    noise = RNG.normal(size=(1, *maps.shape[1:])).astype("float32")
    middle = np.full((1, 5, 2), 8 * 3.5, "float32")  # between the pixels 3 and 4 of the map
    before, reach = array(moves([noise, middle])), []
    for x in range(8):
        changed = noise.copy()
        changed[0, 3, x] += 100
        reach.append(np.abs(array(moves([changed, middle])) - before).max() > 1e-4)
    assert sum(reach) == patch + patch % 2  # odd patches lie half a pixel off: the rim is shared


def slopes(model, name, of):
    """The gradient of what layer `of` puts out towards the weights of the layer `name`."""
    pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients between layers are taken under TensorFlow")
    import tensorflow as tf

    graph = keras.Model(model.input, [model.get_layer(name).output, model.get_layer(of).output])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(graph(CROPS)[1])
    return tape.gradient(total, model.get_layer(name).trainable_variables)


@pytest.mark.parametrize("learn_maps", [True, False])
@pytest.mark.parametrize("learn_places", [True, False])
@pytest.mark.parametrize("of", ["stage1_moves", "stage1_landmarks"])
def test_gradients_to_maps_and_places_can_be_stopped(learn_maps, learn_places, of):
    model = small_ffld(stages=1, learn_maps=learn_maps, learn_places=learn_places)
    dense = model.get_layer("stage1_dense")
    dense.set_weights([np.ones(w.shape) for w in dense.get_weights()])
    # Level 3 is the map of stage 1; the linear layer of stage 0 says the places alone.
    (to_map,) = slopes(model, "level3_block1_in", of)
    to_places = slopes(model, "stage0_dense", of)[1]
    assert (to_places is not None) == learn_places
    assert (to_map is not None) == (learn_maps or learn_places)
    if learn_places:
        assert np.abs(array(to_places)).max() > 0


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float32"])
def test_landmarks_are_float32_under_any_policy(policy):
    keras.config.set_dtype_policy(policy)
    try:
        landmarks = compiled(small_ffld())(CROPS)["landmarks"]
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(landmarks.dtype) == "float32"
    assert np.isfinite(array(landmarks)).all()


def test_a_model_built_again_has_the_same_paths_and_comes_back_from_its_file(tmp_path):
    model = small_ffld()
    paths = [variable.path for variable in model.variables if "seed" not in variable.path]
    assert len(set(paths)) == len(paths)
    again = small_ffld()
    assert [v.path for v in again.variables if "seed" not in v.path] == paths
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found, expected = (array(m(CROPS)["landmarks"]) for m in (loaded, model))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 34}, r"depth must be one of \[18, 50\]"),
        ({"size": 100}, "size must be a multiple of 32"),
        ({"size": 32}, "at least 64"),
        ({"patch": 10}, "size must be at least 80 for patches of 10, not 64"),
        ({"patch": 2}, "patch must be"),
        ({"stages": 4}, "stages must be 0, 1, 2 or 3"),
        ({"stages": 1.0}, "stages must be a whole number"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.ffld(**{"size": 64} | arguments)
