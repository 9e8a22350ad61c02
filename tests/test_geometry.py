import cv2
import keras
import numpy as np
import pytest
from gradients import gradients
from keras import ops
from umeyama import umeyama

from keras_landmarks import geometry

RNG = np.random.default_rng(0)
FACES = RNG.uniform(0, 100, (3, 7, 2)).astype("float32")
TRANSFORMS = np.stack(
    [
        geometry.similarity_transform(1.5, 20, (30, 40), (5, -7)),
        geometry.similarity_transform(0.4, -170, (0, 0)),
        [[1.0, 0.3, 4.0], [-0.2, 0.8, -2.0]],
    ]
).astype("float32")


def moved(point, transform):
    """One point through one transform, written out."""
    (a, b, c), (d, e, f) = transform
    x, y = point
    return [a * x + b * y + c, d * x + e * y + f]


# Points, sizes and boxes


def test_the_centre_of_the_first_pixel_is_the_origin():
    picture = np.zeros((4, 6), "float32")
    picture[0, 0] = 1
    identity = np.float32([[1, 0, 0], [0, 1, 0]])
    assert cv2.warpAffine(picture, identity, (6, 4))[0, 0] == 1
    np.testing.assert_array_equal(geometry.box_from_landmarks(np.zeros((1, 2))), [0, 0, 1, 1])


@pytest.mark.parametrize("factor", [0.25, 0.5, 2, 3])
def test_resizing_moves_a_point_to_p_plus_half_times_s_minus_half(factor):
    transform = geometry.resize_transform((20, 40), (20 * factor, 40 * factor))
    for x, y in [(0, 0), (3, 5), (39, 19), (10.25, 7.5)]:
        expected = [(x + 0.5) * factor - 0.5, (y + 0.5) * factor - 0.5]
        np.testing.assert_allclose(moved((x, y), transform), expected, atol=1e-5)


def test_resizing_moves_the_centre_of_mass_of_a_blob_as_opencv_does():
    picture = np.zeros((40, 60), "float32")
    picture[10:12, 20:24] = 1  # its centre is (21.5, 10.5)
    resized = cv2.resize(picture, (30, 20), interpolation=cv2.INTER_AREA)
    y, x = (np.indices(resized.shape) * resized).sum(axis=(1, 2)) / resized.sum()
    expected = moved((21.5, 10.5), geometry.resize_transform((40, 60), (20, 30)))
    np.testing.assert_allclose([x, y], expected, atol=1e-5)


def test_resizing_stretches_height_and_width_apart():
    transform = geometry.resize_transform(source_size=(10, 100), target_size=(30, 50))
    np.testing.assert_allclose(moved((99.5, 9.5), transform), [49.5, 29.5])


def test_mirroring_takes_x_to_width_minus_1_minus_x():
    transform = geometry.mirror_transform(6)
    picture = RNG.uniform(0, 1, (4, 6)).astype("float32")
    np.testing.assert_array_equal(cv2.warpAffine(picture, transform, (6, 4)), picture[:, ::-1])
    assert moved((0, 3), transform) == [5, 3]
    assert moved((5, 3), transform) == [0, 3]


def test_a_box_of_landmarks_holds_their_pixels_up_to_the_edges():
    landmarks = np.float32([[2, 3], [10, 4], [5, 20]])
    np.testing.assert_array_equal(geometry.box_from_landmarks(landmarks), [2, 3, 11, 21])


def test_boxes_take_leading_batch_dimensions():
    faces = FACES.reshape(3, 1, 7, 2)
    boxes = geometry.box_from_landmarks(faces)
    assert boxes.shape == (3, 1, 4)
    for face, box in zip(FACES, boxes[:, 0]):
        np.testing.assert_allclose(box, [*face.min(axis=0), *(face.max(axis=0) + 1)])
    assert geometry.square_box(boxes).shape == (3, 1, 4)
    assert geometry.box_transform(boxes, (8, 8)).shape == (3, 1, 2, 3)


def test_a_square_box_keeps_the_centre_and_scales_the_longer_side():
    np.testing.assert_allclose(geometry.square_box(np.float32([10, 20, 30, 60])), [0, 20, 40, 60])
    square = geometry.square_box(np.float32([10, 20, 30, 60]), scale=1.5)
    np.testing.assert_allclose(square, [-10, 10, 50, 70])


# Transforms


def test_the_box_of_a_whole_picture_gives_the_identity():
    transform = geometry.box_transform(np.float32([0, 0, 60, 40]), (40, 60))
    np.testing.assert_allclose(transform, [[1, 0, 0], [0, 1, 0]], atol=1e-6)


def test_box_transform_takes_box_edges_to_crop_edges():
    left, top, right, bottom = 10, 20, 50, 100
    transform = geometry.box_transform(np.float32([left, top, right, bottom]), (64, 32))
    # A box edge e lies at the point coordinate e - 0.5.
    np.testing.assert_allclose(moved((left - 0.5, top - 0.5), transform), [-0.5, -0.5], atol=1e-5)
    corner = moved((right - 0.5, bottom - 0.5), transform)
    np.testing.assert_allclose(corner, [31.5, 63.5], atol=1e-5)


