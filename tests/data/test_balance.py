import numpy as np
import pytest
from places import DATA, needs_data

from keras_landmarks.data import balance_poses, made_up_face, made_up_faces, read_300w
from keras_landmarks.data.made_up import random_shape
from keras_landmarks.schemes import Scheme, get_scheme
from keras_landmarks.shapes import align

IBUG68 = get_scheme("ibug68")


def shapes_of(count, seed=0):
    return np.stack([random_shape(np.random.default_rng((seed, i))) for i in range(count)])


def test_aligned_shapes_have_no_shift_rotation_or_scale_left():
    aligned = align(shapes_of(40), 10)
    mean = aligned.mean(axis=0)
    mean *= 100 / np.sqrt(np.square(mean).sum(axis=-1).mean())
    for shape in aligned:
        np.testing.assert_allclose(shape.mean(axis=0), 0, atol=1e-7)
        # The best similarity onto the mean, x + iy as complex numbers, is to leave the shape.
        z, w = (s[:, 0] + 1j * s[:, 1] for s in (shape, mean))
        factor = sum(np.conj(z) * w) / sum(abs(z) ** 2)
        assert abs(factor - 1) < 1e-3


def test_alignment_does_not_see_a_similarity():
    shapes = shapes_of(20)
    moved = []
    rng = np.random.default_rng(0)
    for shape in shapes:
        angle, scale = rng.uniform(-0.5, 0.5), rng.uniform(0.5, 2)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        moved.append(shape @ turn.T + rng.uniform(-100, 100, 2))
    one, two = align(shapes, 10), align(np.stack(moved), 10)
    # Each set is as upright as its first shape; take that rotation out.
    z, w = (s[..., 0] + 1j * s[..., 1] for s in (one, two))
    factor = np.vdot(z, w) / np.vdot(z, z)
    assert abs(factor) == pytest.approx(1, abs=1e-2)
    np.testing.assert_allclose(w, factor * z, atol=1.6)


def test_the_coefficient_orders_faces_by_yaw():
    rng = np.random.default_rng(0)
    frontal = made_up_face(0)[1]
    mean = (frontal + IBUG68.mirrored(frontal, 200)) / 2
    yaws = rng.uniform(-1, 1, 60)
    depth = -((mean[:, :1] - mean[:, 0].mean()) ** 2) / 50
    shapes = [mean + np.hstack([depth * yaw, 0 * depth]) for yaw in yaws]
    coefficients = balance_poses(np.stack(shapes)).coefficients
    assert abs(np.corrcoef(coefficients, yaws)[0, 1]) > 0.99


def turned_shapes(yaws):
    frontal = made_up_face(0)[1]
    mean = (frontal + IBUG68.mirrored(frontal, 200)) / 2
    depth = -((mean[:, :1] - mean[:, 0].mean()) ** 2) / 50
    return np.stack([mean + np.hstack([depth * yaw, 0 * depth]) for yaw in yaws])


@pytest.mark.parametrize("side", [-1, 1])
def test_a_face_of_which_one_side_is_hidden_is_turned_furthest(side):
    yaws = np.concatenate([np.random.default_rng(0).normal(0, 0.15, 100), [side]])
    shapes = turned_shapes(yaws)
    full = balance_poses(shapes)
    x = shapes[-1, :, 0]  # as on a profile, whose far side lies closer together
    right = np.flatnonzero(np.array(IBUG68.mirror) > np.arange(68))
    left = np.array(IBUG68.mirror)[right]
    far = right if np.ptp(x[right]) < np.ptp(x[left]) else left
    shapes[-1, far] = np.nan
    found = balance_poses(shapes)
    same = np.sign(found.coefficients[:-1] @ full.coefficients[:-1])  # an axis has no direction
    assert np.sign(found.coefficients[-1]) == same * np.sign(full.coefficients[-1])
    assert abs(found.coefficients[-1]) == abs(found.coefficients).max()
    assert np.bincount(found.indices)[-1] > 1


