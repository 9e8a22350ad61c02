import functools

import keras
import numpy as np
import pytest
from gradients import compiled
from keras import ops
from small_dan import SIZE, build, small_dan
from umeyama import umeyama

from keras_landmarks import layers, models
from keras_landmarks.data import made_up_face

RNG = np.random.default_rng(0)
CROPS = RNG.integers(0, 256, (2, SIZE, SIZE, 3)).astype("float32")
GREY = (CROPS / 127.5 - 1) @ np.float32([[0.299], [0.587], [0.114]])
FACE = np.float32([[-0.15, -0.12], [0.15, -0.12], [0, 0.02], [-0.1, 0.15], [0.1, 0.15]])
FACE_IN_PIXELS = (FACE + 0.5) * SIZE - 0.5


@functools.cache
def paper():
    return models.dan()


@functools.cache
def small():
    """A small network of three stages, and what each of its layers gives."""
    model = small_dan(scheme="five5", stages=3, mean_shape=FACE)
    probe = keras.Model(model.input, {layer.name: layer.output for layer in model.layers})
    return model, probe.predict_on_batch(CROPS)


def landmarks(model, crops=CROPS):
    return ops.convert_to_numpy(compiled(model)(crops)["landmarks"])


# Table 1

MAPS = {
    "conv1a": (112, 112, 64),
    "conv1b": (112, 112, 64),
    "pool1": (56, 56, 64),
    "conv2a": (56, 56, 128),
    "conv2b": (56, 56, 128),
    "pool2": (28, 28, 128),
    "conv3a": (28, 28, 256),
    "conv3b": (28, 28, 256),
    "pool3": (14, 14, 256),
    "conv4a": (14, 14, 512),
    "conv4b": (14, 14, 512),
    "pool4": (7, 7, 512),
    "fc1": (256,),
    "fc2": (136,),
}


@pytest.mark.parametrize(("stage", "channels"), [(1, 1), (2, 3)])
def test_the_maps_are_those_of_the_papers_table_1(stage, channels):
    found = {name: paper().get_layer(f"stage{stage}_{name}") for name in MAPS}
    assert {name: layer.output.shape[1:] for name, layer in found.items()} == MAPS
    assert found["conv1a"].input.shape[1:] == (112, 112, channels)


def test_the_parameters_are_those_of_the_papers_table_1():
    def stage(channels):
        count, depth = 0, channels
        for n in (64, 128, 256, 512):
            count += 3 * 3 * depth * n + 2 * n  # a convolution, and its batch normalisation
            count += 3 * 3 * n * n + 2 * n
            depth = n
        count += 7 * 7 * 512 * 256 + 2 * 256  # fc1
        return count + 256 * 136 + 136  # fc2

    def trained(stage):
        weights = [v for v in paper().trainable_weights if v.path.startswith(stage)]
        return sum(np.prod(variable.shape) for variable in weights)

    assert trained("stage1_") == stage(1)
    assert trained("stage2_") == stage(3) + 256 * 3136 + 3136  # and the feature image
    assert trained("stage") == trained("")


def feed_forward_by_hand(model, stage, x):
    """Section 3.1: ReLU and batch normalisation after every layer but the last."""

    def weights(name):
        return model.get_layer(f"stage{stage}_{name}").get_weights()

    def activated(x, name):
        gamma, beta, mean, variance = weights(f"{name}_norm")
        return np.maximum(gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta, 0)

    for block in (1, 2):
        for name in (f"conv{block}a", f"conv{block}b"):
            (kernel,), (height, width) = weights(name), x.shape[1:3]
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            x = sum(
                padded[:, i : i + height, j : j + width] @ kernel[i, j]
                for i in range(3)
                for j in range(3)
            )
            x = activated(x, name)
        x = np.maximum.reduce([x[:, i::2, j::2] for i in range(2) for j in range(2)])
    x = activated(x.reshape(len(x), -1) @ weights("fc1")[0], "fc1")
    kernel, bias = weights("fc2")
    return x @ kernel + bias


@pytest.mark.parametrize("stage", [1, 2])
def test_the_feed_forward_part_is_the_papers_section_3_1(stage):
    model, found = small()
    x = GREY if stage == 1 else found["stage2_seen"]
    expected = feed_forward_by_hand(model, stage, x)
    np.testing.assert_allclose(found[f"stage{stage}_fc2"], expected, atol=1e-4)
    assert np.abs(expected).max() > 0.02


# Stages


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_the_landmarks_are_those_of_the_last_stage(stages):
    model = build(stages=stages)
    assert model.output["landmarks"] is model.get_layer(f"stage{stages}_landmarks").output
    named = {layer.name.split("_")[0] for layer in model.layers if "stage" in layer.name}
    assert named == {f"stage{stage}" for stage in range(1, stages + 1)}


def test_the_first_stage_moves_the_mean_shape():
    _, found = small()
    for update, points in zip(found["stage1_fc2"], found["stage1_landmarks"]):
        for k, (x, y) in enumerate(FACE_IN_PIXELS):
            expected = [x + SIZE * update[2 * k], y + SIZE * update[2 * k + 1]]
            np.testing.assert_allclose(points[k], expected, atol=1e-3)


