import functools
import re

import keras
import numpy as np
import pytest
from gradients import compiled
from keras import ops
from small_dan import build as small_dan
from umeyama import umeyama

from keras_landmarks import models
from keras_landmarks.models import blocks
from keras_landmarks.schemes import SCHEMES

RNG = np.random.default_rng(0)
SIZES = {"cnn6": 64, "cnn7": 128, "cnn6_7": 160, "dan": 32}
BUILDERS = {"cnn6": models.cnn6, "cnn7": models.cnn7, "cnn6_7": models.cnn6_7, "dan": small_dan}
every_builder = pytest.mark.parametrize("name", BUILDERS)
MEAN_SHAPE = RNG.uniform(-0.3, 0.3, (5, 2))


def crops(name, batch=2, dtype="float32"):
    return RNG.integers(0, 256, (batch, SIZES[name], SIZES[name], 3)).astype(dtype)


def nearly_grey(name):
    """Crops of little contrast: what an untrained network adds to its mean shape grows with it."""
    return RNG.integers(124, 132, (2, SIZES[name], SIZES[name], 3)).astype("float32")


@functools.cache
def built(name):
    """A model that no test changes."""
    return BUILDERS[name]("five5", mean_shape=MEAN_SHAPE)


def small_cnn(**arguments):
    """A network with the layers of `cnn6`, but few weights."""
    return models.cnn("five5", 32, (4, 8), 16, **arguments)


# Size and shape


@pytest.mark.parametrize(("name", "millions"), [("cnn6", 3.8), ("cnn6_7", 12.3)])
def test_a_model_has_about_the_papers_number_of_parameters(name, millions):
    assert BUILDERS[name]("ibug68").count_params() == pytest.approx(millions * 1e6, rel=0.05)


@pytest.mark.parametrize(("name", "prefix"), [("cnn6", ""), ("cnn6_7", "stage1_")])
def test_cnn6_has_the_maps_of_the_papers_figure_2(name, prefix):
    model = BUILDERS[name]("five5")
    sizes = [(32, 32, 32), (16, 16, 64), (8, 8, 128), (4, 4, 256), (2, 2, 512)]
    for i, size in enumerate(sizes, start=1):
        assert model.get_layer(f"{prefix}pool{i}").output.shape[1:] == size
    assert model.get_layer(f"{prefix}features").units == 1024


@pytest.mark.parametrize("name", ["cnn7", "cnn6_7"])
def test_cnn7_has_the_first_and_the_last_map_of_the_papers_section_6(name):
    model = BUILDERS[name]("five5")
    assert model.get_layer("conv1").input.shape[1:] == (128, 128, 3)
    assert model.get_layer("conv1").filters == 64
    assert model.get_layer("pool6").output.shape[1:] == (2, 2, 512)


@pytest.mark.parametrize("scheme", ["five5", "wflw98"])
@every_builder
def test_every_builder_takes_few_and_many_points(name, scheme):
    outputs = BUILDERS[name](scheme).output
    assert list(outputs) == ["landmarks"]
    assert tuple(outputs["landmarks"].shape) == (None, SCHEMES[scheme].count, 2)


SMALL = {
    "cnn": {"size": 32, "filters": (4, 8), "hidden": 16},
    "dan": {"size": 32, "filters": (4, 8), "hidden": 16},
    "ffld": {"width": 8},
    "hourglass": {"width": 8},
    "resnet": {"width": 8},
    "validation": {},
}


@pytest.mark.parametrize("name", [*SMALL, "cnn6", "cnn7", "cnn6_7"])
def test_a_mean_shape_of_another_count_or_in_pixels_is_an_error(name):
    def build(shape):
        return getattr(models, name)("five5", mean_shape=shape, **SMALL.get(name, {}))

    for shape in (np.zeros((29, 2)), np.zeros((5, 3)), np.zeros(10)):
        message = f"Expected a mean shape (5, 2) for five5, got {shape.shape}."
        with pytest.raises(ValueError, match=re.escape(message)):
            build(shape)
    for shape in (MEAN_SHAPE * 64 + 32, np.full((5, 2), np.nan)):
        with pytest.raises(ValueError, match="in fractions of the crop, .* found "):
            build(shape)


def test_a_builder_takes_a_scheme_itself():
    for name, scheme in SCHEMES.items():
        for given in (name, scheme):
            outputs = models.cnn(given, 32, (4, 8), 16).output
            assert tuple(outputs["landmarks"].shape) == (None, scheme.count, 2)