def test_resizing_is_the_box_transform_of_the_whole_picture():
    np.testing.assert_allclose(
        geometry.resize_transform((40, 60), (30, 20)),
        geometry.box_transform(np.float32([0, 0, 60, 40]), (30, 20)),
        atol=1e-6,
    )


def test_similarity_turns_x_towards_y_about_its_centre():
    quarter = geometry.similarity_transform(2.0, 90, centre=(10, 20))
    np.testing.assert_allclose(moved((10, 20), quarter), [10, 20], atol=1e-5)
    np.testing.assert_allclose(moved((11, 20), quarter), [10, 22], atol=1e-5)
    shifted = geometry.similarity_transform(2.0, 90, centre=(10, 20), shift=(3, -4))
    np.testing.assert_allclose(moved((11, 20), shifted), [13, 18], atol=1e-5)


def test_points_move_as_written_out_by_hand():
    result = geometry.transform_points(FACES, TRANSFORMS)
    for face, transform, points in zip(FACES, TRANSFORMS, result):
        for point, after in zip(face, points):
            np.testing.assert_allclose(after, moved(point, transform), rtol=1e-5, atol=1e-4)


def test_one_transform_moves_every_face_of_a_batch():
    result = geometry.transform_points(FACES, TRANSFORMS[0])
    for face, points in zip(FACES, result):
        np.testing.assert_allclose(
            points, geometry.transform_points(face, TRANSFORMS[0]), rtol=1e-6
        )


def test_composing_is_moving_twice():
    first, second = TRANSFORMS, TRANSFORMS[::-1]
    once = geometry.transform_points(FACES, geometry.compose(second, first))
    twice = geometry.transform_points(geometry.transform_points(FACES, first), second)
    np.testing.assert_allclose(once, twice, rtol=1e-4, atol=1e-3)


def test_composing_broadcasts_one_transform_over_a_batch():
    composed = geometry.compose(TRANSFORMS[0], TRANSFORMS)
    for one, first in zip(composed, TRANSFORMS):
        np.testing.assert_allclose(one, geometry.compose(TRANSFORMS[0], first), rtol=1e-5)


def test_the_inverse_takes_points_back():
    there = geometry.transform_points(FACES, TRANSFORMS)
    back = geometry.transform_points(there, geometry.invert(TRANSFORMS))
    np.testing.assert_allclose(back, FACES, atol=1e-3)


def test_the_inverse_is_that_of_the_matrix():
    for transform, inverse in zip(TRANSFORMS, geometry.invert(TRANSFORMS)):
        expected = np.linalg.inv(np.vstack([transform, [0, 0, 1]]))[:2]
        np.testing.assert_allclose(inverse, expected, rtol=1e-4, atol=1e-4)


def test_the_inverse_of_a_singular_transform_is_not_finite():
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = geometry.invert(np.zeros((2, 3), "float32"))
    assert not np.isfinite(inverse[..., :2]).any()


# The best similarity


def test_fit_similarity_is_umeyamas_solution():
    target = geometry.transform_points(FACES, TRANSFORMS) + RNG.normal(0, 5, FACES.shape)
    result = geometry.fit_similarity(FACES, target.astype("float32"))
    for face, goal, transform in zip(FACES, target, result):
        np.testing.assert_allclose(transform, umeyama(face, goal), rtol=1e-3, atol=1e-2)


def test_fit_similarity_never_mirrors():
    mirrored = FACES * np.float32([-1, 1])
    result = geometry.fit_similarity(FACES, mirrored)
    assert (np.linalg.det(result[..., :2]) > 0).all()
    for face, goal, transform in zip(FACES, mirrored, result):
        np.testing.assert_allclose(transform, umeyama(face, goal), rtol=1e-3, atol=1e-2)


