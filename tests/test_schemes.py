import dataclasses
import json

import numpy as np
import pytest

from keras_landmarks import own_schemes, schemes
from keras_landmarks.schemes import (
    FIVE5,
    NORMALISERS,
    SCHEMES,
    convert,
    get_scheme,
    scheme_config,
)

RNG = np.random.default_rng(0)
every_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
CONVERSIONS = [
    ("wflw98", "ibug68"),
    ("ibug68", "ibug51"),
    ("ibug68", "ibug49"),
    ("ibug68", "five5"),
    ("ibug51", "ibug49"),
    ("ibug51", "five5"),
    ("ibug49", "five5"),
    ("wflw98", "five5"),
    ("cofw29", "five5"),
    ("wflw98", "ibug51"),
    ("wflw98", "ibug49"),
    ("aflw19", "five5"),
    ("lapa106", "ibug68"),
    ("lapa106", "five5"),
    ("lapa106", "ibug51"),
    ("lapa106", "ibug49"),
]
every_conversion = pytest.mark.parametrize(("source", "target"), CONVERSIONS)


def partner(name):
    """The name of the part on the face's other side."""
    if "right" in name:
        return name.replace("right", "left")
    return name.replace("left", "right")


def edges(scheme, name):
    """The lines of a contour, each a set of its two ends."""
    points, closed = scheme.contours[name]
    following = [*points[1:], points[0]] if closed else points[1:]
    return {frozenset(ends) for ends in zip(points, following)}


@every_scheme
def test_the_mirror_is_a_permutation_and_its_own_inverse(scheme):
    assert sorted(scheme.mirror) == list(range(scheme.count))
    for i, j in enumerate(scheme.mirror):
        assert scheme.mirror[j] == i


@every_scheme
def test_every_index_is_in_range(scheme):
    points = [i for indices, _ in scheme.contours.values() for i in indices]
    points += [i for indices in scheme.regions.values() for i in indices]
    points += [*scheme.right_eye, *scheme.left_eye, *(scheme.eye_corners or ())]
    assert all(0 <= i < scheme.count for i in points)


@every_scheme
def test_every_point_is_in_exactly_one_region(scheme):
    points = [i for indices in scheme.regions.values() for i in indices]
    assert sorted(points) == list(range(scheme.count))


@every_scheme
def test_every_point_is_drawn(scheme):
    points = {i for indices, _ in scheme.contours.values() for i in indices}
    assert points == set(range(scheme.count))


@every_scheme
def test_the_mirror_maps_every_region_onto_itself(scheme):
    for indices in scheme.regions.values():
        assert {scheme.mirror[i] for i in indices} == set(indices)


@every_scheme
def test_the_mirror_maps_every_contour_onto_itself_or_its_partner(scheme):
    for name, (indices, closed) in scheme.contours.items():
        other_indices, other_closed = scheme.contours[partner(name)]
        assert {scheme.mirror[i] for i in indices} == set(other_indices)
        assert closed == other_closed
        mirrored = {frozenset(scheme.mirror[i] for i in edge) for edge in edges(scheme, name)}
        assert mirrored == edges(scheme, partner(name))


@every_scheme
def test_eyes_and_their_corners_mirror_each_other(scheme):
    assert {scheme.mirror[i] for i in scheme.right_eye} == set(scheme.left_eye)
    assert set(scheme.right_eye).isdisjoint(scheme.left_eye)
    if scheme.eye_corners:
        right, left = scheme.eye_corners
        assert scheme.mirror[right] == left
        assert right != left
        assert {right, left} <= set(scheme.regions["eyes"])


@every_scheme
def test_errors_are_divided_by_a_distance_that_the_scheme_has(scheme):
    assert scheme.normaliser in NORMALISERS
    assert scheme.normaliser != "corners" or scheme.eye_corners


