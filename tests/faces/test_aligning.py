"""Faces cut out, aligned, and their parts: crops, templates, openness."""

import dataclasses
import types

import numpy as np
import pytest
import skimage.transform

from keras_landmarks import Detection, data, geometry, pictures
from keras_landmarks.data import made_up_face
from keras_landmarks.faces import align, align_transform
from keras_landmarks.own_schemes import scheme_of_names
from keras_landmarks.schemes import SCHEMES, convert


def made_up(degrees=0.0, scheme="ibug68"):
    """A made-up face, turned clockwise about its middle: `(picture, Detection)`."""
    picture, points = data.made_up_face(3, 240)
    turn = geometry.similarity_transform(1.0, degrees, points.mean(axis=0))
    points = convert(geometry.transform_points(points, turn), "ibug68", scheme)
    return pictures.warp(picture, turn, (240, 240)), Detection(points, None, scheme)


def test_a_face_is_laid_on_arcfaces_template_as_umeyamas_estimate_says():
    picture, face = made_up(20)
    template = np.array(
        [
            [38.2946, 51.6963],
            [73.5318, 51.5014],
            [56.0252, 71.7366],
            [41.5493, 92.3655],
            [70.7299, 92.2041],
        ]
    )
    points = convert(face.landmarks, "ibug68", "five5")
    estimate = skimage.transform.SimilarityTransform.from_estimate(points, template)
    expected = pictures.warp(picture, estimate.params[:2], (112, 112))
    aligned = align(picture, face, "arcface-112")
    assert aligned.shape == (112, 112, 3)
    assert np.abs(aligned.astype(int) - expected).max() <= 1


def test_what_cannot_be_aligned_is_named():
    picture, face = made_up()
    with pytest.raises(ValueError, match="Unknown template 'arcface'. Known: arcface-112"):
        align(picture, face, "arcface")
    with pytest.raises(ValueError, match="No conversion menpo39 -> five5"):
        align(picture, Detection(face.landmarks[:39], None, "menpo39"))
    inner = made_up(scheme="ibug49")[1]
    np.testing.assert_array_equal(align(picture, inner), align(picture, face))


@pytest.mark.parametrize("degrees", [0, 40, 180])
def test_a_crop_is_levelled_and_shows_the_same_at_every_tilt(degrees):
    upright, turned = (
        face.crop(picture, 64, 1.2) for picture, face in (made_up(), made_up(degrees))
    )
    assert turned.shape == (64, 64, 3)
    inside = slice(16, 48), slice(16, 48)
    assert np.abs(upright[inside].astype(int) - turned[inside]).mean() < 4


def test_a_lit_point_of_a_face_comes_to_its_place_in_the_crop():
    points = np.array([[10, 12], [31, 12], [20, 20], [14, 27], [26, 27]], np.float32)
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[20, 20] = 255  # the tip of the nose
    crop = Detection(points, None, "five5").crop(picture, size=44, margin=2.0)
    # The box is 10..32 by 12..28, its square 22 wide about (21, 20): twice that begins at (-1, -2).
    assert np.argwhere(crop[..., 0]).tolist() == [[22, 21]]


def test_points_go_with_the_picture_into_what_is_cut_out():
    points = np.array([[10, 12], [31, 14], [20, 20], [14, 27], [26, 29]], np.float32)
    for way in ("crop", "align"):
        for i, (x, y) in enumerate(points.astype(int)):
            picture = np.zeros((48, 48, 3), np.uint8)
            picture[y, x] = 255
            face = Detection(points, None, "five5")
            if way == "crop":
                cut, transform = face.crop(picture, 160, 2.0), face.crop_transform(160, 2.0)
            else:
                cut, transform = align(picture, face), align_transform(face)
            light = cut[..., 0].astype(float)
            rows, columns = np.indices(light.shape)
            centre = (columns * light).sum() / light.sum(), (rows * light).sum() / light.sum()
            expected = geometry.transform_points(points, transform)[i]
            np.testing.assert_allclose(centre, expected, atol=0.1)


def test_a_part_is_asked_for_by_the_name_of_a_contour_or_a_region():
    face = made_up()[1]
    np.testing.assert_array_equal(face["left_eye"], face.landmarks[42:48])
    np.testing.assert_array_equal(face["mouth"], face.landmarks[48:])
    with pytest.raises(KeyError, match=r"has no part slice.*numbers are face.landmarks\["):
        face[0:17]
    with pytest.raises(KeyError, match="ibug68 has no part 'ear', but jaw, brows"):
        face["ear"]
    with pytest.raises(TypeError, match="not iterable"):
        list(face)


def test_openness_of_eyes_and_mouth_is_the_aspect_ratio_of_the_paper():
    face = made_up()[1]
    p = face.landmarks.astype(np.float64)

    def apart(i, j):
        return np.hypot(*(p[i] - p[j]))

    right = (apart(37, 41) + apart(38, 40)) / (2 * apart(36, 39))
    left = (apart(43, 47) + apart(44, 46)) / (2 * apart(42, 45))
    assert face.eye_openness == pytest.approx((right, left))
    mouth = (apart(61, 67) + apart(62, 66) + apart(63, 65)) / (3 * apart(60, 64))
    assert face.mouth_openness == pytest.approx(mouth)


