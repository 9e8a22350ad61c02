import numpy as np
import pytest

from keras_landmarks.data import made_up_face
from keras_landmarks.faces.followed import Followed, State
from keras_landmarks.faces.upright import landmark_angle, turn_points

BOX = np.array([10, 10, 50, 50], np.float32)


def test_a_face_is_in_view_until_it_is_lost_and_again_when_it_is_found():
    face = Followed(0, BOX, 0.0, None)
    assert face.in_view
    face.begin_frame()
    assert (face.state, face.frames_lost, face.frames_unconfirmed) == (State.IN_VIEW, 0, 1)
    face.lose()
    assert (face.state, face.frames_lost) == (State.JUST_LOST, 1)
    face.begin_frame()
    assert (face.state, face.frames_lost, face.frames_unconfirmed) == (State.LOST, 2, 2)
    face.confirm(BOX + 5, 30.0, None)
    assert (face.state, face.frames_lost, face.frames_unconfirmed) == (State.IN_VIEW, 0, 0)
    np.testing.assert_array_equal(face.box, BOX + 5)
    assert face.angle == 30.0


def test_a_face_that_is_confirmed_keeps_its_place_and_what_was_done_in_this_frame():
    face = Followed(0, BOX, 0.0, None)
    face.begin_frame()
    face.followed = True
    face.confirm(BOX + 5, 30.0, None)
    assert (face.state, face.frames_unconfirmed, face.followed) == (State.IN_VIEW, 0, True)
    np.testing.assert_array_equal(face.box, BOX)
    face.lose()
    face.confirm(BOX + 5, 30.0, None)
    assert not face.followed  # its landmarks are looked for at its new place


def test_its_likeness_is_to_how_it_looked_when_it_was_last_detected():
    face, points = Followed(0, BOX, 0.0, None), np.float32([[12, 15], [45, 14], [30, 48]])
    one, other = np.random.default_rng(0).integers(0, 256, (2, 60, 60, 3), dtype=np.uint8)
    face.look(one, points)
    face.learn(detected=True)
    face.look(other, points)
    face.learn(detected=False)
    assert face.look(other, points) == pytest.approx(1, abs=1e-5)  # as a moment ago
    assert face.likeness < 0.5


@pytest.mark.parametrize("angle", [-179.0, 3.0, 179.0])
def test_its_crop_turns_only_with_a_larger_turn_also_upside_down(angle):
    _, upright = made_up_face(0)
    upright = turn_points(upright, -landmark_angle(upright, "ibug68"))
    face = Followed(0, BOX, angle, None)
    for turn in (-8, 8):
        face.place(turn_points(upright, angle + turn), "ibug68")
        assert face.angle == angle
    face.place(turn_points(upright, angle + 12), "ibug68")
    assert abs((face.angle - angle - 12 + 180) % 360 - 180) < 0.1
