import json
import re
import warnings

import numpy as np
import pytest

from keras_landmarks import Landmarker, data, evaluation, models, schemes
from keras_landmarks.evaluation.subsets import by_normaliser
from keras_landmarks.own_schemes import read_scheme, scheme_of_names
from keras_landmarks.schemes import Scheme, scheme_config
from keras_landmarks.training.fingerprint import in_new_names

POINTS = ["right eye", "left eye", "nose", "right corner", "left corner"]


def test_names_say_what_mirrors_what():
    scheme = scheme_of_names("mine", POINTS, right_eye=[0], left_eye=["left eye"])
    assert isinstance(scheme, Scheme)
    assert (scheme.name, scheme.count, scheme.mirror) == ("mine", 5, (1, 0, 2, 4, 3))
    assert (scheme.right_eye, scheme.left_eye, scheme.normaliser) == ((0,), (1,), "pupils")
    assert {i for points, _ in scheme.contours.values() for i in points} == set(range(5))
    assert scheme.regions == {"face": (0, 1, 2, 3, 4)}


@pytest.mark.parametrize(
    "pair",
    [
        ("RIGHT_EYE", "LEFT_EYE"),
        ("r_eye", "l_eye"),
        ("Eye-R", "Eye-L"),
        ("mouth r", "mouth l"),
        ("rightEye", "leftEye"),
        ("eyeRight", "eyeLeft"),
        ("righteye", "lefteye"),
        ("Right eye", "left eye"),
        ("right eye, left corner", "left eye, right corner"),
    ],
)
def test_sides_are_words_or_letters_in_any_case(pair):
    names = [pair[0], "bright spot", "upper lip", "tr l", "upright", pair[1]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scheme_of_names("mine", names).mirror == (5, 1, 2, 3, 4, 0)
        assert scheme_of_names("mine", names[::-1]).mirror == (5, 1, 2, 3, 4, 0)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (12, "no names tell right from left.*mirror = \\[\\]"),
        (["nose", "chin"], "no names tell right from left"),
        (["bright spot", "chin"], "no names tell right from left"),
        (["rigth eye", "left eye"], "'left eye' has no 'right eye' beside it"),
        (["rigth eye", "left eye", "r", "l"], "'left eye' has no 'right eye' beside it"),
    ],
)
def test_a_mirror_that_nothing_tells_is_warned_of(points, message):
    with pytest.warns(UserWarning, match=message):
        scheme_of_names("mine", points)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mirror = scheme_of_names("mine", points, mirror=[]).mirror
        assert mirror == tuple(range(len(mirror)))
        scheme_of_names("mine", 1)


def test_names_stay_with_a_scheme():
    scheme = scheme_of_names("mine", POINTS)
    assert scheme.point_names == POINTS
    config = json.loads(json.dumps(schemes.scheme_config(scheme)))
    again = schemes.get_scheme(config)
    assert (again, again.names, again.point_names) == (scheme, tuple(POINTS), POINTS)
    del config["names"]  # as written before there were any
    assert schemes.get_scheme(config) == scheme
    assert scheme_of_names("mine", 2, mirror=[]).point_names == ["face 1", "face 2"]


def test_tuples_are_lists_of_points_and_pairs():
    scheme = scheme_of_names("mine", ("a", "b", "c"), mirror=((0, 2),))
    assert scheme == scheme_of_names("mine", ["a", "b", "c"], mirror=[[0, 2]])
    assert scheme.names == ("a", "b", "c")


def test_a_scheme_without_eyes_takes_the_box():
    scheme = scheme_of_names("mine", 4, mirror=[[0, 3]])
    assert (scheme.mirror, scheme.normaliser, scheme.eye_corners) == ((3, 1, 2, 0), "box", None)


def test_a_model_of_points_without_eyes_is_measured_and_exported(tmp_path, recwarn):
    blind = scheme_of_names("blind", 3, mirror=[[0, 1]])
    network = models.cnn(blind, size=16, filters=(4,), hidden=4)
    model = Landmarker(network.input, network.output, scheme=blind, name="blind").ready()
    schemes.SCHEMES["blind"] = blind
    try:
        picture = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
        points = [[10, 10], [50, 10], [30, 50]]
        face = data.Face(picture, points, "blind", box=(5, 5, 55, 55))
        result = evaluation.evaluate(model, [face])
        assert result.summary()["normaliser"] == "box"
        assert by_normaliser(result) == {}
        model.export(tmp_path / "blind.tflite", format="tflite")
    finally:
        schemes.SCHEMES.pop("blind")
    assert not [w for w in recwarn if "empty slice" in str(w.message)]