def test_a_closed_eye_and_mouth_are_not_open():
    face = made_up()[1]
    face.landmarks[[40, 41, 46, 47]] = face.landmarks[[38, 37, 44, 43]]
    face.landmarks[[65, 66, 67]] = face.landmarks[[63, 62, 61]]
    assert face.eye_openness == (0.0, 0.0)
    assert face.mouth_openness == 0.0
    face.landmarks[:] = 5.0  # no width
    assert face.eye_openness is None


def test_schemes_without_such_contours_have_no_openness():
    has = {"eyes": [], "mouth": []}
    for name, scheme in SCHEMES.items():
        points = np.random.default_rng(0).uniform(0, 60, (scheme.count, 2)).astype(np.float32)
        face = Detection(points, None, scheme)
        has["eyes"] += [name] * (face.eye_openness is not None)
        has["mouth"] += [name] * (face.mouth_openness is not None)
    eyes = ["ibug68", "wflw98", "cofw29", "ibug51", "ibug49", "lapa106"]
    assert has == {"eyes": eyes, "mouth": [name for name in eyes if name != "ibug49"]}


def test_hidden_faces_are_blocks_of_one_colour_and_the_rest_is_as_it_was():
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    before = picture.copy()
    points = np.array([[30, 30], [60, 30], [45, 60]], np.float32)  # about (45, 45), up to 21.2 away
    hidden = pictures.anonymise(picture, [types.SimpleNamespace(landmarks=points)], blocks=2)
    np.testing.assert_array_equal(picture, before)
    far = np.hypot(*np.mgrid[-45:45, -45:75]) > 1.4 * 450**0.5 + 1
    np.testing.assert_array_equal(hidden[far], picture[far])
    near = ~far & (np.hypot(*np.mgrid[-45:45, -45:75]) < 1.4 * 450**0.5)
    assert len(np.unique(hidden[near], axis=0)) == 4
    half = types.SimpleNamespace(landmarks=points - (45, 0))  # its middle is on the left edge
    cut = pictures.anonymise(picture, [half], blocks=2)
    assert len(np.unique(cut[(cut != picture).any(axis=2)], axis=0)) == 2  # as large as the whole's
    beside = types.SimpleNamespace(landmarks=points + 500)
    np.testing.assert_array_equal(pictures.anonymise(picture, [beside]), picture)


@pytest.mark.parametrize("name", ["five5", "ibug51", "mine"])
def test_a_head_is_hidden_whatever_part_of_it_the_points_are_of(name):
    _, whole = made_up_face(0, 200)
    turn = geometry.similarity_transform(1.0, 25.0, (100, 100), (0, 0))
    whole = geometry.transform_points(np.float64(whole), np.float64(turn))
    box = geometry.box_from_landmarks(whole)
    points, scheme = (
        convert(whole, "ibug68", "five5" if name == "mine" else name),
        SCHEMES.get(name),
    )
    if name == "mine":
        points, scheme = points[:2], scheme_of_names("mine", 2, mirror=[[0, 1]])
    face = Detection(points, box, scheme, angle=25.0)
    picture = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    hidden = (pictures.anonymise(picture, [face]) != picture).any(axis=2)
    x, y = np.rint(whole).astype(int).T
    assert hidden[y, x].mean() > 0.97


def test_a_face_is_aligned_by_the_points_that_are_known():
    picture, face = made_up(20)
    whole, landmarks = align(picture, face), face.landmarks.copy()
    landmarks[37] = np.nan  # and so the right pupil
    part = align(picture, data.Face(picture, landmarks, "ibug68"))
    assert np.abs(np.int32(part) - whole).mean() < 8
    landmarks[:36] = landmarks[40:54] = landmarks[55:] = np.nan
    with pytest.raises(ValueError, match="at least two points of five5 must be known"):
        align(picture, data.Face(picture, landmarks, "ibug68"))


def test_points_that_are_missing_do_not_show_a_face():
    _, points = made_up_face(0, 200)
    picture = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    missing = points.copy()
    missing[3] = np.nan
    whole = pictures.anonymise(picture, data.Face(picture, points, "ibug68"))
    part = pictures.anonymise(picture, data.Face(picture, missing, "ibug68", (20, 20, 180, 180)))
    changed = (whole != picture).any(axis=-1)
    assert (part != picture).any(axis=-1)[changed].mean() > 0.9
    box = data.Face(picture, None, "ibug68", (50, 50, 150, 150))
    assert (pictures.anonymise(picture, box) != picture).any(axis=-1)[60:140, 60:140].mean() > 0.9
    nothing = types.SimpleNamespace(landmarks=np.full((68, 2), np.nan))
    with pytest.raises(ValueError, match="without a point and without a box"):
        pictures.anonymise(picture, [nothing])


def test_a_crop_shows_a_face_of_which_points_are_missing():
    picture, face = made_up(20)
    whole, landmarks = face.crop(picture, 64), face.landmarks.copy()
    landmarks[3], landmarks[37] = np.nan, (np.nan, 5)  # of the jaw, and of an eye
    part = dataclasses.replace(face, landmarks=landmarks, angle=face.angle).crop(picture, 64)
    assert np.abs(np.int32(part) - whole).mean() < 8
    landmarks[1:] = np.nan
    with pytest.raises(ValueError, match="at least two points must be known"):
        dataclasses.replace(face, landmarks=landmarks).crop(picture, 64)