@every_builder
def test_channels_first_are_refused(name):
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="Models here have channels last"):
            BUILDERS[name]()
    finally:
        keras.config.set_image_data_format("channels_last")


@every_builder
def test_an_unknown_scheme_is_refused(name):
    with pytest.raises(ValueError, match="Unknown scheme 'ibug'"):
        BUILDERS[name]("ibug")


@pytest.mark.parametrize("size", [0, -32, 33, 48, 63])
def test_a_size_that_cannot_be_halved_for_every_pooling_is_refused(size):
    with pytest.raises(ValueError, match=f"multiple of 32, not {size}"):
        models.cnn(size=size)


def test_a_mean_shape_of_another_scheme_is_refused():
    for build in (models.cnn6, models.cnn6_7, small_dan):
        with pytest.raises(ValueError, match=r"[Ee]xpected"):
            build("ibug68", mean_shape=MEAN_SHAPE)


# What comes out


@pytest.mark.parametrize(
    ("name", "policy"),
    [(name, "float32") for name in BUILDERS]
    + [(name, "mixed_bfloat16") for name in ("cnn6_7", "dan")],  # it has the layers of both
)
def test_landmarks_are_float32_pixels_under_any_policy(name, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = BUILDERS[name]("five5")
    finally:
        keras.config.set_dtype_policy("float32")
    outputs = compiled(model)(crops(name))
    assert list(outputs) == ["landmarks"]
    assert tuple(outputs["landmarks"].shape) == (2, 5, 2)
    assert keras.backend.standardize_dtype(outputs["landmarks"].dtype) == "float32"
    assert np.isfinite(ops.convert_to_numpy(outputs["landmarks"])).all()
    if policy != "float32":
        first = "stage1_conv1a" if name == "dan" else "conv1"
        assert model.get_layer(first).compute_dtype == "bfloat16"


@every_builder
def test_pixels_of_uint8_are_accepted(name):
    model, pixels = built(name), crops(name, dtype="uint8")
    expected = ops.convert_to_numpy(model(pixels.astype("float32"))["landmarks"])
    for found in (model(pixels), model.predict_on_batch(pixels)):
        found = ops.convert_to_numpy(found["landmarks"])
        np.testing.assert_allclose(found, expected, atol=0.05)


def test_pixels_of_0_to_255_become_minus_1_to_1():
    values = np.float32([[[[0, 127.5, 255]]]])
    found = ops.convert_to_numpy(blocks.rescale(values))
    np.testing.assert_allclose(found, [[[[-1, 0, 1]]]], atol=1e-6)


@every_builder
def test_an_untrained_model_says_the_mean_shape(name):
    found = ops.convert_to_numpy(built(name)(nearly_grey(name))["landmarks"])
    for face in found:
        expected = [
            ((x + 0.5) * SIZES[name] - 0.5, (y + 0.5) * SIZES[name] - 0.5) for x, y in MEAN_SHAPE
        ]
        np.testing.assert_allclose(face, expected, atol=0.02 * SIZES[name])


@pytest.mark.parametrize("name", ["cnn6", "cnn7"])
def test_without_a_mean_shape_landmarks_start_at_the_centre(name):
    found = ops.convert_to_numpy(BUILDERS[name]("five5")(nearly_grey(name))["landmarks"])
    np.testing.assert_allclose(found, (SIZES[name] - 1) / 2, atol=0.02 * SIZES[name])


# Variables


@every_builder
def test_a_model_built_again_has_the_same_variable_paths(name):
    first, second = built(name), BUILDERS[name]("five5", mean_shape=MEAN_SHAPE)
    paths = [variable.path for variable in first.weights]
    assert paths == [variable.path for variable in second.weights]
    assert len(set(paths)) == len(paths)


def test_stage_one_of_cnn6_7_has_the_layers_of_cnn6():
    first, cascade = models.cnn6("five5"), models.cnn6_7("five5")
    shapes = {v.path: tuple(v.shape) for v in cascade.weights}
    for variable in first.weights:
        assert shapes[f"stage1_{variable.path}"] == tuple(variable.shape)


@every_builder
def test_a_mean_shape_is_never_trained(name):
    model = built(name)
    assert not [v.path for v in model.trainable_weights if v.path.endswith("shape")]
    assert [v.path for v in model.non_trainable_weights if v.path.endswith("shape")]


# Two stages

FACE = np.float32([[-0.15, -0.12], [0.15, -0.12], [0, 0.02], [-0.1, 0.15], [0.1, 0.15]])


def test_the_first_stage_alone_decides_how_the_second_sees_the_picture():
    model = models.cnn6_7("five5", mean_shape=FACE)
    pixels = crops("cnn6_7", batch=1)
    names = ("stage1_landmarks", "estimate", "straighten", "head_mean_shape")
    probe = keras.Model(model.input, [*(model.get_layer(n).output for n in names), model.output])
    rough, transform, upright, local, outputs = probe(pixels)
    rough, transform, upright, local = map(ops.convert_to_numpy, (rough, transform, upright, local))
    # The transform takes stage one's landmarks to the mean shape, in the middle 128 of 160 pixels.
    expected = umeyama(rough[0], (FACE * 160 / 128 + 0.5) * 128 - 0.5)
    np.testing.assert_allclose(transform[0], expected, rtol=1e-3, atol=1e-2)
    # And the outputs are the second stage's landmarks taken back to the crop.
    found = ops.convert_to_numpy(outputs["landmarks"])[0]
    linear, shift = transform[0, :, :2], transform[0, :, 2]
    np.testing.assert_allclose(found @ linear.T + shift, local[0], atol=0.01)
    assert upright.shape == (1, 128, 128, 3)


@pytest.mark.parametrize(("degrees", "whole"), [(0, True), (17, True), (-17, True), (18, False)])
def test_stage_two_sees_a_face_whole_that_is_turned_by_up_to_17_degrees(degrees, whole):
    straighten = models.cnn6_7("five5", mean_shape=FACE).get_layer("straighten")
    turn = np.deg2rad(degrees)
    linear = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    middle, seen = np.full(2, (160 - 1) / 2), np.full(2, (128 - 1) / 2)
    transform = np.column_stack([linear, seen - linear @ middle])[None].astype("float32")
    found = ops.convert_to_numpy(straighten(np.ones((1, 160, 160, 3), "float32"), transform))
    assert (found.min() > 0.99) == whole  # what lies outside is zero


def test_cnn6_7_without_a_mean_shape_runs():
    found = ops.convert_to_numpy(models.cnn6_7("five5")(crops("cnn6_7"))["landmarks"])
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("name", "layer"), [("cnn6_7", "jitter"), ("dan", "stage2_jitter")])
def test_between_two_stages_is_jitter_in_training_only(name, layer):
    model, pixels = BUILDERS[name]("five5"), crops(name, batch=1)
    probe = keras.Model(model.input, model.get_layer(layer).output)
    still = [ops.convert_to_numpy(probe(pixels, training=False)) for _ in range(2)]
    np.testing.assert_array_equal(*still)
    moved = [ops.convert_to_numpy(probe(pixels, training=True)) for _ in range(2)]
    assert abs(moved[0] - moved[1]).max() > 1e-3


