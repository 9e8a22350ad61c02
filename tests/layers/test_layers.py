import functools
import re

import cv2
import keras
import numpy as np
import pytest
from gradients import compiled, gradients
from keras import ops
from layer_check import Exports, check_layer
from umeyama import umeyama

from keras_landmarks import geometry, layers

RNG = np.random.default_rng(0)
SIZE = (24, 32)
IMAGES = RNG.uniform(0, 255, (3, *SIZE, 3)).astype("float32")
LANDMARKS = RNG.uniform(4, 20, (3, 5, 2)).astype("float32")
TRANSFORMS = np.stack(
    [
        geometry.similarity_transform(1.2, 15, (16, 12), (1.3, -2.1)),
        geometry.similarity_transform(0.7, -100, (16, 12), (0.4, 0.8)),
        [[0.9, 0.2, 1.7], [-0.3, 1.1, 4.6]],
    ]
).astype("float32")
IDENTITY = np.float32([[1, 0, 0], [0, 1, 0]])
SHAPE = np.float32([[8, 8], [24, 9], [16, 14], [10, 19], [22, 20]])

MAPS = RNG.uniform(0, 1, (3, 12, 16, 5)).astype("float32")
WEIGHTS = RNG.uniform(0, 1, (3, 5)).astype("float32")
FLAT = {"heatmap_decoding, argmax": (), "heatmap_generation, disc": ()}
"""Layers whose outputs do not change with every input: which inputs have gradients."""

OF_MAPS = {"batch_normalization", "feature_image", "upsampled_sum"}
"""Layers that neither take nor give coordinates."""

LAYERS = {
    "batch_normalization": (layers.BatchNormalization, (MAPS,)),
    "image_transform": (lambda: layers.ImageTransform(), (IMAGES, TRANSFORMS)),
    "image_transform of a size": (lambda: layers.ImageTransform((10, 12)), (IMAGES, TRANSFORMS)),
    "landmark_crop": (lambda: layers.LandmarkCrop(), (IMAGES, LANDMARKS)),
    "landmark_crop of a stride": (
        lambda: layers.LandmarkCrop((4, 6), stride=2, offset=0.5),
        (IMAGES, LANDMARKS),
    ),
    "landmark_transform": (lambda: layers.LandmarkTransform(), (LANDMARKS, TRANSFORMS)),
    "landmark_transform, inverse": (
        lambda: layers.LandmarkTransform(inverse=True),
        (LANDMARKS, TRANSFORMS),
    ),
    "transform_estimation": (lambda: layers.TransformEstimation(SHAPE), (LANDMARKS,)),
    "transform_jitter": (lambda: layers.TransformJitter(SIZE, seed=1), (TRANSFORMS,)),
    "mean_shape": (
        lambda: layers.MeanShape(SIZE, RNG.uniform(-0.4, 0.4, (5, 2))),
        (LANDMARKS.reshape(3, 10) / 100,),
    ),
    "mean_shape at the centre": (
        lambda: layers.MeanShape(SIZE),
        (LANDMARKS.reshape(3, 10) / 100,),
    ),
    "heatmap_generation": (lambda: layers.HeatmapGeneration(SIZE), (LANDMARKS,)),
    "heatmap_generation everywhere": (
        lambda: layers.HeatmapGeneration(SIZE, radius=None),
        (LANDMARKS,),
    ),
    "heatmap_generation, gaussian": (
        lambda: layers.HeatmapGeneration(SIZE, "gaussian", sigma=2.0),
        (LANDMARKS,),
    ),
    "heatmap_generation, disc": (
        lambda: layers.HeatmapGeneration(SIZE, "disc", radius=3.2),
        (LANDMARKS,),
    ),
    "heatmap_decoding": (lambda: layers.HeatmapDecoding(sharpness=4.0), (MAPS,)),
    "heatmap_decoding, argmax": (lambda: layers.HeatmapDecoding("argmax"), (MAPS,)),
    "heatmap_decoding, centroid": (lambda: layers.HeatmapDecoding("centroid", 2), (MAPS,)),
    "heatmap_mean": (lambda: layers.HeatmapMean(4), (4 * MAPS, MAPS[..., :3])),
    "upsampled_sum": (layers.UpsampledSum, (MAPS[:, ::2, ::2], MAPS)),
    "score_weights": (lambda: layers.ScoreWeights(stride=2), (MAPS, LANDMARKS)),
    "score_weights of an offset": (
        lambda: layers.ScoreWeights(stride=2, offset=-0.3),
        (MAPS, LANDMARKS),
    ),
    "heatmap_decoding of an offset": (
        lambda: layers.HeatmapDecoding(stride=4, offset=0.7),
        (MAPS,),
    ),
    "shape_dictionary": (lambda: taught(layers.ShapeDictionary(12, 4)), (LANDMARKS, WEIGHTS)),
    "feature_image": (
        lambda: layers.FeatureImage((12, 8), dtype="float32"),
        (LANDMARKS.reshape(3, 10) / 10,),
    ),
}


VARIANTS = {
    "image_transform of a size",
    "landmark_crop of a stride",
    "score_weights of an offset",
    "heatmap_decoding of an offset",
}
"""Layers that differ from another by a constant: checked on TensorFlow, and not in files."""


def taught(dictionary):
    dictionary.adapt(50 * np.random.default_rng(0).normal(size=(12, LANDMARKS.shape[1], 2)))
    return dictionary


@functools.cache
def exports():
    return Exports({name: layer for name, layer in LAYERS.items() if name not in VARIANTS})