def test_points_may_be_numpys_numbers():
    names = ["right", "left", "chin"]
    scheme = scheme_of_names("mine", names, right_eye=np.array([0]), left_eye=np.array([1]))
    assert scheme == scheme_of_names("mine", names, right_eye=[0], left_eye=[1])
    assert scheme_of_names("mine", np.int64(3), mirror=[]).count == 3
    with pytest.raises(ValueError, match="eye_corners: name the points of right_eye and left_eye"):
        scheme_of_names("mine", 3, mirror=[], eye_corners=[0, 1])


def test_contours_and_regions_stay_beside_points_of_their_names():
    names = ["right_eye", "left_eye", "right_outer", "left_outer", "right_inner", "left_inner"]
    line = {"right_eye": ["right_outer", "right_inner"]}
    scheme = scheme_of_names("mine", names, contours=line, regions={"left_eye": [1, 3, 5]})
    assert scheme.contours["right_eye"] == ((2, 4), False)
    assert scheme.regions["left_eye"] == (1, 3, 5)
    assert "left_eye" not in scheme.contours
    assert {i for points, _ in scheme.contours.values() for i in points} == {*range(6)}


def test_a_file_says_all_fields(tmp_path):
    path = tmp_path / "mine.toml"
    text = """
        name = "mine"
        points = ["a", "b", "c", "d"]
        mirror = [["a", "b"], [2, 3]]
        eye_corners = ["a", "b"]
        right_eye = ["a"]
        left_eye = ["b"]
        normaliser = "box"
        [regions]
        eyes = ["a", "b"]
        mouth = [2, 3]
        [contours]
        mouth = [2, 3]
        eyes = {points = ["a", "b"], closed = true}
    """
    path.write_text("\ufeff" + text.replace("\n", "\r\n"), encoding="utf-8", newline="")
    scheme = read_scheme(path)
    assert scheme.mirror == (1, 0, 3, 2)
    assert scheme.regions == {"eyes": (0, 1), "mouth": (2, 3)}
    assert scheme.contours == {"mouth": ((2, 3), False), "eyes": ((0, 1), True)}
    assert (scheme.eye_corners, scheme.normaliser) == ((0, 1), "box")


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ("points = 3", "name: missing"),
        ("name = 'm'", "points: missing"),
        ("name = 3\npoints = 3", "name: expected a word"),
        ("name = 'm'\npoints = []", "points: expected"),
        ("name = 'm'\npoints = ['a', 'a']", "points: 'a' is there twice"),
        ("name = 'm'\npoints = 3\nmirrors = []", "mirrors: unknown field"),
        ("name = 'm'\npoints = 3\nmirror = [[0, 3]]", "mirror: no point 3"),
        ("name = 'm'\npoints = 3\nmirror = [[0, 1], [1, 2]]", "mirror: a point of [1, 2] has"),
        ("name = 'm'\npoints = 3\nmirror = [[0]]", "mirror: expected pairs"),
        ("name = 'm'\npoints = 3\nmirror = 4", "mirror: expected pairs"),
        ("name = 'm'\npoints = ['right a', 'b']", "mirror: 'right a' has no 'left a'"),
        ("name = 'm'\npoints = 3\nright_eye = ['x']", "right_eye: no point 'x'"),
        ("name = 'm'\npoints = 3\nleft_eye = 1", "left_eye: expected a list"),
        ("name = 'm'\npoints = 3\neye_corners = [1]", "eye_corners: expected the right"),
        ("name = 'm'\npoints = 3\nnormaliser = 'nose'", "normaliser: unknown kind"),
        ("name = 'm'\npoints = 3\nnormaliser = 'corners'", "normaliser: corners need"),
        ("name = 'm'\npoints = 3\nnormaliser = 'pupils'", "normaliser: pupils need"),
        ("name = 'm'\npoints = 3\nregions = 3", "regions: expected a table"),
        ("name = 'm'\npoints = 3\n[regions]\na = [5]", "regions.a: no point 5"),
        ("name = 'm'\npoints = 3\n[contours]\na = {closed = true}", "contours.a: expected"),
        ("name = ", "mine.toml"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, lines, field):
    path = tmp_path / "mine.toml"
    path.write_text(lines)
    with pytest.raises(ValueError, match=re.escape(field)) as raised:
        read_scheme(path)
    assert "mine.toml" in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.toml"):
        read_scheme(tmp_path / "nothing.toml")


def test_a_training_goes_on_whatever_equal_schemes_differ_in():
    scheme = scheme_of_names("mine", POINTS, right_eye=[0], left_eye=[1])
    older = {**scheme_config(scheme), "square": [0, 0, 1]}
    older.pop("names")  # as written before schemes had them
    made_of = {"loss in stage 1": {"landmarks": ["IodL2", {"scheme": scheme_config(scheme)}]}}
    before = {"loss in stage 1": {"landmarks": ["IodL2", {"scheme": older}]}}
    assert in_new_names(made_of) == in_new_names(before)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "m.toml").write_text('name = "m"\npoints = ["nose", "chin"]\n')
    assert read_scheme("~/m.toml").count == 2