# Training and saving


@pytest.mark.backend
def test_a_model_trains_a_step():
    model = small_cnn(mean_shape=MEAN_SHAPE)
    before = [np.array(w) for w in model.get_weights()]
    model.compile(keras.optimizers.SGD(1e-3), loss={"landmarks": "mse"}, jit_compile=True)
    landmarks = RNG.uniform(0, 32, (2, 5, 2)).astype("float32")
    history = model.fit(crops("dan"), {"landmarks": landmarks}, batch_size=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    after = model.get_weights()
    assert all(np.isfinite(w).all() for w in after)
    assert any((a != b).any() for a, b in zip(before, after))


@pytest.mark.backend
def test_a_model_comes_back_from_its_file(tmp_path):
    pixels = RNG.uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    model = small_cnn(mean_shape=MEAN_SHAPE, name="small")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.name == "small"
    expected, found = (
        ops.convert_to_numpy(compiled(m)(pixels)["landmarks"]) for m in (model, loaded)
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_two_stages_come_back_from_their_file(tmp_path):
    model, pixels = models.cnn6_7("five5", mean_shape=FACE), crops("cnn6_7", batch=1)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = ops.convert_to_numpy(model(pixels)["landmarks"])
    np.testing.assert_allclose(
        ops.convert_to_numpy(loaded(pixels)["landmarks"]), expected, atol=1e-2
    )


def test_a_ring_stands_in_for_a_mean_shape():
    ring = blocks.ring(8)
    assert ring.shape == (8, 2)
    np.testing.assert_allclose(np.hypot(*ring.T), 0.3)
    np.testing.assert_allclose(ring.mean(axis=0), 0, atol=1e-9)


def test_a_network_without_channels_is_refused():
    with pytest.raises(ValueError, match="width must be"):
        models.resnet(width=0.005, size=32)