def array(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in VARIANTS else pytest.mark.backend) for n in LAYERS],
)
def test_a_layer_is_a_good_keras_layer(name):
    build, inputs = LAYERS[name]
    # Sums of pixels of 0..255 differ in the last digits of float32.
    atol = 1e-2 if inputs[0] is IMAGES or name == "shape_dictionary" else 1e-4
    check_layer(build(), inputs, atol, FLAT.get(name), name not in OF_MAPS)
    if keras.backend.backend() == "tensorflow" and name not in VARIANTS:
        exports().check(name, inputs)


def test_every_public_layer_is_checked():
    checked = {type(build()).__name__ for build, _ in LAYERS.values()}
    assert checked == set(layers.__all__)


def test_a_coarse_pixel_is_added_to_four_fine_ones_and_cut_at_the_border():
    coarse, fine = MAPS[:, :2, :3], MAPS[:, :3, :5]
    found = array(layers.UpsampledSum()(coarse, fine))
    for i in range(3):
        for j in range(5):
            np.testing.assert_allclose(found[:, i, j], fine[:, i, j] + coarse[:, i // 2, j // 2])
    with pytest.raises(ValueError, match=r"Expected maps of half the size, \(2, 3, 5\)"):
        layers.UpsampledSum()(coarse[:, :1], fine)


def test_means_under_a_heatmap_are_those_of_its_softmax():
    heatmaps, maps = 4 * MAPS, MAPS[..., :3]
    found = array(layers.HeatmapMean(4)(heatmaps, maps))
    decoded = array(layers.HeatmapDecoding(stride=4)(heatmaps))
    np.testing.assert_allclose(found[..., :2], decoded, atol=1e-4)
    _, height, width, _ = heatmaps.shape
    for face, n in ((0, 0), (2, 4)):
        weights = np.exp(heatmaps[face, :, :, n].astype(float))
        weights /= weights.sum()
        mean = sum(weights[y, x] * maps[face, y, x] for y in range(height) for x in range(width))
        np.testing.assert_allclose(found[face, n, 2:5], mean, atol=1e-5)
        middle = (decoded[face, n] + 0.5) / 4 - 0.5
        spread = sum(
            weights[y, x] * ((x - middle[0]) ** 2 + (y - middle[1]) ** 2)
            for y in range(height)
            for x in range(width)
        )
        assert found[face, n, 5] == pytest.approx(spread, abs=1e-3)


# Bad input

EQUAL = np.full((5, 2), 7.0, "float32")
NOWHERE = np.float32([[1, 2], [np.nan, 3], [np.inf, 1], [4, -np.inf], [1e30, 5]])
BAD_LANDMARKS = np.stack([EQUAL, NOWHERE, LANDMARKS[2]])
BAD_TRANSFORMS = np.stack([np.zeros((2, 3), "float32"), np.full((2, 3), np.nan), TRANSFORMS[2]])
BAD = {
    "image_transform": (IMAGES, BAD_TRANSFORMS),
    "landmark_crop": (IMAGES, BAD_LANDMARKS),
    "landmark_transform": (LANDMARKS, BAD_TRANSFORMS),
    "landmark_transform, inverse": (LANDMARKS, BAD_TRANSFORMS),
    "transform_estimation": (BAD_LANDMARKS,),
    "heatmap_generation": (BAD_LANDMARKS,),
    "heatmap_generation, gaussian": (BAD_LANDMARKS,),
    "score_weights": (MAPS, BAD_LANDMARKS),
    "shape_dictionary": (BAD_LANDMARKS, WEIGHTS),
}


@pytest.mark.backend
@pytest.mark.parametrize("name", BAD)
def test_bad_input_has_a_finite_output_in_keras_and_in_every_export(name):
    build, good = LAYERS[name]
    layer = build()
    bad = tuple(np.float32(values) for values in BAD[name])
    if not layer.built:
        layer.build(*(x.shape for x in good))
    run = compiled(layer)
    output = array(run(*bad))
    assert np.isfinite(output).all()
    np.testing.assert_allclose(output[2], array(run(*good))[2], atol=1e-2)  # a good face
    if keras.backend.backend() == "tensorflow":
        exports().check(name, bad)


# ImageTransform


def smooth_images():
    """Pictures whose neighbours differ little: OpenCV rounds positions to 1 / 32 of a pixel."""
    return np.stack([cv2.GaussianBlur(image, (0, 0), 2.0) for image in IMAGES])


@pytest.mark.parametrize("size", [SIZE, (40, 20)])
def test_image_transform_is_opencvs_bilinear_warp(size):
    images = smooth_images()
    result = array(layers.ImageTransform(size)(images, TRANSFORMS))
    for image, transform, warped in zip(images, TRANSFORMS, result):
        expected = cv2.warpAffine(
            image, np.float64(transform), (size[1], size[0]), flags=cv2.INTER_LINEAR
        )
        white = cv2.warpAffine(np.ones(SIZE, "float32"), np.float64(transform), size[::-1])
        inside = cv2.erode(white, np.ones((3, 3))) > 0.999
        outside = cv2.dilate(white, np.ones((3, 3))) == 0
        assert inside.sum() > 100
        np.testing.assert_allclose(warped[inside], expected[inside], atol=1.0)
        assert (warped[outside] == 0).all()


def warp_by_hand(image, transform, size):
    """A bilinear warp, pixel by pixel, with zeros beyond the borders."""
    height, width = image.shape[:2]
    inverse = np.linalg.inv(np.vstack([transform, [0, 0, 1]]).astype("float64"))[:2]
    result = np.zeros((*size, image.shape[2]))
    for row in range(size[0]):
        for column in range(size[1]):
            x, y = inverse @ [column, row, 1]
            left, top = int(np.floor(x)), int(np.floor(y))
            for i, j in [(left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)]:
                if 0 <= i < width and 0 <= j < height:
                    result[row, column] += (1 - abs(x - i)) * (1 - abs(y - j)) * image[j, i]
    return result


@pytest.mark.backend
@pytest.mark.parametrize("size", [None, (10, 12)])
def test_image_transform_is_the_bilinear_warp_written_by_hand(size):
    result = array(layers.ImageTransform(size)(IMAGES, TRANSFORMS))
    for image, transform, warped in zip(IMAGES, TRANSFORMS, result):
        expected = warp_by_hand(image, transform, size or SIZE)
        np.testing.assert_allclose(warped, expected, atol=0.05)


def test_the_identity_changes_no_pixel():
    result = array(layers.ImageTransform()(IMAGES, np.repeat(IDENTITY[None], 3, axis=0)))
    np.testing.assert_array_equal(result, IMAGES)


def test_mirroring_changes_no_pixel_but_its_place():
    mirror = np.repeat(geometry.mirror_transform(SIZE[1])[None], 3, axis=0)
    result = array(layers.ImageTransform()(IMAGES, mirror))
    np.testing.assert_array_equal(result, IMAGES[:, :, ::-1])


def test_pictures_of_a_batch_do_not_mix():
    images = IMAGES.copy()
    images[1] = 0
    result = array(layers.ImageTransform()(images, TRANSFORMS))
    assert (result[1] == 0).all()
    assert result[0].max() > 0


@pytest.mark.backend
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16"])
def test_pictures_of_other_types_are_warped_in_float32(dtype):
    pictures = IMAGES.astype("uint8")
    expected = array(layers.ImageTransform()(pictures.astype("float32"), TRANSFORMS))
    result = layers.ImageTransform()(pictures.astype(dtype), TRANSFORMS)
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    np.testing.assert_allclose(array(result), expected, atol=1e-3)


def slope_by_hand(function, value, place, step):
    """A central difference."""
    above, below = value.copy(), value.copy()
    above[place] += step
    below[place] -= step
    return (function(above) - function(below)) / (2 * step)


@pytest.mark.backend
def test_image_transforms_gradient_to_the_picture_is_the_finite_difference():
    weights = RNG.normal(size=(3, 10, 12, 3)).astype("float32")
    layer = layers.ImageTransform((10, 12))
    slopes, _ = gradients(lambda x, t: ops.sum(layer(x, t) * weights), IMAGES, TRANSFORMS)

    def total(images):
        return sum(
            (warp_by_hand(image, transform, (10, 12)) * weight).sum()
            for image, transform, weight in zip(images, TRANSFORMS, weights)
        )

    strongest = np.argsort(abs(slopes).ravel())[::-1][:4]
    for place in [np.unravel_index(i, slopes.shape) for i in strongest]:
        expected = slope_by_hand(total, np.float64(IMAGES), place, 1.0)
        np.testing.assert_allclose(slopes[place], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.backend
def test_image_transforms_gradient_to_the_transform_is_the_finite_difference():
    # No pixel lands on the centre of another one, where a bilinear warp has a kink.
    y, x = np.indices(SIZE)
    wave = (100 * np.sin(0.2 * x + 0.3) * np.cos(0.15 * y)).astype("float32")[None, ..., None]
    transform = geometry.similarity_transform(1.9, 10, (16.3, 12.2))[None]
    weights = RNG.normal(size=(1, *SIZE, 1))
    layer = layers.ImageTransform()
    _, slopes = gradients(
        lambda image, t: ops.sum(layer(image, t) * weights.astype("float32")), wave, transform
    )

    def total(transforms):
        return (warp_by_hand(wave[0], transforms[0], SIZE) * weights[0]).sum()

    for place in np.ndindex(1, 2, 3):
        step = 1e-4 if place[-1] == 2 else 1e-5
        expected = slope_by_hand(total, np.float64(transform), place, step)
        np.testing.assert_allclose(slopes[place], expected, rtol=1e-3, atol=0.1)


@pytest.mark.backend
@pytest.mark.parametrize(
    "transform",
    [
        np.zeros((2, 3)),
        [[1, 2, 3], [2, 4, 6]],
        np.full((2, 3), np.nan),
        np.full((2, 3), np.inf),
        [[1, 0, np.nan], [0, 1, 0]],
        [[1e-30, 0, 0], [0, 1e-30, 0]],
        [[1e30, 0, 0], [0, 1e30, 0]],
        [[1, 0, 1e30], [0, 1, -1e30]],
    ],
)
def test_a_transform_that_cannot_be_inverted_spoils_its_own_picture_only(transform):
    transforms = TRANSFORMS.copy()
    transforms[1] = transform
    result = array(layers.ImageTransform()(IMAGES, transforms))
    assert np.isfinite(result).all()
    expected = array(layers.ImageTransform()(IMAGES, TRANSFORMS))
    np.testing.assert_allclose(result[[0, 2]], expected[[0, 2]], atol=1e-3)


@pytest.mark.parametrize("size", [(0, 4), (4, -1), (4,), (4, 4, 3)])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match=r"size must be \(height, width\)"):
        layers.ImageTransform(size)


@pytest.mark.parametrize("shape", [(None, None, 3), (8, 8), (0, 8, 3)])
def test_pictures_of_no_fixed_size_are_refused(shape):
    with pytest.raises(ValueError, match="Expected pictures"):
        layers.ImageTransform()(keras.Input(shape), keras.Input((2, 3)))


# A lit pixel moves with its landmark


def blob(size, point, radius=2.5):
    y, x = np.indices(size)
    light = np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / (2 * radius**2))
    return light[..., None].astype("float32")


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(
    "transform",
    [
        geometry.similarity_transform(1.5, 30, (30, 25), (4.5, -2.25)),
        geometry.similarity_transform(0.8, -140, (30, 25)),
        geometry.mirror_transform(60),
        geometry.resize_transform((50, 60), (75, 40)),
    ],
)
def test_a_lit_pixel_moves_with_its_landmark(transform, inverse):
    point, transforms = np.float32([[[27.3, 24.6]]]), transform[None]
    picture = blob((50, 60), point[0, 0])[None]
    if inverse:
        warped = layers.ImageTransform((80, 90))(picture, geometry.invert(transforms))
    else:
        warped = layers.ImageTransform((80, 90))(picture, transforms)
    light = np.float64(array(warped))[0, ..., 0]
    y, x = np.indices(light.shape)
    found = np.array([(x * light).sum(), (y * light).sum()]) / light.sum()
    expected = array(layers.LandmarkTransform(inverse=inverse)(point, transforms))[0, 0]
    np.testing.assert_allclose(found, expected, atol=0.05)


# LandmarkTransform


def test_landmark_transform_moves_points_as_written_by_hand():
    result = array(layers.LandmarkTransform()(LANDMARKS, TRANSFORMS))
    for face, ((a, b, c), (d, e, f)), points in zip(LANDMARKS, TRANSFORMS, result):
        for (x, y), point in zip(face, points):
            expected = [a * x + b * y + c, d * x + e * y + f]
            np.testing.assert_allclose(point, expected, rtol=1e-5, atol=1e-4)


def test_there_and_back_is_the_same_face():
    faces = RNG.uniform(0, 500, (3, 68, 2)).astype("float32")
    there = layers.LandmarkTransform()(faces, TRANSFORMS)
    back = array(layers.LandmarkTransform(inverse=True)(there, TRANSFORMS))
    np.testing.assert_allclose(back, faces, atol=1e-3)


# TransformEstimation


def test_transform_estimation_is_umeyamas_solution():
    result = array(layers.TransformEstimation(SHAPE)(LANDMARKS))
    for face, transform in zip(LANDMARKS, result):
        np.testing.assert_allclose(transform, umeyama(face, SHAPE), rtol=1e-3, atol=1e-3)


def test_a_moved_mean_shape_comes_back_to_the_mean_shape():
    moved = geometry.transform_points(SHAPE, TRANSFORMS[:2])
    transforms = layers.TransformEstimation(SHAPE)(moved)
    back = array(layers.LandmarkTransform()(moved, transforms))
    np.testing.assert_allclose(back, np.stack([SHAPE, SHAPE]), atol=1e-3)


@pytest.mark.backend
def test_a_face_of_one_point_gets_the_identity_and_finite_gradients():
    faces = LANDMARKS.copy()
    faces[1] = 7.0
    layer = layers.TransformEstimation(SHAPE)
    result = array(layer(faces))
    np.testing.assert_array_equal(result[1], IDENTITY)
    np.testing.assert_allclose(result[0], umeyama(faces[0], SHAPE), rtol=1e-3, atol=1e-3)
    (slope,) = gradients(lambda x: ops.sum(layer(x) ** 2), faces)
    assert np.isfinite(slope).all()


def test_the_shape_is_a_weight_that_is_not_trained():
    layer = layers.TransformEstimation(SHAPE)
    layer.build((None, 5, 2))
    assert layer.trainable_weights == []
    (weight,) = layer.non_trainable_weights
    np.testing.assert_array_equal(array(weight), SHAPE)


@pytest.mark.parametrize("shape", [(1, 2), (5, 3), (10,), (0, 2), (2, 5, 2)])
def test_a_shape_that_is_no_list_of_points_is_refused(shape):
    with pytest.raises(ValueError, match=r"shape must be \(n, 2\) points"):
        layers.TransformEstimation(np.zeros(shape))


def test_a_shape_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        layers.TransformEstimation([[0, 0], [1, np.nan]])


def test_landmarks_of_another_count_than_the_shape_are_refused():
    with pytest.raises(ValueError, match=r"Expected landmarks \(batch, 5, 2\)"):
        layers.TransformEstimation(SHAPE)(np.zeros((3, 6, 2), "float32"))


# TransformJitter

MANY = np.repeat(IDENTITY[None], 200, axis=0)


@pytest.mark.backend
@pytest.mark.parametrize("training", [None, False])
def test_outside_of_training_nothing_is_jittered(training):
    layer = layers.TransformJitter(SIZE)
    np.testing.assert_array_equal(array(layer(TRANSFORMS, training=training)), TRANSFORMS)


@pytest.mark.backend
def test_in_training_the_jitter_stays_within_its_bounds_and_uses_them():
    layer = layers.TransformJitter((100, 200), rotation=20, shift=0.1, scale=0.3, seed=0)
    result = array(layer(MANY, training=True))
    scale = np.hypot(result[:, 0, 0], result[:, 1, 0])
    angle = np.degrees(np.arctan2(result[:, 1, 0], result[:, 0, 0]))
    centre = geometry.transform_points(np.float32([[99.5, 49.5]]), result)[:, 0] - [99.5, 49.5]
    for values, middle, largest in [
        (scale, 1, 0.3),
        (angle, 0, 20),
        (centre[:, 0], 0, 20),
        (centre[:, 1], 0, 10),
    ]:
        assert abs(values - middle).max() <= largest * 1.0001
        assert (values - middle).max() > 0.9 * largest
        assert (values - middle).min() < -0.9 * largest
    # Similarities all: no shearing, no mirroring.
    np.testing.assert_allclose(result[:, 0, 0], result[:, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(result[:, 0, 1], -result[:, 1, 0], rtol=1e-6)


def test_a_jitter_that_would_turn_sizes_round_is_refused():
    with pytest.raises(ValueError, match=r"scale must be .* below 1, not 5"):
        layers.TransformJitter(SIZE, scale=5)


def test_the_jitter_comes_after_the_transform():
    shifted = IDENTITY + np.float32([[0, 0, 1000], [0, 0, 0]])
    result = array(layers.TransformJitter(SIZE, seed=3)(shifted[None], training=True))
    again = array(layers.TransformJitter(SIZE, seed=3)(IDENTITY[None], training=True))
    np.testing.assert_allclose(result, geometry.compose(again, shifted[None]), rtol=1e-5)


def test_a_jitter_of_nothing_changes_nothing():
    layer = layers.TransformJitter(SIZE, rotation=0, shift=0, scale=0)
    np.testing.assert_allclose(array(layer(TRANSFORMS, training=True)), TRANSFORMS, atol=1e-5)


@pytest.mark.backend
def test_the_jitter_follows_its_seed():
    first, second = (layers.TransformJitter(SIZE, seed=7) for _ in range(2))
    other = layers.TransformJitter(SIZE, seed=8)
    once = array(first(MANY, training=True))
    np.testing.assert_array_equal(once, array(second(MANY, training=True)))
    assert abs(once - array(other(MANY, training=True))).max() > 0.01
    assert abs(once - array(first(MANY, training=True))).max() > 0.01  # the next batch


@pytest.mark.backend
def test_gradients_pass_through_the_jitter():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("random numbers within jax.grad are for stateless calls")
    layer = layers.TransformJitter(SIZE, seed=0)
    (slope,) = gradients(lambda x: ops.sum(layer(x, training=True) ** 2), TRANSFORMS)
    assert np.isfinite(slope).all()
    assert (abs(slope).max(axis=(1, 2)) > 0).all()


# LandmarkCrop


def crop_by_hand(image, landmark, size, stride=1, offset=0.0):
    """Equations 5 to 7 of the FFLD paper."""
    (h, w), (height, width) = size, image.shape[:2]
    x, y = (np.float64(landmark) - offset) / stride
    patch = np.zeros((h, w, image.shape[2]))
    for q in range(h):
        for p in range(w):
            yq, xp = y - (h - 1) / 2 + q, x - (w - 1) / 2 + p
            for n in range(height):
                for m in range(width):
                    weight = max(0, 1 - abs(yq - n)) * max(0, 1 - abs(xp - m))
                    patch[q, p] += image[n, m] * weight
    return patch


@pytest.mark.parametrize(("stride", "offset"), [(1, 0.0), (2, 0.5)])
def test_a_patch_is_the_papers_equation(stride, offset):
    landmarks = LANDMARKS[:, :3].copy()
    landmarks[0] = [[0.3, -2.0], [31.0, 23.4], [7, 5]]  # over the border, and on a pixel
    found = array(layers.LandmarkCrop((4, 5), stride, offset)(IMAGES, landmarks))
    for image, points, patches in zip(IMAGES, landmarks, found):
        for point, patch in zip(points, patches):
            expected = crop_by_hand(image, point, (4, 5), stride, offset)
            np.testing.assert_allclose(patch, expected, atol=1e-2)


@pytest.mark.backend
def test_a_patchs_gradients_are_the_papers_equations_and_finite_differences():
    size = h, w = (4, 5)
    image, landmark = IMAGES[:1, :, :, :1], LANDMARKS[:1, :1]
    weights = RNG.normal(size=(1, 1, *size, 1)).astype("float32")
    layer = layers.LandmarkCrop(size)
    to_map, to_landmark = gradients(lambda i, p: ops.sum(layer(i, p) * weights), image, landmark)
    x, y = np.float64(landmark[0, 0])
    expected_map, expected_landmark = np.zeros(SIZE), np.zeros(2)
    for q in range(h):
        for p in range(w):
            yq, xp = y - (h - 1) / 2 + q, x - (w - 1) / 2 + p
            for n in range(SIZE[0]):
                for m in range(SIZE[1]):
                    near_y, near_x = max(0, 1 - abs(yq - n)), max(0, 1 - abs(xp - m))
                    slope_x = 0 if abs(m - xp) >= 1 else 1 if m >= xp else -1
                    slope_y = 0 if abs(n - yq) >= 1 else 1 if n >= yq else -1
                    k = weights[0, 0, q, p, 0]
                    expected_map[n, m] += k * near_y * near_x  # eq. 9
                    slopes = np.array([near_y * slope_x, near_x * slope_y])  # eq. 11
                    expected_landmark += k * image[0, n, m, 0] * slopes
    np.testing.assert_allclose(to_map[0, ..., 0], expected_map, atol=1e-4)
    np.testing.assert_allclose(to_landmark[0, 0], expected_landmark, rtol=1e-3, atol=1e-2)

    def total(points):
        return (crop_by_hand(image[0], points[0, 0], size) * weights[0, 0]).sum()

    for place in ((0, 0, 0), (0, 0, 1)):
        expected = slope_by_hand(total, np.float64(landmark), place, 1e-4)
        np.testing.assert_allclose(to_landmark[place], expected, rtol=1e-2, atol=0.05)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_a_lit_pixel_lies_in_the_middle_of_its_patch_at_every_stride(levels):
    point = np.float32([[[70.0, 61.0]]])
    y, x = np.indices((128, 144))
    maps = np.exp(-((x - 70) ** 2 + (y - 61) ** 2) / 60)[None, ..., None].astype("float32")
    for _ in range(levels):  # as a network's convolutions: padded by half their kernel
        maps = keras.layers.ZeroPadding2D(1)(maps)
        maps = keras.layers.Conv2D(1, 3, strides=2, kernel_initializer="ones", use_bias=False)(maps)
    patch = array(layers.LandmarkCrop((8, 8), stride=2**levels)(maps, point))[0, 0, ..., 0]
    rows, columns = np.indices(patch.shape)
    centre = (patch * columns).sum() / patch.sum(), (patch * rows).sum() / patch.sum()
    np.testing.assert_allclose(centre, (3.5, 3.5), atol=0.03)


@pytest.mark.backend
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30, -1e30, 500.0])
def test_a_landmark_that_is_no_place_on_the_map_has_an_empty_patch(bad):
    landmarks = LANDMARKS.copy()
    landmarks[1, 2, 0] = bad
    patches = array(layers.LandmarkCrop()(IMAGES, landmarks))
    assert np.isfinite(patches).all()
    assert not patches[1, 2].any()
    others = array(layers.LandmarkCrop()(IMAGES, LANDMARKS))
    np.testing.assert_array_equal(patches[[0, 2]], others[[0, 2]])


def test_patches_of_whole_numbers_are_cut_bilinearly():
    maps = np.zeros((1, 8, 8, 1), "uint8")
    maps[0, 4, 4] = 200
    patch = array(layers.LandmarkCrop((1, 1))(maps, np.float32([[[3.5, 4]]])))
    assert patch.item() == 100


def test_bad_patches_are_refused():
    with pytest.raises(ValueError, match="(size|stride) must be"):
        layers.LandmarkCrop((0, 8))
    with pytest.raises(ValueError, match="(size|stride) must be"):
        layers.LandmarkCrop(stride=0)
    with pytest.raises(ValueError, match="at least 8 x 8"):
        layers.LandmarkCrop()(IMAGES[:, :7], LANDMARKS)
    with pytest.raises(ValueError, match="fixed size"):
        layers.LandmarkCrop()(keras.Input((None, 32, 3)), keras.Input((5, 2)))


@pytest.mark.backend
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "bfloat16"])
def test_half_precision_rounds_pixels_and_leaves_points_where_they_are(dtype):
    place = np.float32([[[200.37, 180.61]]])  # a bfloat16 is whole pixels there
    picture = np.float32(np.random.default_rng(0).uniform(0, 255, (1, 224, 224, 3)))
    picture = cv2.GaussianBlur(picture[0], (0, 0), 2)[None]
    moves = np.float32([[[0.93, 0.11, -120.37], [-0.11, 0.93, -100.61]]])
    for layer, given in ((layers.LandmarkCrop, place), (layers.ImageTransform, moves)):
        expected = array(compiled(layer((8, 8)))(picture, given))
        found = compiled(layer((8, 8), dtype=dtype))(picture, given)
        assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
        found = array(ops.cast(found, "float32"))
        np.testing.assert_allclose(found, expected, atol=0.02 * picture.max())


