import dataclasses

import cv2
import numpy as np
import pytest

from keras_landmarks import geometry
from keras_landmarks.data import Augmentation, made_up_face
from keras_landmarks.data.augment import LIGHT, STRONG, random_box, random_transform
from keras_landmarks.data.disturbances import random_pixels

NOTHING = Augmentation(rotation=0, mirror=0, shift=0, blur=0)
BOX = np.array([20.0, 30.0, 120.0, 230.0])
CROP = made_up_face(0, 64)[0]
IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])


def many(function, *arguments, count=2000):
    rng = np.random.default_rng(0)
    return [function(rng, *arguments) for _ in range(count)]


def change(augmentation, crop, count):
    """A crop disturbed so many times."""
    return random_pixels(np.random.default_rng(0), augmentation, np.stack([crop] * count))


def share_changed(**kwargs):
    """Of 1,000 crops, the fraction whose pixels an augmentation of only this changed."""
    augmentation = Augmentation(**{"rotation": 0, "mirror": 0, "shift": 0, "blur": 0} | kwargs)
    crops = change(augmentation, CROP, 1000)
    assert all(crop.shape == CROP.shape and crop.dtype == np.uint8 for crop in crops)
    return np.mean([not np.array_equal(crop, CROP) for crop in crops])


def test_the_defaults_are_the_papers():
    a = Augmentation()
    assert (a.rotation, a.mirror, a.shift, a.blur, a.sigma) == (30, 0.5, 0.05, 0.5, 1)
    others = (a.scale, a.vary_sigma, a.colour, a.grey, a.patches, a.noise, a.jpeg, a.normal)
    assert not any(others)


def test_nothing_changes_when_all_is_zero():
    for box in many(random_box, NOTHING, BOX, count=20):
        np.testing.assert_array_equal(box, BOX)
    for transform, mirrored in many(random_transform, NOTHING, IDENTITY, (64, 64), count=20):
        np.testing.assert_allclose(transform, IDENTITY, atol=1e-6)
        assert not mirrored
    assert share_changed() == 0


def test_each_corner_of_the_box_moves_on_its_own_within_5_percent():
    moves = (np.array(many(random_box, Augmentation(), BOX)) - BOX) / [100, 200, 100, 200]
    assert np.abs(moves).max() <= 0.05
    assert (np.abs(moves).max(axis=0) > 0.049).all()
    np.testing.assert_allclose(moves.mean(axis=0), 0, atol=0.003)
    assert np.abs(np.corrcoef(moves.T) - np.eye(4)).max() < 0.1


def test_the_size_of_the_box_changes_about_its_centre():
    augmentation = Augmentation(shift=0, scale=0.2)
    boxes = np.array(many(random_box, augmentation, BOX))
    np.testing.assert_allclose((boxes[:, :2] + boxes[:, 2:]) / 2, [[70, 130]] * len(boxes))
    widths = (boxes[:, 2] - boxes[:, 0]) / 100
    np.testing.assert_allclose((boxes[:, 3] - boxes[:, 1]) / 200, widths)
    assert 0.8 <= widths.min() < 0.81
    assert 1.19 < widths.max() <= 1.2


def test_the_rotation_is_uniform_within_its_bounds_and_about_the_middle_of_the_crop():
    augmentation = Augmentation(rotation=30, mirror=0)
    angles = []
    for transform, _ in many(random_transform, augmentation, IDENTITY, (64, 48)):
        (a, b), (c, d) = transform[:, :2]
        assert (a, b) == pytest.approx((d, -c), abs=1e-6)
        assert a * d - b * c == pytest.approx(1, abs=1e-6)
        angles.append(np.rad2deg(np.arctan2(c, a)))
        centre = transform @ [23.5, 31.5, 1]
        np.testing.assert_allclose(centre, [23.5, 31.5], atol=1e-4)
    assert max(np.abs(angles)) <= 30 + 1e-3
    counts = np.histogram(angles, 6, (-30, 30))[0]
    assert counts.min() > 0.8 * len(angles) / 6


def check_normal(values, sigma):
    """Values are normal about zero; none lies beyond three sigma."""
    values = np.array(values)
    assert values.mean() == pytest.approx(0, abs=0.1 * sigma)
    assert values.std() == pytest.approx(sigma, rel=0.05)
    assert (np.abs(values) < sigma).mean() == pytest.approx(0.683, abs=0.03)
    assert 2.5 * sigma < np.abs(values).max() <= 3.001 * sigma


