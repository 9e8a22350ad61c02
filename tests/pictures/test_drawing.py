import numpy as np
import pytest

from keras_landmarks import Detection, draw
from keras_landmarks.data import made_up_face
from keras_landmarks.schemes import SCHEMES


def test_drawing_changes_a_copy_around_the_points_only():
    image, landmarks = made_up_face(0)
    before = image.copy()
    drawn = draw(image, [Detection(landmarks, np.array([1, 2, 50, 60]), "ibug68")], boxes=False)
    np.testing.assert_array_equal(image, before)
    changed = np.argwhere((drawn != before).any(axis=-1))[:, ::-1]
    distances = np.linalg.norm(changed[:, None] - landmarks, axis=-1).min(axis=1)
    assert len(changed)
    assert distances.max() < np.ptp(landmarks, axis=0).max() / 4


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_can_be_drawn(scheme):
    points = np.random.default_rng(0).uniform(0, 60, (SCHEMES[scheme].count, 2))
    drawn = draw(np.zeros((60, 60, 3), np.uint8), [Detection(points, None, scheme)])
    assert drawn.any()


def test_points_far_outside_do_not_crash():
    points = np.full((68, 2), 1e9, np.float32)
    draw(np.zeros((9, 9, 3), np.uint8), [Detection(points, np.array([-1e9, 0, 1e9, 5]), "ibug68")])
