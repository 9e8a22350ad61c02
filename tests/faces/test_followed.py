import numpy as np

from keras_landmarks.faces.followed import Followed, State

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
    assert (face.angle, face.away) == (30.0, True)


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
    assert not face.away
