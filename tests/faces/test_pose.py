import os
import pathlib

import numpy as np
import pytest

from keras_landmarks import Detection, geometry
from keras_landmarks.data.made_up import frontal_shape
from keras_landmarks.faces import pose
from keras_landmarks.faces.head import HEAD
from keras_landmarks.schemes import IBUG68, SCHEMES, convert

AFLW2000 = pathlib.Path(os.environ.get("KERAS_LANDMARKS_DATA", "none")) / "formats" / "aflw2000"


def looking(yaw, pitch, roll, size=80.0, middle=(120, 90)):
    """The head's points in a picture, turned by hand: first the yaw, then pitch, then roll."""
    points = []
    y, p, r = np.radians([yaw, pitch, roll])
    for right, up, front in HEAD:
        right, front = right * np.cos(y) - front * np.sin(y), right * np.sin(y) + front * np.cos(y)
        up, front = up * np.cos(p) + front * np.sin(p), front * np.cos(p) - up * np.sin(p)
        x, down = right, -up
        x, down = x * np.cos(r) - down * np.sin(r), x * np.sin(r) + down * np.cos(r)
        points.append((size * x + middle[0], size * down + middle[1]))
    return np.array(points, np.float32)


@pytest.mark.parametrize("angles", [(0, 0, 0), (35, 0, 0), (0, -20, 0), (0, 0, 75), (-60, 25, 150)])
def test_the_pose_is_the_one_that_the_points_were_made_with(angles):
    found = pose.of_landmarks(looking(*angles), "ibug68")
    np.testing.assert_allclose(found, angles, atol=0.01)


def test_the_signs_are_those_that_are_told():
    nose = IBUG68.regions["nose"][3]
    ahead = looking(0, 0, 0)
    assert looking(30, 0, 0)[nose, 0] < ahead[nose, 0]  # to the picture's left
    assert looking(0, 20, 0)[nose, 1] < ahead[nose, 1]  # up
    eyes = looking(0, 0, 20)[list(IBUG68.eye_corners)]
    assert eyes[1, 1] > eyes[0, 1]  # clockwise: the left eye, on the right, goes down


@pytest.mark.parametrize("degrees", [-120, -30, 10, 90])
def test_a_turned_picture_changes_roll_by_the_turn_and_nothing_else(degrees):
    landmarks = looking(25, -15, 20)
    turn = np.float64(geometry.similarity_transform(1.7, degrees, (50, 60), (3, -8)))
    before = pose.of_landmarks(landmarks, "ibug68")
    after = pose.of_landmarks(geometry.transform_points(landmarks, turn), "ibug68")
    np.testing.assert_allclose(after, np.add(before, (0, 0, degrees)), atol=0.01)


def test_a_mirrored_face_looks_the_other_way():
    found = pose.of_landmarks(IBUG68.mirrored(looking(25, -15, 20), 200), "ibug68")
    np.testing.assert_allclose(found, (-25, -15, -20), atol=0.01)


@pytest.mark.parametrize("scheme", ["ibug51", "ibug49", "five5"])
def test_parts_of_the_points_say_the_same(scheme):
    landmarks = convert(looking(25, 5, 10), "ibug68", scheme)
    np.testing.assert_allclose(pose.of_landmarks(landmarks, scheme), (25, 5, 10), atol=0.5)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_that_converts_has_a_pose_and_the_others_have_none(scheme):
    landmarks = np.random.default_rng(0).uniform(0, 60, (SCHEMES[scheme].count, 2))
    face = Detection(np.float32(landmarks), np.array([0, 0, 60, 60]), scheme)
    assert (face.pose is None) == (scheme == "menpo39")
    assert ("pose" in face.to_dict()) == (scheme != "menpo39")


def test_points_that_say_nothing_have_no_pose():
    assert pose.of_landmarks(np.full((68, 2), 7.0), "ibug68") is None
    assert pose.of_landmarks(np.full((68, 2), np.nan), "ibug68") is None


def test_the_head_is_symmetric_and_like_one():
    np.testing.assert_allclose(HEAD, HEAD[list(IBUG68.mirror)] * (-1, 1, 1))
    right, left = HEAD[list(IBUG68.eye_corners)]
    assert left[0] - right[0] == pytest.approx(1)
    assert HEAD[30, 2] > HEAD[27, 2] > HEAD[36, 2] > HEAD[0, 2]  # nose, its root, eye, ear
    drawn = frontal_shape() * (1, -1, 1)
    apart = [shape - shape.mean(axis=0) for shape in (HEAD[:, :2], drawn[:, :2])]
    assert np.corrcoef(apart[0].ravel(), apart[1].ravel())[0, 1] > 0.98


def test_axes_point_left_up_and_to_the_viewer():
    np.testing.assert_allclose(pose.Pose(0, 0, 0).axes, [[1, 0], [0, -1], [0, 0]], atol=1e-9)
    np.testing.assert_allclose(pose.Pose(90, 0, 0).axes[2], [-1, 0], atol=1e-9)
    np.testing.assert_allclose(pose.Pose(0, 90, 0).axes[2], [0, -1], atol=1e-9)
    np.testing.assert_allclose(pose.Pose(0, 0, 90).axes[0], [0, 1], atol=1e-9)


@pytest.mark.skipif(not AFLW2000.is_dir(), reason="needs the pictures of AFLW2000-3D")
def test_known_poses_are_found_within_degrees():
    from scipy.io import loadmat

    errors = []
    for file in sorted(AFLW2000.glob("*.mat")):
        known = loadmat(file)
        truth = pose.from_aflw2000(known["Pose_Para"][0, :3])
        errors.append(np.subtract(pose.of_landmarks(known["pt3d_68"][:2].T, "ibug68"), truth))
    assert len(errors) == 16
    assert np.abs(errors).mean() < 2
    assert np.abs(errors).mean(axis=0).max() < 3


def test_a_point_of_a_weight_counts_as_so_many_points_and_the_jaw_as_a_tenth():
    points = looking(25, -10, 15) + np.random.default_rng(0).normal(0, 3, (68, 2))
    counts = np.arange(68) % 4
    several = pose.of_points(points.repeat(counts, 0), HEAD.repeat(counts, 0))
    np.testing.assert_allclose(pose.of_points(points, HEAD, np.float64(counts)), several, atol=1e-6)
    expected = pose.of_points(points, HEAD, np.array([0.1] * 17 + [1.0] * 51))
    np.testing.assert_allclose(pose.of_landmarks(points, "ibug68"), expected, atol=1e-6)