@every_scheme
def test_a_mirrored_face_mirrored_again_is_the_same_face(scheme):
    faces = RNG.uniform(0, 99, (2, scheme.count, 2)).astype("float32")
    mirrored = scheme.mirrored(faces, 100)
    for face, other in zip(faces, mirrored):
        for i, j in enumerate(scheme.mirror):
            np.testing.assert_allclose(other[i], [100 - 1 - face[j, 0], face[j, 1]])
    np.testing.assert_allclose(scheme.mirrored(mirrored, 100), faces, atol=1e-4)


@every_scheme
def test_mirroring_leaves_its_argument_alone(scheme):
    face = RNG.uniform(0, 99, (scheme.count, 2))
    before = face.copy()
    scheme.mirrored(face, 100)
    np.testing.assert_array_equal(face, before)


def test_the_jaw_of_68_points_mirrors_from_ear_to_ear():
    assert [schemes.IBUG68.mirror[i] for i in range(17)] == list(range(16, -1, -1))


def test_the_inner_lips_of_49_points_lack_their_corners():
    assert schemes.IBUG51.count == 51
    assert schemes.IBUG49.count == 49
    assert len(schemes.IBUG51.contours["inner_lips"][0]) == 8
    assert len(schemes.IBUG49.contours["inner_lips"][0]) == 6
    assert "jaw" not in schemes.IBUG51.regions


# Schemes by name


@every_scheme
def test_a_scheme_is_got_by_its_name_or_itself(scheme):
    assert get_scheme(scheme.name) is scheme
    assert get_scheme(scheme) is scheme


@pytest.mark.parametrize("name", ["ibug", "", None, 68])
def test_an_unknown_scheme_names_the_known_ones(name):
    with pytest.raises(ValueError, match=r"Known: ibug68, wflw98"):
        get_scheme(name)


# Conversions


@every_conversion
def test_converting_makes_the_targets_shape(source, target):
    faces = RNG.uniform(0, 99, (3, 2, get_scheme(source).count, 2))
    converted = convert(faces, source, target)
    assert converted.shape == (3, 2, get_scheme(target).count, 2)
    assert converted.dtype == np.float32
    np.testing.assert_array_equal(converted[1, 0], convert(faces[1, 0], source, target))


@every_conversion
def test_converting_and_mirroring_change_places(source, target):
    face = RNG.uniform(0, 99, (get_scheme(source).count, 2)).astype("float32")
    converted_first = get_scheme(target).mirrored(convert(face, source, target), 100)
    mirrored_first = convert(get_scheme(source).mirrored(face, 100), source, target)
    np.testing.assert_allclose(converted_first, mirrored_first, atol=1e-4)


@every_conversion
def test_converted_points_stay_in_their_region(source, target):
    # A face whose every point is marked with the number of its region.
    source, target = get_scheme(source), get_scheme(target)
    names = list(source.regions)
    face = np.full((source.count, 2), -1.0)
    for name, indices in source.regions.items():
        face[list(indices)] = names.index(name)
    converted = convert(face, source, target)
    for name, indices in target.regions.items():
        np.testing.assert_array_equal(converted[list(indices)], names.index(name))


@pytest.mark.parametrize(("source", "target"), [c for c in CONVERSIONS if c[1] != "five5"])
def test_conversions_keep_the_eye_corners(source, target):
    source, target = get_scheme(source), get_scheme(target)
    face = RNG.uniform(0, 99, (source.count, 2)).astype("float32")
    converted = convert(face, source, target)
    np.testing.assert_array_equal(
        converted[list(target.eye_corners)], face[list(source.eye_corners)]
    )


def test_98_points_become_68_point_by_point():
    # (first, last, step) of 98, and where they begin in 68.
    runs = [
        (0, 32, 2, 0),
        (33, 37, 1, 17),
        (42, 46, 1, 22),
        (51, 59, 1, 27),
        (60, 61, 1, 36),
        (63, 65, 1, 38),
        (67, 69, 1, 41),
        (71, 73, 1, 44),
        (75, 75, 1, 47),
        (76, 95, 1, 48),
    ]
    face = np.float32([[i, 1000 + i] for i in range(98)])
    converted, seen = convert(face, "wflw98", "ibug68"), 0
    for first, last, step, start in runs:
        for k, i in enumerate(range(first, last + 1, step)):
            np.testing.assert_array_equal(converted[start + k], face[i])
            seen += 1
    assert seen == 68