def test_points_without_partners_are_balanced_by_what_differs():
    nobody = Scheme("none", 68, range(68), {}, {}, (), (), None, normaliser="box")
    yaws = np.random.default_rng(0).uniform(-1, 1, 60)
    balance = balance_poses(turned_shapes(yaws), nobody)
    assert abs(np.corrcoef(balance.coefficients, yaws)[0, 1]) > 0.95
    assert np.bincount(balance.indices).max() < 20


def test_two_points_have_no_pose():
    two = Scheme("two", 2, (1, 0), {}, {}, (0,), (1,), None, "pupils")
    points = np.random.default_rng(0).uniform(0, 100, (50, 2, 2))
    np.testing.assert_array_equal(balance_poses(points, two).indices, np.arange(50))


def test_poses_are_the_same_in_pictures_of_any_size():
    shapes = shapes_of(60)
    expected = balance_poses(shapes)
    some_larger = shapes * np.where(np.arange(60) % 3, 1, 30)[:, None, None]
    np.testing.assert_array_equal(balance_poses(30 * shapes).counts, expected.counts)
    np.testing.assert_array_equal(balance_poses(some_larger).indices, expected.indices)


def test_counts_and_copies_are_those_counted_by_hand():
    balance = balance_poses(shapes_of(100), bins=5)
    reach = max(abs(c) for c in balance.coefficients)
    assert list(balance.edges) == pytest.approx([reach * e for e in (-1, -0.6, -0.2, 0.2, 0.6, 1)])
    counts, bin_of = [0] * 5, []
    for c in balance.coefficients:
        bin_of.append(min(int((c + reach) / (2 * reach / 5)), 4))
        counts[bin_of[-1]] += 1
    assert list(balance.counts) == counts
    drawn = np.bincount(balance.indices, minlength=100)
    for i in range(100):
        assert drawn[i] == round(max(counts) / counts[bin_of[i]])
    after = np.bincount(np.take(bin_of, balance.indices), minlength=5)
    for before, now in zip(counts, after):
        assert now % before == 0
        assert abs(now - max(counts)) <= before / 2


def test_every_face_is_drawn_and_rare_poses_several_times():
    shapes = shapes_of(200)
    yaw = np.abs(balance_poses(shapes).coefficients)
    frontal, turned = shapes[yaw < yaw.max() / 3], shapes[yaw > 0.9 * yaw.max()][:4]
    balance = balance_poses(np.concatenate([frontal, turned]))
    drawn = np.bincount(balance.indices)
    assert len(drawn) == len(frontal) + 4
    assert drawn.min() == 1
    assert drawn[-4:].min() > 1
    assert drawn[-4:].mean() > 3 * drawn[:-4].mean()


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_face_is_drawn_more_often_than_allowed(most):
    # 30 frontal faces and few others: without a limit the others would be drawn many times.
    face = made_up_face(0)[1]
    frontal = np.stack([(face + IBUG68.mirrored(face, 200)) / 2] * 30)
    shapes = np.concatenate([frontal, shapes_of(4)])
    free = np.bincount(balance_poses(shapes).indices)
    limited = np.bincount(balance_poses(shapes, most=most).indices)
    assert free.max() > 3
    np.testing.assert_array_equal(limited, np.minimum(free, most))


def test_a_mirrored_set_has_a_symmetric_histogram():
    shapes = shapes_of(80)
    both = np.concatenate([shapes, IBUG68.mirrored(shapes, 200)])
    balance = balance_poses(both)
    np.testing.assert_allclose(balance.coefficients[:80], -balance.coefficients[80:], atol=1e-4)
    np.testing.assert_array_equal(balance.counts, balance.counts[::-1])
    drawn = np.bincount(balance.indices)
    np.testing.assert_array_equal(drawn[:80], drawn[80:])


def test_equal_symmetric_faces_are_all_drawn_once():
    face = made_up_face(0)[1]
    shapes = np.stack([(face + IBUG68.mirrored(face, 200)) / 2] * 5)
    np.testing.assert_array_equal(np.sort(balance_poses(shapes).indices), range(5))


