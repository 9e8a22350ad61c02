"""Points that nobody marked: completed in shapes and poses, left out of boxes and batches."""

import dataclasses

import numpy as np
import pytest

from keras_landmarks import data, geometry
from keras_landmarks.data.complete import complete_shapes
from keras_landmarks.schemes import get_scheme

SHARE = 0.3


@pytest.fixture(scope="module")
def whole():
    return data.made_up_faces(80, size=96)


@pytest.fixture(scope="module")
def lacking(whole):
    rng = np.random.default_rng(0)
    return [lose(face, rng.random(68) < SHARE) for face in whole]


def lose(face, points):
    landmarks = face.landmarks.copy()
    landmarks[points] = np.nan
    return dataclasses.replace(face, landmarks=landmarks, visible=None)


def stacked(faces):
    return np.stack([face.landmarks for face in faces])


def size_of(shapes):
    away = shapes - shapes.mean(axis=1, keepdims=True)
    return np.sqrt(np.square(away).sum(axis=-1).mean(axis=1))[:, None]


def test_completed_points_lie_where_they_were(whole, lacking):
    truth, gone = stacked(whole), np.isnan(stacked(lacking)[..., 0])
    found = complete_shapes(stacked(lacking))
    off = np.linalg.norm(found - truth, axis=-1) / size_of(truth)
    assert off[gone].mean() < 0.02
    np.testing.assert_array_equal(found[~gone], truth[~gone])


def test_shapes_are_completed_wherever_they_lie_and_however_they_are_turned(lacking):
    shapes = stacked(lacking)
    angles = np.linspace(0, 300, len(shapes))
    moves = geometry.similarity_transform(np.linspace(0.5, 3, len(shapes)), angles, (9, 9), (50, 7))
    found = complete_shapes(shapes)
    moved = complete_shapes(geometry.transform_points(shapes, moves))
    np.testing.assert_allclose(moved, geometry.transform_points(found, moves), atol=0.5)


def test_a_face_of_one_point_is_left_as_it_is(whole):
    alone = lose(whole[0], np.arange(68) != 30)
    faces = [alone, lose(whole[1], [5]), *whole[2:40]]
    found = complete_shapes(stacked(faces))
    np.testing.assert_array_equal(found[0], alone.landmarks)
    assert np.isfinite(found[1:]).all()
    samples = data.Samples(faces, (16, 16))
    assert samples.shapes().shape == (78, 68, 2)
    assert np.isfinite(samples.mean_shape()).all()
    assert np.isfinite(data.balance_poses(stacked(faces)).coefficients).all()


def test_many_faces_of_few_points_are_completed(whole):
    few = np.tile(stacked(whole)[:, [36, 45, 30, 48, 54]], (2, 1, 1))
    lacking = few.copy()
    lacking[np.arange(160), np.random.default_rng(0).integers(0, 5, 160)] = np.nan
    error = np.linalg.norm(complete_shapes(lacking) - few, axis=-1)[np.isnan(lacking[..., 0])]
    assert np.median(error) < 0.06 * np.median(np.linalg.norm(few[:, 0] - few[:, 1], axis=-1))


def test_a_point_that_one_face_has_tells_the_others(whole):
    faces = [lose(face, [20, 21] if i % 2 else [20]) for i, face in enumerate(whole[:40])]
    faces[0] = whole[0]
    found = complete_shapes(stacked(faces))
    off = np.linalg.norm(found - stacked(whole[:40]), axis=-1) / size_of(found)
    assert off.max() < 0.2


def test_a_point_that_no_face_has_is_an_error(whole):
    shapes = stacked(whole[:9])
    shapes[1:, 3] = shapes[0, :3] = shapes[0, 4:] = np.nan  # one point tells no place
    with pytest.raises(ValueError, match="Point 3 is missing in all faces"):
        complete_shapes(shapes)


# What trains on such faces


def test_the_mean_shape_is_nearly_that_of_whole_faces(whole, lacking):
    expected = data.Samples(whole, (32, 32)).mean_shape()
    found = data.Samples(lacking, (32, 32)).mean_shape()
    np.testing.assert_allclose(found, expected, atol=0.004)


def test_a_mean_of_marked_points_alone_would_be_pulled_to_the_faces_that_have_them(whole):
    # The chin is marked on faces with a large box alone.
    heights = [np.ptp(face.landmarks[:, 1]) for face in whole]
    low = np.array(heights) < np.median(heights)
    faces = [lose(f, [8] if small else []) for f, small in zip(whole, low)]
    whole_mean = data.Samples(whole, (32, 32)).mean_shape()[8]
    found = data.Samples(faces, (32, 32)).mean_shape()[8]
    assert np.abs(found - whole_mean).max() < 0.01


def test_batches_keep_points_missing_and_mirror_them(lacking):
    plain = data.Samples(lacking[:8], (32, 32), batch=8)
    turned = plain.replace(augmentation=data.Augmentation(mirror=1.0, rotation=0, shift=0))
    order = turned.faces_at(0)
    _, landmarks = turned.batch_at(0)
    mirror = list(get_scheme("ibug68").mirror)
    for face, found in zip(order, landmarks):
        np.testing.assert_array_equal(np.isnan(found[:, 0]), lacking[face].missing[mirror])


def test_a_truth_box_is_about_the_points_that_are_marked(lacking):
    samples = data.Samples(lacking[:4], (32, 32), box="truth", margin=1.0)
    for _, landmarks in (samples.sample(i) for i in range(4)):
        extent = np.nanmax(landmarks, axis=0) - np.nanmin(landmarks, axis=0)
        assert extent.max() == pytest.approx(32, abs=1.5)


def test_poses_are_balanced_by_completed_shapes(whole, lacking):
    full, found = (data.balance_poses(stacked(faces)) for faces in (whole, lacking))
    correlation = np.corrcoef(full.coefficients, found.coefficients)[0, 1]
    assert abs(correlation) > 0.99
    assert set(found.indices) == set(range(len(lacking)))


def test_schemes_of_one_point_have_nothing_to_complete_it_by():
    shapes = np.array([[[1.0, 2.0]], [[np.nan, np.nan]]])
    np.testing.assert_array_equal(complete_shapes(shapes), shapes)


BASE = np.array([(-0.15, -0.12), (0.15, -0.12), (0, 0.03), (-0.1, 0.14), (0.1, 0.14)])


def test_a_face_that_cannot_be_laid_over_the_others_moves_none_of_them():
    shapes = BASE + np.random.default_rng(0).normal(0, 0.01, (200, 5, 2))
    same = np.full((1, 5, 2), np.nan)
    same[0, 3:] = 0.02, 0.14  # two points at one place
    alone = np.full((1, 5, 2), np.nan)
    alone[0, 3] = 0.5, 0.5
    shapes[3:9, 2] = np.nan
    found = complete_shapes(np.concatenate([same, alone, shapes]))
    np.testing.assert_allclose(found[2:], complete_shapes(shapes), atol=1e-4)
    np.testing.assert_array_equal(found[:2], np.concatenate([same, alone]))


def test_profiles_of_one_side_and_their_mirror_images_share_too_little():
    shapes = BASE + np.random.default_rng(0).normal(0, 0.01, (20, 5, 2))
    shapes[:, [1, 4]] = np.nan
    mirrored = shapes[:, [1, 0, 2, 4, 3]] * (-1, 1)
    with pytest.raises(ValueError, match="Point . is missing in all faces"):
        complete_shapes(np.concatenate([shapes, mirrored]))