def test_a_pupil_of_68_points_is_the_mean_of_its_eye():
    face = RNG.uniform(0, 99, (68, 2))
    five = convert(face, "ibug68", "five5")
    for k, points in enumerate([range(36, 42), range(42, 48), [30], [48], [54]]):
        np.testing.assert_allclose(five[k], sum(face[i] for i in points) / len(points), rtol=1e-5)


def test_points_are_named_by_their_region_and_place_from_one():
    names = get_scheme("ibug68").point_names
    for i, name in {0: "jaw 1", 16: "jaw 17", 17: "brows 1", 36: "eyes 1", 67: "mouth 20"}.items():
        assert names[i] == name
    assert get_scheme("ibug51").point_names[0] == "brows 1"


def test_points_may_have_names_of_their_own_which_make_no_other_scheme():
    names = tuple(f"p{i}" for i in range(5))
    named = dataclasses.replace(schemes.FIVE5, names=names)
    assert named.point_names == list(names)
    assert named == schemes.FIVE5


def test_a_part_that_a_scheme_lacks_is_neither_a_contour_nor_a_region():
    assert "jaw" in get_scheme("ibug68").contours
    for name in ("ibug51", "ibug49"):
        assert "jaw" not in get_scheme(name).contours
        assert "jaw" not in get_scheme(name).regions


def test_a_scheme_converts_to_itself():
    face = RNG.uniform(0, 99, (29, 2)).astype("float32")
    np.testing.assert_array_equal(convert(face, "cofw29", schemes.COFW29), face)


@pytest.mark.parametrize(
    ("source", "target"),
    [("ibug68", "wflw98"), ("five5", "ibug68"), ("aflw19", "cofw29"), ("menpo39", "five5")],
)
def test_points_are_not_made_up(source, target):
    with pytest.raises(ValueError, match=f"No conversion {source} -> {target}"):
        convert(np.zeros((get_scheme(source).count, 2)), source, target)


@pytest.mark.parametrize("shape", [(68, 2), (98,), (98, 3), (2, 98), (5, 97, 2), ()])
def test_converting_landmarks_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"have the shape \(\.\.\., 98, 2\)"):
        convert(np.zeros(shape), "wflw98", "ibug68")


def test_mirroring_landmarks_of_another_scheme_is_refused():
    with pytest.raises(ValueError, match=r"five5 landmarks have the shape \(\.\.\., 5, 2\), not"):
        schemes.FIVE5.mirrored(np.zeros((2, 98, 2)), 100)


def test_approximate_conversions_exist():
    for source, target in schemes.APPROXIMATE_CONVERSIONS:
        assert (source, target) in CONVERSIONS


# What two schemes share


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("ibug68", "ibug68", "ibug68"),
        ("ibug68", "wflw98", "ibug68"),
        ("wflw98", "ibug51", "ibug51"),
        ("lapa106", "wflw98", "ibug68"),
        ("ibug68", "cofw29", "five5"),
        ("ibug68", "aflw19", "five5"),
    ],
)
def test_two_schemes_share_the_most_points_that_both_convert_to(first, second, shared):
    assert schemes.shared_scheme(first, second).name == shared
    assert schemes.shared_scheme(second, first).name == shared


def test_a_scheme_of_ones_own_is_not_converted_by_a_published_name():
    for name, count in (("ibug51", 51), ("ibug68", 3), ("wflw98", 98)):
        own = own_schemes.scheme_of_names(name, count, mirror=[])
        assert not schemes.can_convert("ibug68", own)
        assert not schemes.can_convert(own, "five5")
        with pytest.raises(ValueError, match="No conversion"):
            schemes.convert(np.zeros((count, 2)), own, "ibug49")
        assert schemes.convert(np.ones((count, 2)), own, own).shape == (count, 2)


def test_schemes_without_shared_points_are_an_error():
    with pytest.raises(ValueError, match="menpo39 and ibug68 share no points"):
        schemes.shared_scheme("menpo39", "ibug68")