@pytest.mark.backend
@pytest.mark.parametrize("stage", [2, 3])
def test_a_further_stage_is_the_papers_equation_2(stage):
    _, outputs = small()
    before, after = outputs[f"stage{stage - 1}_landmarks"], outputs[f"stage{stage}_landmarks"]
    transforms, updates = outputs[f"stage{stage}_estimate"], outputs[f"stage{stage}_fc2"]
    for points, transform, update, found in zip(before, transforms, updates, after):
        np.testing.assert_allclose(transform, umeyama(points, FACE_IN_PIXELS), rtol=1e-3, atol=1e-2)
        (a, b, c), (d, e, f) = np.float64(transform)
        for k, (x, y) in enumerate(points):
            u = a * x + b * y + c + SIZE * update[2 * k]
            v = d * x + e * y + f + SIZE * update[2 * k + 1]
            u, v, determinant = u - c, v - f, a * e - b * d
            expected = [(e * u - b * v) / determinant, (a * v - d * u) / determinant]
            np.testing.assert_allclose(found[k], expected, atol=1e-2)
    assert np.abs(after - before).max() > 0.5


def test_a_further_stage_sees_the_warped_picture_the_heatmap_and_the_feature_image():
    model, found = small()
    transforms, seen = found["stage2_estimate"], found["stage2_seen"]
    assert seen.shape == (2, SIZE, SIZE, 3)
    warped = ops.convert_to_numpy(layers.ImageTransform()(GREY, transforms))
    np.testing.assert_allclose(seen[..., :1], warped, atol=1e-3)
    kernel, bias = model.get_layer("stage2_feature_image").get_weights()
    for i, transform in enumerate(transforms):
        points = [transform @ [x, y, 1] for x, y in found["stage1_landmarks"][i]]
        pixels = np.maximum(found["stage1_fc1_relu"][i] @ kernel + bias, 0).reshape(
            SIZE // 2, SIZE // 2
        )
        for y in range(SIZE):
            for x in range(SIZE):
                nearest = min(np.hypot(x - p, y - q) for p, q in points)
                if abs(nearest - 16) > 1e-3:
                    light = 1 / (1 + nearest) if nearest < 16 else 0
                    assert seen[i, y, x, 1] == pytest.approx(light, abs=1e-4)
                assert seen[i, y, x, 2] == pytest.approx(pixels[y // 2, x // 2], abs=1e-3)


# Pictures


def test_the_picture_is_seen_without_its_colours():
    model = small_dan(scheme="five5", mean_shape=FACE)
    colours = np.stack([made_up_face(seed, SIZE)[0] for seed in (0, 1)]).astype("float32")
    luma = 0.299 * colours[..., 0] + 0.587 * colours[..., 1] + 0.114 * colours[..., 2]
    grey = np.repeat(luma[..., None], 3, axis=3)
    # Keras rounds 0.299 to 0.2989.
    np.testing.assert_allclose(landmarks(model, grey), landmarks(model, colours), atol=5e-3)
    assert np.abs(landmarks(model, grey) - landmarks(model, colours[..., ::-1])).max() > 0.1


def test_a_first_stage_that_finds_one_point_leaves_the_picture_as_it_is():
    model = small_dan(scheme="five5", mean_shape=FACE)
    for name in ("stage1_fc2", "stage1_landmarks"):
        layer = model.get_layer(name)
        layer.set_weights([np.zeros(w.shape) for w in layer.get_weights()])
    probe = keras.Model(model.input, [model.get_layer("stage2_estimate").output, model.output])
    transforms, outputs = probe.predict_on_batch(CROPS)
    np.testing.assert_array_equal(transforms, [[[1, 0, 0], [0, 1, 0]]] * 2)
    assert np.isfinite(outputs["landmarks"]).all()


@pytest.mark.parametrize(
    "policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.backend)]
)
def test_half_precision_does_not_round_the_coordinates(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = build(scheme="five5", mean_shape=FACE)
    finally:
        keras.config.set_dtype_policy("float32")
    for stage in (1, 2):
        layer = model.get_layer(f"stage{stage}_fc2")
        layer.set_weights([np.zeros(w.shape) for w in layer.get_weights()])
        assert keras.backend.standardize_dtype(
            model.get_layer(f"stage{stage}_conv1a").compute_dtype
        ) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(landmarks(model), [FACE_IN_PIXELS] * 2, atol=1e-3)


# Training and saving


@pytest.mark.backend
def test_training_both_stages_at_once_moves_every_weight_of_both():
    model = small_dan(scheme="five5", mean_shape=FACE)
    before = {v.path: ops.convert_to_numpy(v) for v in model.trainable_weights}
    model.compile(keras.optimizers.SGD(1e-2), loss={"landmarks": "mse"}, jit_compile=True)
    target = np.stack([FACE_IN_PIXELS, FACE_IN_PIXELS + 2])
    model.fit(CROPS, {"landmarks": target}, batch_size=2, verbose=0)
    for variable in model.trainable_weights:
        after = ops.convert_to_numpy(variable)
        assert np.isfinite(after).all(), variable.path
        assert (after != before[variable.path]).any(), variable.path


def test_a_dan_comes_back_from_its_file(tmp_path):
    model = small_dan(scheme="five5", mean_shape=FACE)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(landmarks(loaded), landmarks(model), atol=1e-3)


# Bad arguments


@pytest.mark.parametrize("jitter", [5, (3.0, 0.02), "abc"])
def test_a_disturbance_is_three_numbers(jitter):
    with pytest.raises(ValueError, match="jitter is .degrees, shift, scale., not"):
        models.dan(jitter=jitter)


@pytest.mark.parametrize("stages", [0, -1])
def test_a_dan_of_no_stage_is_refused(stages):
    with pytest.raises(
        ValueError, match=f"stages must be a whole number of at least 1, not {stages}"
    ):
        models.dan(stages=stages)


@pytest.mark.parametrize("size", [0, -112, 8, 100])
def test_a_size_that_cannot_be_halved_for_every_block_is_refused(size):
    with pytest.raises(ValueError, match=f"multiple of 16, not {size}"):
        models.dan(size=size)