def test_fit_similarity_finds_the_similarity_again():
    target = geometry.transform_points(FACES[:2], TRANSFORMS[:2])
    result = geometry.fit_similarity(FACES[:2], target)
    np.testing.assert_allclose(result, TRANSFORMS[:2], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("scale", [0.005, 0.05, 50.0])
def test_fit_similarity_shrinks_a_large_face_to_a_small_patch_and_back(scale):
    transform = geometry.similarity_transform(scale, 25, (0.0, 0.0), (3.0, 4.0))
    found = geometry.fit_similarity(FACES[0], geometry.transform_points(FACES[0], transform))
    np.testing.assert_allclose(found[:, :2], transform[:, :2], rtol=0.01)
    np.testing.assert_allclose(found[:, 2], transform[:, 2], atol=0.1)


def test_fit_similarity_takes_one_target_for_a_batch():
    result = geometry.fit_similarity(FACES, FACES[0])
    assert result.shape == (3, 2, 3)
    for face, transform in zip(FACES, result):
        np.testing.assert_allclose(transform, umeyama(face, FACES[0]), rtol=1e-3, atol=1e-2)


def test_faces_of_one_point_get_the_identity_and_leave_the_others_alone():
    source = FACES.copy()
    source[1] = 42.0
    result = geometry.fit_similarity(source, FACES[::-1])
    np.testing.assert_array_equal(result[1], [[1, 0, 0], [0, 1, 0]])
    expected = umeyama(source[0], FACES[2])
    np.testing.assert_allclose(result[0], expected, rtol=1e-3, atol=1e-2)


def test_a_set_and_its_mirror_image_that_have_no_similarity_get_the_identity():
    square = np.array([[[0, 0], [1, 0], [1, 1], [0, 1]]], "float32") * 50
    result = geometry.fit_similarity(square, square[..., ::-1].copy())
    np.testing.assert_array_equal(result, [[[1, 0, 0], [0, 1, 0]]])
    assert np.isfinite(geometry.invert(result)).all()


@pytest.mark.backend
@pytest.mark.parametrize("source", [np.full((1, 7, 2), 42.0, "float32"), FACES])
def test_fit_similarity_has_a_finite_gradient(source):
    target = ops.convert_to_tensor(FACES[: len(source)] + 1)
    result = gradients(lambda points: ops.sum(geometry.fit_similarity(points, target) ** 2), source)
    assert np.isfinite(result[0]).all()


def test_a_point_of_a_weight_counts_as_so_many_points():
    target = FACES + RNG.normal(0, 5, FACES.shape).astype("float32")
    counts = np.array([1, 3, 0, 1, 2, 1, 0])
    weights = np.float32([counts] * len(FACES)) / 4  # their sum does not matter
    result = geometry.fit_similarity(FACES, target, weights)
    for face, goal, transform in zip(FACES, target, result):
        expected = umeyama(face.repeat(counts, axis=0), goal.repeat(counts, axis=0))
        np.testing.assert_allclose(transform, expected, rtol=1e-3, atol=1e-2)


@pytest.mark.backend
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, geometry.FAR, 1e30])
def test_a_face_with_a_point_that_is_nowhere_gets_the_identity(bad):
    source = FACES.copy()
    source[1, 3, 0] = bad
    result = geometry.fit_similarity(source, FACES[::-1])
    np.testing.assert_array_equal(result[1], [[1, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(result[0], umeyama(FACES[0], FACES[2]), rtol=1e-3, atol=1e-2)


def test_values_that_are_nowhere_become_far():
    values = np.float32([np.nan, np.inf, -np.inf, 1e30, -1e30, 999.5, 0])
    far = geometry.FAR
    np.testing.assert_array_equal(
        geometry.finite(values), np.float32([far, far, -far, far, -far, 999.5, 0])
    )


# Maps


@pytest.mark.parametrize(
    ("stride", "offset", "first"), [(4, None, 1.5), (2, None, 0.5), (4, 0.0, 0.0), (8, 2.0, 2.0)]
)
def test_pixels_of_a_map_lie_a_stride_apart_from_its_first(stride, offset, first):
    on_map = np.float32([[0, 0], [1, 3], [2.5, 0.25]])
    expected = [(first + stride * x, first + stride * y) for x, y in on_map]
    found = geometry.points_from_map(on_map, stride, offset)
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(geometry.points_on_map(found, stride, offset), on_map, atol=1e-6)


# Arrays and tensors


@pytest.mark.backend
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (geometry.box_from_landmarks, (FACES,)),
        (geometry.square_box, (geometry.box_from_landmarks(FACES), 1.3)),
        (geometry.box_transform, (geometry.box_from_landmarks(FACES), (48, 64))),
        (geometry.transform_points, (FACES, TRANSFORMS)),
        (geometry.compose, (TRANSFORMS[::-1], TRANSFORMS)),
        (geometry.invert, (TRANSFORMS,)),
        (geometry.finite, (np.float32([1, np.nan, np.inf, -np.inf, 2e6]),)),
        (geometry.fit_similarity, (FACES, FACES[::-1])),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_arrays_give_arrays_and_tensors_give_equal_tensors(function, arguments):
    def tensor(value):
        return ops.convert_to_tensor(value) if isinstance(value, np.ndarray) else value

    array = function(*arguments)
    result = function(*(tensor(a) for a in arguments))
    assert isinstance(array, np.ndarray)
    assert ops.is_tensor(result)
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    result = ops.convert_to_numpy(result)
    np.testing.assert_allclose(result, array, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("scale", [1.0, 1e-7, 1e-20])
def test_a_fit_is_the_same_whatever_the_scale_of_its_weights(scale):
    rng = np.random.default_rng(0)
    source, weights = rng.uniform(0, 100, (5, 2)), rng.uniform(0.1, 1, 5)
    transform = np.array([[0.8, -0.6, 30], [0.6, 0.8, -20.0]])
    target = geometry.transform_points(source, transform)
    target[4], weights[4] = 0, 0
    found = geometry.fit_similarity(source, target, weights * scale)
    np.testing.assert_allclose(found, transform, atol=1e-9)
