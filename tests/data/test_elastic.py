import numpy as np
import pytest

from keras_landmarks.data.elastic import _SHARES, MOST, bend_pixels, bend_points, random_bend

SIZE = (48, 96)
GRID = np.stack(np.meshgrid(np.arange(96.0), np.arange(48.0)), axis=-1)


def ramps():
    """A crop whose red and green are the column and the row of each pixel."""
    return np.uint8(np.concatenate([2 * GRID, np.zeros((*SIZE, 1))], axis=-1))


def bent(rng, largest, landmarks, **more):
    crops = np.stack([ramps()] * len(landmarks))
    return random_bend(rng, largest, crops[more.get("part", slice(None))], landmarks, **more)


def test_a_landmark_goes_where_what_it_was_on_is_seen():
    landmarks = np.random.default_rng(1).uniform(15, 33, (40, 20, 2)) * [2, 1]
    crops, moved = bent(np.random.default_rng(0), MOST, landmarks)
    for crop, points, found in zip(crops, landmarks, moved):
        (x, y), part = np.floor(found).astype(int).T, found % 1
        for i, colours in enumerate((crop[..., 0], crop[..., 1])):
            colours = np.float64(colours)
            upper = colours[y, x] * (1 - part[:, 0]) + colours[y, x + 1] * part[:, 0]
            lower = colours[y + 1, x] * (1 - part[:, 0]) + colours[y + 1, x + 1] * part[:, 0]
            seen = (upper * (1 - part[:, 1]) + lower * part[:, 1]) / 2
            np.testing.assert_allclose(seen, points[:, i], atol=0.4)  # whole levels, of half pixels
            assert np.mean(seen - points[:, i]) == pytest.approx(0, abs=0.15)


def test_no_part_moves_farther_than_the_largest_and_each_face_moves_by_a_share_of_its_own():
    landmarks = np.stack([GRID.reshape(-1, 2)] * 300)
    _, moved = bent(np.random.default_rng(0), 0.1, landmarks)
    moves = np.abs(moved - landmarks).max(axis=1) / SIZE[::-1]
    assert 0.03 < moves.max() < 0.1
    assert moves.min() < 0.002
    np.testing.assert_allclose((moved - landmarks).mean(axis=(0, 1)), 0, atol=0.15)


def test_the_largest_displacement_does_not_fold_a_picture():
    rng = np.random.default_rng(0)
    fields = MOST * rng.choice([-1, 1], (50, 9, 2)) * _SHARES[:, None]  # as large as may be
    points = np.stack([GRID.reshape(-1, 2)] * len(fields))
    moved = bend_points(points, fields, SIZE).reshape(-1, *SIZE, 2)
    across, down = np.diff(moved, axis=2)[:, :-1], np.diff(moved, axis=1)[:, :, :-1]
    assert (across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]).min() > 0.05


def test_a_part_of_a_batch_is_as_in_the_whole():
    landmarks = np.random.default_rng(1).uniform(0, 48, (5, 6, 2))
    crops, moved = bent(np.random.default_rng(2), 0.1, landmarks)
    part, same = bent(np.random.default_rng(2), 0.1, landmarks, part=slice(2, 4))
    np.testing.assert_array_equal(part, crops[2:4])
    np.testing.assert_array_equal(same, moved)
    assert part.dtype == np.uint8
    assert same.dtype == np.float32


def test_points_that_are_not_known_stay_so_and_keep_none_from_its_place():
    landmarks = np.random.default_rng(1).uniform(0, 48, (3, 6, 2))
    _, whole = bent(np.random.default_rng(2), 0.2, landmarks)
    landmarks[0, 0] = landmarks[2] = np.nan
    _, moved = bent(np.random.default_rng(2), 0.2, landmarks)
    assert np.isnan(moved[0, 0]).all()
    assert np.isnan(moved[2]).all()
    np.testing.assert_allclose(
        moved[:2].reshape(-1, 2)[1:], whole[:2].reshape(-1, 2)[1:], atol=1e-3
    )


def test_a_field_of_nothing_leaves_a_crop_as_it_is():
    np.testing.assert_array_equal(bend_pixels(ramps(), np.zeros((9, 2))), ramps())
