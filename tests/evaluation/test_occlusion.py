import dataclasses

import cv2
import numpy as np
import pytest

from keras_landmarks import evaluation
from keras_landmarks.data import made_up_faces
from keras_landmarks.schemes import convert

FACES = made_up_faces(9, size=120)


def covered(face, occluded):
    """Which pixels changed."""
    return (face.pixels() != occluded.pixels()).any(axis=-1)


def test_the_same_faces_are_covered_the_same_way_each_time():
    first, second = evaluation.occlude(FACES), evaluation.occlude(FACES)
    other = evaluation.occlude(FACES, seed=1)
    for a, b, c in zip(first, second, other):
        np.testing.assert_array_equal(a.pixels(), b.pixels())
        assert (a.pixels() != c.pixels()).any()


def test_a_tenth_to_a_half_of_the_face_is_covered_and_its_points_are_named():
    occluded = evaluation.occlude(FACES)
    for face, hidden_face in zip(FACES, occluded):
        changed = covered(face, hidden_face)
        left, top, right, bottom = face.truth_box.astype(int)
        assert 0.05 < changed[top:bottom, left:right].mean() < 0.7
        x, y = np.rint(face.landmarks).astype(int).T
        agreeing = changed[y.clip(0, 119), x.clip(0, 119)] == hidden_face.hidden
        assert agreeing.mean() > 0.9  # a cover may show the very colour of what it hides
        np.testing.assert_array_equal(hidden_face.landmarks, face.landmarks)
    share = np.mean([face.hidden.mean() for face in occluded])
    assert 0.1 < share < 0.5


def test_hidden_and_visible_points_are_told_apart():
    occluded = evaluation.occlude(FACES)
    truth = np.stack([face.landmarks for face in occluded])
    off = np.stack([face.hidden for face in occluded])[..., None] * np.float32([3, 4])
    names = [face.name for face in occluded]
    result = evaluation.Evaluation("m", "truth", names, truth, truth + off, "ibug68")
    hidden, visible = evaluation.hidden_and_visible(result, occluded)
    assert hidden > 0.05
    assert visible == 0
    with pytest.raises(ValueError, match="other faces"):
        evaluation.hidden_and_visible(result, occluded[1:])
    # Of the points that a model of five finds: a pupil is hidden where a point about it is.
    few = dataclasses.replace(
        result,
        truth=convert(truth, "ibug68", "five5"),
        predicted=convert(truth + off, "ibug68", "five5"),
        scheme="five5",
        annotated=truth,
        annotated_scheme="ibug68",
    )
    hidden, visible = evaluation.hidden_and_visible(few, occluded, "corners")
    assert hidden > 0.01
    assert visible == 0


def test_what_cannot_be_covered_is_named():
    with pytest.raises(ValueError, match="two photos"):
        evaluation.occlude(FACES[:1])
    with pytest.raises(ValueError, match="0.05 apart"):
        evaluation.occlude(FACES, least=0.6)
    assert len(evaluation.occlude(FACES, least=0.1, most=0.15)) == 9
    points = FACES[0].landmarks
    for landmarks in (np.full((68, 2), 40), points - points.min(axis=0) + (119.7, 0)):
        lost = dataclasses.replace(FACES[0], landmarks=landmarks.astype("float32"))
        with pytest.raises(ValueError, match=f"Of {lost.name} fewer than 100 pixels"):
            evaluation.occlude([lost, FACES[-1]])


def test_faces_that_the_detector_missed_have_no_points_to_compare():
    occluded = evaluation.occlude(FACES)
    truth = np.stack([face.landmarks for face in occluded])[1:]
    off = np.stack([face.hidden for face in occluded])[1:, :, None] * np.float32([3, 4])
    names = [face.name for face in occluded]
    given = "m", "detector", names[1:], truth, truth + off, "ibug68", tuple(names[:1])
    hidden, visible = evaluation.hidden_and_visible(evaluation.Evaluation(*given), occluded)
    distances = [np.linalg.norm(face[36] - face[45]) for face in truth]
    counts = off.any(axis=2).sum(axis=1)
    assert hidden == pytest.approx((counts * 5 / distances).sum() / counts.sum())
    assert visible == 0
    none = evaluation.Evaluation("m", "detector", [], truth[:0], truth[:0], "ibug68", tuple(names))
    assert np.isnan(evaluation.hidden_and_visible(none, occluded)).all()


def test_what_was_hidden_stays_so_under_a_further_cover():
    once = evaluation.occlude(FACES, 0, 0.3, 0.5)
    for again in (evaluation.occlude(once, 1, 0.1, 0.2), evaluation.disturb(once, "cover", 0.15)):
        for before, after in zip(once, again):
            assert (after.hidden >= before.hidden).all()


def test_faces_without_points_or_covers_are_named():
    bare = dataclasses.replace(FACES[0], landmarks=None, box=(0, 0, 99, 99), name="bare")
    with pytest.raises(ValueError, match="bare has no landmarks"):
        evaluation.occlude([bare, *FACES[1:]])
    truth = np.stack([face.landmarks for face in FACES])
    names = [face.name for face in FACES]
    result = evaluation.Evaluation("m", "truth", names, truth, truth, "ibug68")
    with pytest.raises(ValueError, match="does not say what is hidden"):
        evaluation.hidden_and_visible(result, FACES)


GREEN = [
    dataclasses.replace(face, image=np.full((120, 120, 3), (0, 255 - i, 0), np.uint8))
    for i, face in enumerate(FACES)
]


def test_the_share_is_of_the_area_within_the_landmarks():
    for face, found in zip(GREEN, evaluation.occlude(GREEN, 0, 0.2, 0.3)):
        inside, hull = (
            np.zeros((120, 120), np.uint8),
            cv2.convexHull(np.rint(face.landmarks).astype(int)),
        )
        cv2.fillConvexPoly(inside, hull, 1)
        assert 0.18 < covered(face, found)[inside == 1].mean() < 0.32


def test_what_covers_a_face_is_of_another_photo():
    own = GREEN[0].photo
    of_photo = {tuple(f.image[0, 0].tolist()) for f in GREEN if f.photo != own}
    pixels = evaluation.occlude(GREEN)[0].pixels().reshape(-1, 3)
    assert {tuple(p) for p in pixels.tolist()} <= of_photo | {(0, 255, 0)}


def test_what_a_user_writes_on_a_face_is_no_field_of_a_covered_one():
    faces = [dataclasses.replace(face) for face in FACES]
    faces[0].note = "mine"
    assert len(evaluation.occlude(faces)) == len(FACES)
