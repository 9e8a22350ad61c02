"""Evaluations of faces that lack points, or whose points are covered."""

import dataclasses

import numpy as np
import pytest

from keras_landmarks import data, evaluation
from keras_landmarks.evaluation import visibility
from keras_landmarks.schemes import get_scheme

POINTS = np.arange(68)
COVERED, MISSING = POINTS[5:12], POINTS[50:58]


@pytest.fixture(scope="module")
def whole(tiny):
    return evaluation.evaluate(tiny, data.made_up_faces(4), verbose=0)


@pytest.fixture(scope="module")
def faces():
    """Four faces: as they are, with covered points, with missing ones, with both."""
    faces = data.made_up_faces(4)
    for i, (covered, missing) in enumerate([([], []), (COVERED, []), ([], MISSING)]):
        faces[i] = changed(faces[i], covered, missing)
    faces[3] = changed(faces[3], COVERED, MISSING)
    return faces


@pytest.fixture(scope="module")
def result(tiny, faces):
    return evaluation.evaluate(tiny, faces, verbose=0)


def changed(face, covered, missing):
    visible, landmarks = np.ones(68, bool), face.landmarks.copy()
    visible[covered] = False
    landmarks[missing] = np.nan
    return dataclasses.replace(face, visible=visible, landmarks=landmarks)


def mean_error(whole, face, points):
    distance = np.linalg.norm(whole.truth[face, 36] - whole.truth[face, 45])
    away = np.linalg.norm(whole.truth[face] - whole.predicted[face], axis=1)
    return away[points].mean() / distance


def test_all_visible_and_covered_points_have_errors_of_their_own(whole, result):
    missing = {0: [], 1: [], 2: MISSING, 3: MISSING}
    covered = {0: [], 1: COVERED, 2: [], 3: COVERED}
    marked = {face: np.setdiff1d(POINTS, gone) for face, gone in missing.items()}
    seen = {face: np.setdiff1d(marked[face], gone) for face, gone in covered.items()}
    summary = result.summary("corners")
    for key, points in (("", marked), ("visible_", seen)):
        expected = np.mean([mean_error(whole, face, points[face]) for face in range(4)])
        assert summary[f"{key}nme_percent"] == pytest.approx(100 * expected, abs=2e-3)
    expected = np.mean([mean_error(whole, face, COVERED) for face in (1, 3)])
    assert summary["covered_nme_percent"] == pytest.approx(100 * expected, abs=2e-3)
    assert summary["covered_points"] == 2 * len(COVERED)
    assert summary["visible_points"] == 4 * 68 - 2 * len(COVERED) - 2 * len(MISSING)


def test_where_no_point_is_covered_the_summary_is_as_it_was(whole):
    assert not any("visible" in key or "covered" in key for key in whole.summary())


def test_a_point_of_another_scheme_is_visible_where_all_that_it_comes_from_are(tiny):
    faces = data.made_up_faces(2)
    eye = data.Face(faces[0].image, faces[0].landmarks, "ibug68", faces[0].box)
    eye.visible[36:42] = [True, True, False, True, True, True]
    points = visibility.visible_points([eye, faces[1]], get_scheme("five5"))
    assert points.tolist() == [[False, True, True, True, True], [True] * 5]


def test_discarding_and_rank_correlation_are_of_marked_points(result):
    errors = 1.0 + np.arange(68)[::-1] * np.ones((4, 1))
    given = dataclasses.replace(result, confidence=errors / 100, expected_error=None)
    distance = given.distances("corners")[2]
    away = np.linalg.norm(given.truth[2] - given.predicted[2], axis=1) / distance
    marked = np.setdiff1d(POINTS, MISSING)  # the surest are the first
    assert given.discarded(0, "corners")[2] == pytest.approx(away[marked].mean(), rel=1e-4)
    assert given.discarded(0.5, "corners")[2] == pytest.approx(away[marked[:30]].mean(), rel=1e-4)
    assert np.isfinite(given.rank_correlation("corners"))


def test_the_reliability_of_faces_that_lack_points_is_drawn(result, tmp_path):
    given = dataclasses.replace(result, expected_error=np.ones((4, 68)))
    evaluation.plot_reliability(given, tmp_path / "reliability.png")
    evaluation.plot_discarding(given, tmp_path / "discarding.png", "corners")
    assert (tmp_path / "discarding.png").exists()


def test_a_face_that_lacks_the_normalisers_points_is_an_error_that_names_another(tiny, faces):
    result = evaluation.evaluate(tiny, [changed(faces[0], [], [36])], verbose=0)
    with pytest.raises(ValueError, match="1 faces lack the points of the normaliser: take 'box'"):
        result.summary("corners")
    assert result.summary("box")["nme_percent"] > 0
    points = faces[1].landmarks.copy()
    points[36] = points[45]  # whose distance is none
    flat = data.Face(faces[1].image, points, "ibug68", faces[1].box, "flat")
    result = evaluation.evaluate(tiny, [faces[0], flat], verbose=0)
    with pytest.raises(ValueError, match="1 faces lack .* The first is flat"):
        result.summary("corners")


def test_a_face_of_which_no_point_is_compared_is_named(tiny):
    face = data.made_up_faces(1)[0]
    points = np.full((98, 2), np.nan, "float32")
    points[97] = 50  # a pupil, which the model's 68 points do not tell
    lone = data.Face(face.image, points, "wflw98", face.box, "lone")
    with pytest.raises(ValueError, match="lone has none of the points that are compared"):
        evaluation.evaluate(tiny, [lone], verbose=0)


def test_faces_that_lack_points_are_covered_as_others_are(faces):
    occluded = evaluation.occlude([changed(faces[0], [], [0, 1, 36]), *faces[1:]])
    assert not occluded[0].hidden[[0, 1, 36]].any()
    assert all(face.hidden.sum() > 0 for face in occluded)