def test_a_normal_shift_moves_the_whole_box():
    augmentation = Augmentation(shift=0.1, normal=True)
    moves = (np.array(many(random_box, augmentation, BOX)) - BOX) / [100, 200, 100, 200]
    np.testing.assert_allclose(moves[:, :2], moves[:, 2:], atol=1e-9)
    check_normal(moves[:, 0], 0.1)
    check_normal(moves[:, 1], 0.1)
    assert abs(np.corrcoef(moves[:, :2].T)[0, 1]) < 0.1


def test_a_normal_scale_changes_the_size_of_the_box():
    augmentation = Augmentation(shift=0.1, scale=0.2, normal=True)
    boxes = np.array(many(random_box, augmentation, BOX))
    widths, heights = (boxes[:, 2] - boxes[:, 0]) / 100, (boxes[:, 3] - boxes[:, 1]) / 200
    np.testing.assert_allclose(widths, heights)
    check_normal(widths - 1, 0.2)
    check_normal((boxes[:, 0] + boxes[:, 2]) / 200 - 0.7, 0.1)


def test_a_normal_rotation_turns_the_crop():
    augmentation = Augmentation(rotation=20, mirror=0, normal=True)
    turns = np.array([t for t, _ in many(random_transform, augmentation, IDENTITY, (64, 48))])
    check_normal(np.rad2deg(np.arctan2(turns[:, 1, 0], turns[:, 0, 0])), 20)


def test_half_of_the_crops_are_mirrored_after_they_were_turned():
    drawn = many(random_transform, Augmentation(rotation=0), IDENTITY, (64, 48))
    for transform, mirrored in drawn[:100]:
        expected = [[-1, 0, 47], [0, 1, 0]] if mirrored else IDENTITY
        np.testing.assert_allclose(transform, expected, atol=1e-5)
    assert np.mean([mirrored for _, mirrored in drawn]) == pytest.approx(0.5, abs=0.04)


def test_a_transform_is_added_to_the_crops_own():
    crop_from_picture = np.array([[0.5, 0, 3], [0, 0.5, -7]])
    rng, same = np.random.default_rng(5), np.random.default_rng(5)
    both, _ = random_transform(rng, Augmentation(), crop_from_picture, (64, 64))
    turn, _ = random_transform(same, Augmentation(), IDENTITY, (64, 64))
    point = np.array([[11.0, 90.0]])
    inner = geometry.transform_points(point, crop_from_picture)
    np.testing.assert_allclose(
        geometry.transform_points(point, both), geometry.transform_points(inner, turn), atol=1e-4
    )


@pytest.mark.parametrize("what", ["blur", "grey", "patches", "noise", "jpeg", "dark", "shrink"])
@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_pixels_change_with_their_probability(what, probability):
    # A rare change leaves every pixel as it was: noise of a sigma near zero, say.
    assert share_changed(**{what: probability}) == pytest.approx(probability, abs=0.05)


def test_colour_changes_every_crop_and_keeps_the_place_of_things():
    assert share_changed(colour=0.3) > 0.99
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    for crop in change(Augmentation(blur=0, colour=0.3), grey, 50):
        assert (np.diff(crop.reshape(256, 3).astype(int), axis=0) >= 0).all()


def test_a_grey_picture_has_three_equal_channels():
    (crop,) = change(Augmentation(blur=0, grey=1), CROP, 1)
    assert (crop == crop[..., :1]).all()
    weights = [0.299, 0.587, 0.114]
    assert np.abs(crop[..., 0] - CROP @ weights).max() <= 1


def test_blur_spreads_a_lit_pixel_by_its_sigma():
    dot = np.zeros((33, 33, 3), np.uint8)
    dot[16, 16] = 255
    crop = change(Augmentation(blur=1, sigma=1), dot, 1)[0][..., 0]
    for y in range(10, 23):
        for x in range(10, 23):
            expected = 255 / (2 * np.pi) * np.exp(-((x - 16) ** 2 + (y - 16) ** 2) / 2)
            assert crop[y, x] == pytest.approx(expected, abs=1.5)