@pytest.mark.backend
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "float16"])
def test_heatmaps_are_of_float32_whatever_is_asked_for(dtype):
    maps = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 5)).astype("float32")
    points = np.float32(np.random.default_rng(0).uniform(1, 7, (2, 5, 2)))
    for layer, given in (
        (layers.HeatmapGeneration, (points,)),
        (layers.HeatmapDecoding, (maps,)),
        (functools.partial(layers.HeatmapDecoding, "centroid"), (maps,)),
        (layers.ScoreWeights, (maps, points)),
    ):
        words = {"size": (8, 8)} if layer is layers.HeatmapGeneration else {}
        found = layer(dtype=dtype, **words)(*given)
        np.testing.assert_array_equal(array(found), array(layer(**words)(*given)))


@pytest.mark.backend
def test_no_dtype_is_float32_under_any_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = layers.LandmarkTransform(dtype=None)
        found = array(layer(LANDMARKS, np.tile(IDENTITY, (3, 1, 1))))
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(found, LANDMARKS)


@pytest.mark.parametrize(
    ("layer", "shapes", "said"),
    [
        (layers.MeanShape(SIZE), [(2, 3, 10)], "displacements (batch, 2 n), got"),
        (layers.FeatureImage((8, 8)), [(2, 3, 10)], "features (batch, k), got"),
        (layers.FeatureImage((8, 8)), [(None, None)], "known number of features"),
        (layers.HeatmapGeneration(SIZE), [(2, 5, 3)], "landmarks (batch, n, 2), got"),
        (layers.ScoreWeights(), [(2, 8, 8, 5), (2, 5, 3)], "landmarks (batch, n, 2), got"),
        (layers.LandmarkCrop(), [(2, 8, 8, 5), (2, 10)], "landmarks (batch, n, 2), got"),
        (layers.LandmarkTransform(), [(2, 5, 2), (2, 3, 3)], "transforms (batch, 2, 3), got"),
        (layers.ImageTransform(), [(2, 8, 8, 3), (2, 3, 3)], "transforms (batch, 2, 3), got"),
        (layers.TransformJitter(SIZE), [(2, 3, 3)], "transforms (batch, 2, 3), got"),
        (layers.HeatmapMean(), [(2, 8, 8, 5), (2, 8, 8, None)], "heatmaps (batch, height, width"),
        (layers.HeatmapMean(), [(2, 8, 8), (2, 8, 8)], "heatmaps (batch, height, width, n)"),
        (layers.UpsampledSum(), [(4, 4, 3), (8, 8, 3)], "maps of a fixed size, got"),
    ],
)
def test_tensors_of_another_shape_are_named(layer, shapes, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        layer(*(keras.Input(shape[1:]) for shape in shapes))


# MeanShape


def test_one_transform_may_be_for_all():
    np.testing.assert_array_equal(array(layers.ImageTransform()(IMAGES, IDENTITY)), IMAGES)
    np.testing.assert_array_equal(array(layers.LandmarkTransform()(LANDMARKS, IDENTITY)), LANDMARKS)


def test_displacements_are_fractions_of_the_crop_about_the_mean_shape():
    shape = np.float32([[0, 0], [-0.5, -0.5], [0.25, 0.5]])
    displacements = np.float32([[0, 0, 0, 0, 0, 0], [0.5, 0.5, 0, 0, 0.1, -0.2]])
    result = array(layers.MeanShape((100, 200), shape)(displacements))
    for row, face in zip(displacements, result):
        for k, (x, y) in enumerate(shape):
            dx, dy = row[2 * k], row[2 * k + 1]
            expected = [(x + dx + 0.5) * 200 - 0.5, (y + dy + 0.5) * 100 - 0.5]
            np.testing.assert_allclose(face[k], expected, rtol=1e-5, atol=1e-4)


def test_displacements_can_be_pixels():
    layer = layers.MeanShape((100, 200), [[0, 0], [-0.5, 0.5]], pixels=True)
    result = array(layer(np.float32([[3, -4, 0.5, 0.25]])))
    np.testing.assert_allclose(result, [[[102.5, 45.5], [0, 99.75]]], atol=1e-4)


def test_zero_is_the_centre_of_the_crop_and_a_half_its_right_and_lower_edges():
    result = array(layers.MeanShape((100, 200), [[0, 0], [0.5, 0.5]])(np.zeros((1, 4), "float32")))
    np.testing.assert_allclose(result, [[[99.5, 49.5], [199.5, 99.5]]])


def test_the_mean_shape_is_a_weight_that_is_not_trained():
    layer = layers.MeanShape((100, 100))
    layer.build((None, 10))
    assert layer.trainable_weights == []
    np.testing.assert_array_equal(array(layer.non_trainable_weights[0]), np.zeros((5, 2)))
    layer.set_weights([SHAPE / 100])
    result = array(layer(np.zeros((1, 10), "float32")))
    np.testing.assert_allclose(result[0], SHAPE + 49.5, rtol=1e-5)


@pytest.mark.parametrize(("shape", "count"), [(None, 9), (SHAPE / 100, 12), (SHAPE / 100, 9)])
def test_displacements_that_are_not_two_a_point_are_refused(shape, count):
    with pytest.raises(ValueError, match=f"displacements, got {count}"):
        layers.MeanShape(SIZE, shape)(np.zeros((1, count), "float32"))


@pytest.mark.parametrize("shape", [[[np.nan, 0]], [[0, 0, 0]], [0, 0]])
def test_a_mean_shape_that_is_no_list_of_points_is_refused(shape):
    with pytest.raises(ValueError, match=r"Expected a shape of finite points \(n, 2\)"):
        layers.MeanShape(SIZE, shape)


def test_layers_of_sizes_that_are_not_known_say_so():
    with pytest.raises(ValueError, match="known number of displacements"):
        layers.MeanShape(SIZE)(keras.Input((None,)))
    with pytest.raises(ValueError, match="maps of a fixed size"):
        layers.UpsampledSum()(keras.Input((None, None, 4)), keras.Input((None, None, 4)))


# HeatmapGeneration


def heatmap_by_hand(landmarks, size, radius=None):
    """Equation 3 of the paper, pixel by pixel."""
    heatmap = np.zeros(size)
    for y in range(size[0]):
        for x in range(size[1]):
            nearest = min(np.hypot(x - p[0], y - p[1]) for p in landmarks)
            if radius is None or nearest <= radius:
                heatmap[y, x] = 1 / (1 + nearest)
    return heatmap


@pytest.mark.parametrize("radius", [None, 5.0, 16.0])
def test_the_distance_heatmap_is_the_papers_equation(radius):
    found = array(layers.HeatmapGeneration(SIZE, radius=radius)(LANDMARKS))
    assert found.shape == (3, *SIZE, 1)
    for face, heatmap in zip(LANDMARKS, found[..., 0]):
        np.testing.assert_allclose(heatmap, heatmap_by_hand(face, SIZE, radius), atol=1e-5)


def test_the_gaussian_heatmaps_are_one_bell_for_each_landmark():
    found = array(layers.HeatmapGeneration(SIZE, "gaussian", None, 2.0)(LANDMARKS))
    assert found.shape == (3, *SIZE, 5)
    for y, x in ((3, 7), (20, 30)):
        squared = (LANDMARKS[1, 2, 0] - x) ** 2 + (LANDMARKS[1, 2, 1] - y) ** 2
        np.testing.assert_allclose(found[1, y, x, 2], np.exp(-squared / 8), rtol=1e-4)


def test_a_heatmap_is_lit_where_its_landmark_is():
    found = array(layers.HeatmapGeneration(SIZE)(np.float32([[[7, 3], [20, 15]]])))[0, ..., 0]
    assert found[3, 7] == found[15, 20] == 1
    assert (found < 1).sum() == found.size - 2


@pytest.mark.backend
def test_a_compiled_gradient_of_a_heatmap_is_the_same():
    if keras.backend.backend() != "jax":
        pytest.skip("Compiled by JAX, which computes the distances anew for the gradient.")
    import jax

    layer, weights = layers.HeatmapGeneration((40, 48)), RNG.normal(size=(8, 40, 48, 1))
    points = RNG.uniform(0, 40, (8, 68, 2)).astype("float32")
    points[0] = points[0].round()  # on pixels

    def total(values):
        moved = values @ np.float32([[0.9, 0.1], [-0.1, 0.9]]) + 0.3 * values.mean()
        return ops.sum(layer(moved) * weights.astype("float32"))

    expected, found = jax.grad(total)(points), jax.jit(jax.grad(total))(points)
    np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.mark.backend
def test_the_gradient_of_a_heatmap_is_that_of_finite_differences():
    layer, weights = layers.HeatmapGeneration(SIZE, radius=None), RNG.normal(size=(1, *SIZE, 1))
    points = np.float32([[[7.3, 3.6], [20.7, 15.2]]])

    def total(values):
        return ops.sum(layer(values) * weights.astype("float32"))

    (slope,) = gradients(total, points)
    for i in np.ndindex(points.shape):
        step = np.zeros_like(points)
        step[i] = 0.02
        expected = (float(total(points + step)) - float(total(points - step))) / 0.04
        np.testing.assert_allclose(slope[i], expected, atol=0.1)


@pytest.mark.backend
@pytest.mark.parametrize("kind", ["distance", "gaussian"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_a_landmark_that_is_not_finite_is_not_drawn(kind, bad):
    points = np.float32([[[7, 3], [bad, 5]]])
    layer = layers.HeatmapGeneration(SIZE, kind)
    found = array(layer(points))
    alone = array(layer(points[:, :1]))
    np.testing.assert_allclose(found.max(axis=-1), alone.max(axis=-1), atol=1e-6)
    (slope,) = gradients(lambda values: ops.sum(layer(values)), points)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": (0, 5)},
        {"size": SIZE, "kind": "square"},
        {"size": SIZE, "radius": 0},
        {"size": SIZE, "sigma": -1},
    ],
)
def test_bad_heatmaps_are_refused(arguments):
    with pytest.raises(ValueError, match="must be|Unknown kind"):
        layers.HeatmapGeneration(**arguments)


# FeatureImage


def test_a_feature_image_is_a_dense_layer_whose_pixels_are_repeated():
    layer = layers.FeatureImage((4, 6))
    features = RNG.normal(size=(2, 7)).astype("float32")
    found = array(layer(features))
    kernel, bias = layer.get_weights()
    assert kernel.shape == (7, 6)
    pixels = np.maximum(features @ kernel + bias, 0).reshape(2, 2, 3)
    for y in range(4):
        for x in range(6):
            np.testing.assert_allclose(found[:, y, x, 0], pixels[:, y // 2, x // 2], atol=1e-5)


def test_a_feature_image_of_the_paper_has_3136_units():
    layer = layers.FeatureImage()
    layer.build((None, 256))
    assert layer.kernel.shape == (256, 3136)


def test_a_scale_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="scale must divide"):
        layers.FeatureImage((5, 4), 2)


@pytest.mark.backend
@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf, 1e30])
def test_a_transform_that_cannot_be_inverted_has_no_gradient_and_spoils_no_other(bad):
    transforms = TRANSFORMS.copy()
    transforms[1] = bad
    layer = layers.ImageTransform()
    layer(IMAGES, transforms)

    def total(images, transforms):
        return ops.sum(layer(images, transforms) * IMAGES)

    for found in gradients(total, IMAGES, transforms):
        assert np.isfinite(found).all()
        assert not found[1].any()
        assert found[0].any()