CYCLE = (1, 2, 0, *range(3, 68))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mirror": CYCLE}, r"mirror\[mirror\[i\]\] is not i for \[0, 1, 2\]"),
        ({"mirror": (0,) * 68}, r"mirror\[mirror\[i\]\] is not i for \[1, 2, 3, 4, 5, 6\]"),
        ({"mirror": tuple(range(1, 69))}, r"mirror holds \[68\], not of 0..67"),
        ({"mirror": tuple(range(67))}, "mirror holds 67 of 68 indices"),
        ({"mirror": ()}, "mirror holds 0 of 68 indices"),
        ({"mirror": tuple(range(68))}, "the mirror image of .* of the right eye"),
        ({"right_eye": ()}, "right_eye holds no points"),
        ({"left_eye": []}, "left_eye holds no points"),
        ({"right_eye": (68,)}, r"right_eye holds \[68\]"),
        ({"right_eye": (42,)}, "the mirror image of .* of the right eye"),
        ({"eye_corners": (45, 36, 7)}, "the mirror image of"),
        ({"eye_corners": (36, 39)}, "the mirror image of"),
        ({"contours": {"jaw": ((0, -1), False)}}, r"jaw holds \[-1\]"),
        ({"regions": {"jaw": (0, 99)}}, r"jaw holds \[99\]"),
        ({"count": 67}, r"mirror holds \[67\]"),
        ({"names": ("a", "b")}, "2 names of 68 points"),
    ],
)
def test_a_scheme_that_contradicts_itself_is_an_error_that_says_where(change, message):
    with pytest.raises(ValueError, match=f"mine: {message}"):
        dataclasses.replace(schemes.IBUG68, name="mine", **change)


def test_a_normaliser_is_known_and_eye_corners_are_two_points():
    with pytest.raises(ValueError, match="Unknown normaliser of ibug68 'iod'"):
        dataclasses.replace(schemes.IBUG68, normaliser="iod")
    with pytest.raises(ValueError, match=r"eye_corners are two points, not \(30, 30\)"):
        dataclasses.replace(schemes.IBUG68, eye_corners=(30, 30))  # its own mirror image


def test_a_scheme_may_have_no_eye_corners():
    assert dataclasses.replace(schemes.IBUG68, eye_corners=None).eye_corners is None


def test_points_that_are_no_floats_or_need_no_conversion_stay_the_callers():
    whole = np.full((68, 2), 250, np.uint16)
    np.testing.assert_array_equal(get_scheme("ibug68").mirrored(whole, 200)[:, 0], -51)
    points = np.zeros((68, 2), np.float32)
    assert not np.shares_memory(convert(points, "ibug68", "ibug68"), points)


@pytest.mark.parametrize(
    ("source", "target"), [("ibug51", "ibug49"), ("ibug51", "five5"), ("ibug49", "five5")]
)
def test_the_points_within_become_fewer_as_68_do(source, target):
    face = RNG.uniform(0, 99, (68, 2)).astype("float32")
    inner = convert(face, "ibug68", source)
    np.testing.assert_array_equal(convert(inner, source, target), convert(face, "ibug68", target))


def test_a_scheme_given_as_lists_and_arrays_is_the_one_that_is_read_back():
    lists = schemes.Scheme(
        name="mine",
        count=3,
        mirror=np.array([1, 0, 2]),
        contours={"all": [[0, 1, 2], False]},
        regions={"face": [0, 1, 2]},
        right_eye=[0],
        left_eye=[np.int64(1)],
        eye_corners=[0, 1],
    )
    assert lists == get_scheme(json.loads(json.dumps(scheme_config(lists))))
    assert lists.mirror == (1, 0, 2)


def test_numbers_of_numpy_are_kept_in_a_schemes_config():
    square = tuple(np.float32([0.01, -0.07, 0.499]))
    mine = dataclasses.replace(FIVE5, name="mine", square=square)
    assert get_scheme(scheme_config(mine)).square == pytest.approx(square)