def test_a_varied_sigma_is_drawn_up_to_its_largest():
    dot = np.zeros((33, 33, 3), np.uint8)
    dot[16, 16] = 255
    augmentation = Augmentation(blur=1, sigma=1, vary_sigma=True)
    peaks = [crop[16, 16, 0] for crop in change(augmentation, dot, 100)]
    assert max(peaks) == 255
    assert 38 <= min(peaks) < 50


def test_patches_leave_most_of_the_face_to_see():
    hidden = [
        (c != CROP).any(axis=2).mean() for c in change(Augmentation(blur=0, patches=1), CROP, 300)
    ]
    assert 0.02 < np.mean(hidden) < 0.3


def test_larger_covers_hide_more_of_the_face():
    def hidden(cover):
        changed = change(Augmentation(blur=0, patches=1, cover=cover), CROP, 300)
        return np.mean([(c != CROP).any(axis=2).mean() for c in changed])

    assert hidden(0.3) > 1.4 * hidden(0.2)
    assert 0 < hidden(0.02) < hidden(0.05) < hidden(0.1)


def test_a_dark_picture_has_15_to_70_percent_of_the_light():
    grey = np.full((8, 8, 3), 200, np.uint8)
    levels = [crop.mean() / 200 for crop in change(Augmentation(blur=0, dark=1), grey, 200)]
    assert 0.14 < min(levels) < 0.2
    assert 0.65 < max(levels) < 0.71


def test_a_low_resolution_keeps_pixels_in_their_places():
    lit = np.zeros((64, 64, 3), np.uint8)
    lit[20:28, 32:40] = 255
    ys, xs = np.mgrid[:64, :64]
    for crop in change(Augmentation(blur=0, shrink=1), lit, 50):
        weight = crop[..., 0] / crop[..., 0].sum()
        assert (weight * xs).sum() == pytest.approx(35.5, abs=0.25)
        assert (weight * ys).sum() == pytest.approx(23.5, abs=0.25)
        assert len(np.unique(crop)) > 2


def test_noise_has_no_preferred_direction_and_at_most_16_levels():
    grey = np.full((64, 64, 3), 128, np.uint8)
    crops = change(Augmentation(blur=0, noise=1), grey, 200)
    deviations = [(crop - 128.0).std() for crop in crops]
    assert max(deviations) < 17
    assert max(deviations) > 14
    assert np.mean(crops) == pytest.approx(128, abs=0.7)


def test_the_crop_that_is_given_stays_as_it_is():
    crop = CROP.copy()
    everything = Augmentation(colour=0.3, grey=0.5, patches=1, noise=1, jpeg=1)
    change(everything, crop, 20)
    np.testing.assert_array_equal(crop, CROP)


@pytest.mark.parametrize("size", [(64, 64), (48, 96), (16, 16), (450, 450)])
def test_crops_of_any_size_can_be_augmented(size):
    crop = np.full((*size, 3), 90, np.uint8)
    everything = Augmentation(colour=0.3, grey=0.5, patches=1, noise=1, jpeg=1)
    for changed in change(everything, crop, 5):
        assert changed.shape == (*size, 3)
        assert changed.dtype == np.uint8


def test_light_is_no_more_than_strong_in_anything():
    light, strong = dataclasses.asdict(LIGHT), dataclasses.asdict(STRONG)
    assert all(light[name] <= strong[name] for name in strong)
    assert light != strong


def test_a_crop_is_turned_first_and_mirrored_then():
    seeds = np.random.default_rng(3), np.random.default_rng(3)
    many = np.stack([IDENTITY] * 20)
    turned, _ = random_transform(seeds[0], Augmentation(mirror=0), many, (64, 48))
    both, mirrored = random_transform(seeds[1], Augmentation(mirror=1), many, (64, 48))
    assert mirrored.all()
    points = np.array([[3.0, 50.0], [40.0, 7.0]])
    expected = geometry.transform_points(points, turned)
    expected[..., 0] = 47 - expected[..., 0]
    np.testing.assert_allclose(geometry.transform_points(points, both), expected, atol=1e-4)