def test_the_jitter_is_float32_whatever_floats_keras_has():
    before = keras.config.floatx()
    try:
        for floatx in ("float16", "float64"):
            keras.config.set_floatx(floatx)
            found = layers.TransformJitter(SIZE, seed=1)(TRANSFORMS, training=True)
            assert keras.backend.standardize_dtype(found.dtype) == "float32"
    finally:
        keras.config.set_floatx(before)


@pytest.mark.parametrize("kind", ["argmax", "centroid"])
def test_of_maps_below_zero_the_largest_pixel_counts_at_the_edge_too(kind):
    maps = np.full((1, 6, 8, 2), -5, "float32")
    maps[0, 0, 0, 0] = maps[0, 5, 3, 1] = -1
    found = ops.convert_to_numpy(layers.HeatmapDecoding(kind)(maps))
    np.testing.assert_allclose(found, [[[0, 0], [3, 5]]], atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of a batch that is not known")
def test_whole_numbers_of_a_batch_of_any_size_are_landmarks():
    import tensorflow as tf

    whole, weights = np.rint(LANDMARKS).astype("int32"), WEIGHTS
    for layer, more in (
        (layers.TransformEstimation(SHAPE), ()),
        (taught(layers.ShapeDictionary(12, 4)), (weights,)),
    ):
        expected = array(layer(whole.astype("float32"), *more))
        given = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in (whole, *more)]
        graph = tf.function(layer, input_signature=given)
        np.testing.assert_allclose(array(graph(whole, *more)), expected, atol=1e-3)