@pytest.mark.parametrize("scheme", ["ibug68", "ibug49", "five5"])
def test_faces_of_any_scheme_are_balanced(scheme):
    shapes = np.stack([face.landmarks for face in made_up_faces(30, scheme=scheme)])
    assert set(balance_poses(shapes, scheme, bins=3).indices) == set(range(30))


@pytest.mark.parametrize(
    ("landmarks", "kwargs", "message"),
    [
        (shapes_of(3)[:, :67], {}, "at least 2 ibug68 shapes"),
        (shapes_of(3)[0], {}, "at least 2 ibug68 shapes"),
        (shapes_of(1), {}, "at least 2 ibug68 shapes"),
        (shapes_of(3) * np.inf, {}, "not all finite"),
        (shapes_of(3), {"bins": 0}, "bins=0"),
        (shapes_of(3), {"most": 0}, "most=0"),
        (shapes_of(3), {"most": 1.5}, "most=1.5"),
        (shapes_of(3), {"bins": "9"}, "bins=9"),
        (shapes_of(3), {"scheme": "ibug69"}, "Unknown scheme"),
    ],
)
def test_bad_arguments_are_errors(landmarks, kwargs, message):
    with pytest.raises(ValueError, match=message):
        balance_poses(landmarks, **kwargs)


def test_the_histogram_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    balance_poses(shapes_of(50)).plot(tmp_path / "poses.png")
    assert (tmp_path / "poses.png").read_bytes()[:4] == b"\x89PNG"


@needs_data
def test_real_300w_is_balanced():
    faces = read_300w(DATA / "300W")
    balance = balance_poses(np.stack([face.landmarks for face in faces]))
    assert balance.counts.argmax() == 4  # most are frontal
    assert 1.2 * len(faces) < len(balance.indices) < 9 * len(faces)


@needs_data
def test_real_aflw_is_balanced_in_17_bins():
    path = DATA / "formats/aflw19/shapes_train_4000.txt"
    rows = [line.split()[1:] for line in path.read_text().splitlines()]
    shapes = np.array(rows, np.float64).reshape(len(rows), 19, 2)
    balance = balance_poses(shapes, "aflw19", bins=17)
    assert len(balance.counts) == 17
    assert balance.counts.sum() == len(shapes) == 4000
    assert balance.counts.min() > 0
    bin_of = np.clip(np.digitize(balance.coefficients, balance.edges) - 1, 0, 16)
    after = np.bincount(bin_of[balance.indices], minlength=17)
    assert after.min() > 0.7 * balance.counts.max()
    # Of a face turned to one side the nose is nearer to one of the outer eye corners.
    nose = shapes[:, 13, 0] - (shapes[:, 6, 0] + shapes[:, 11, 0]) / 2
    assert abs(np.corrcoef(balance.coefficients, nose)[0, 1]) > 0.8


@pytest.mark.parametrize("number", [0, 7])
def test_a_face_of_equal_points_is_frontal_and_leaves_the_others_their_poses(number):
    landmarks = np.stack([face.landmarks for face in made_up_faces(60)])
    others = np.delete(np.arange(60), number)
    landmarks[number] = 1720, 1680
    found, alone = balance_poses(landmarks), balance_poses(landmarks[others])
    assert found.coefficients[number] == 0
    assert abs(np.corrcoef(found.coefficients[others], alone.coefficients)[0, 1]) > 0.99
    assert found.counts.max() < 50


def test_faces_without_points_are_picked_once_and_leave_the_others_their_copies():
    known = np.stack([face.landmarks for face in made_up_faces(40)])
    alone = np.bincount(balance_poses(known).indices)
    both = np.concatenate([known, np.full((200, 68, 2), np.nan)])
    found = np.bincount(balance_poses(both).indices)
    np.testing.assert_array_equal(found[:40], alone)
    np.testing.assert_array_equal(found[40:], 1)