def test_jpeg_has_a_quality_of_15_to_75_and_keeps_the_colours():
    quality = {}
    for q in range(1, 101):
        file = cv2.imencode(".jpg", CROP[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, q])[1]
        quality[cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1].tobytes()] = q
    crops = change(Augmentation(blur=0, jpeg=1), CROP, 300)
    found = {quality[crop.tobytes()] for crop in crops}  # KeyError: not the picture's colours
    assert 15 <= min(found) < 20
    assert 70 < max(found) <= 75


def test_a_picture_without_colour_has_noise_without_colour():
    for crop in change(Augmentation(blur=0, grey=1, noise=1), CROP, 20):
        np.testing.assert_array_equal(crop[..., :1].repeat(3, axis=-1), crop)


def test_there_are_one_to_three_patches_of_one_colour_each():
    plain = np.full((64, 64, 3), 128, np.uint8)
    counts = [
        len({tuple(pixel) for pixel in crop.reshape(-1, 3)}) - 1
        for crop in change(Augmentation(blur=0, patches=1), plain, 300)
    ]
    assert set(counts) <= {0, 1, 2, 3}
    assert {1, 2, 3} <= set(counts)


@pytest.mark.parametrize("level", [0, 255])
def test_noise_does_not_turn_black_to_white_nor_white_to_black(level):
    plain = np.full((32, 32, 3), level, np.uint8)
    for crop in change(Augmentation(blur=0, noise=1), plain, 50):
        assert np.abs(crop.astype(int) - level).max() < 100


def test_colour_gives_a_grey_picture_a_tinge_and_keeps_its_middle_level():
    grey = np.full((4, 4, 3), 60, np.uint8)
    crops = change(Augmentation(blur=0, colour=0.3), grey, 100).astype(int)
    assert np.ptp(crops[:, 0, 0], axis=-1).max() > 5
    levels = change(Augmentation(blur=0, colour=0.3), np.full((4, 4, 3), 128, np.uint8), 400)
    assert levels.mean() == pytest.approx(128, abs=3)
    assert levels.min() > 0.65 * 128
    assert levels.max() < 1.35 * 128


@pytest.mark.parametrize(
    "words", [{"mirror": 50}, {"shift": -0.1}, {"scale": 5}, {"rotation": 400}, {"blur": np.nan}]
)
def test_percent_and_what_else_is_out_of_range_is_named(words):
    ((name, _value),) = words.items()
    with pytest.raises(
        ValueError, match=f"{name} must be a finite number of at least 0 and of at most"
    ):
        Augmentation(**words)


@pytest.mark.parametrize("words", [{"normal": True, "scale": 0.9}, {"shift": 0.9}, {"scale": 1.0}])
def test_a_box_is_never_turned_inside_out(words):
    boxes = np.array(many(random_box, Augmentation(**{"shift": 0.0, **words}), BOX))
    sides = (boxes[:, 2:] - boxes[:, :2]) / [100, 200]
    assert sides.min() == pytest.approx(0.1)


@pytest.mark.parametrize("size", [(64, 128), (96, 64)])
def test_the_picture_is_turned_whatever_the_shape_of_the_crop(size):
    crop = geometry.box_transform(np.array([10.0, 20, 110, 120]), size)
    augmentation = Augmentation(rotation=90, mirror=0)
    eyes = np.array([[40.0, 60], [80, 60]])
    spans = []
    for transform, _ in many(random_transform, augmentation, crop, size, count=50):
        (x, y), (u, v) = geometry.transform_points(eyes, transform) / size[::-1]
        spans.append(np.hypot(u - x, v - y))  # of the square that the crop shows
        middle = geometry.transform_points(np.array([[59.5, 69.5]]), transform)
        np.testing.assert_allclose(middle, [[size[1] / 2 - 0.5, size[0] / 2 - 0.5]], atol=1e-3)
    np.testing.assert_allclose(spans, 0.4, rtol=1e-4)


def test_a_patch_is_at_most_twice_its_cover_wide():
    plain, widths = np.full((64, 64, 3), 128, np.uint8), []
    for crop in change(Augmentation(blur=0, patches=1, cover=0.2), plain, 300):
        for colour in np.unique(crop.reshape(-1, 3), axis=0):
            if (colour != 128).any():
                columns = np.flatnonzero((crop == colour).all(axis=2).any(axis=0))
                widths.append(np.ptp(columns) + 1)
    assert 0.36 * 64 < max(widths) <= 0.4 * 64 + 3  # whole pixels
