import numpy as np

from keras_landmarks.faces.followed_face import FollowedFace, State

BOX = np.array([10, 10, 50, 50], np.float32)


def test_a_face_is_in_view_until_it_is_lost_and_again_when_it_is_found():
    face = FollowedFace(0, BOX, None)
    assert face.state is State.IN_VIEW
    face.begin_frame()
    assert (face.state, face.frames_lost, face.frames_unconfirmed) == (State.IN_VIEW, 0, 1)
    face.lose()
    assert (face.state, face.frames_lost) == (State.JUST_LOST, 1)
    face.begin_frame()
    assert (face.state, face.frames_lost, face.frames_unconfirmed) == (State.LOST, 2, 2)
    face.find_again(BOX + 5, None)
    assert (face.state, face.frames_lost, face.frames_unconfirmed) == (State.IN_VIEW, 0, 0)
    np.testing.assert_array_equal(face.box, BOX + 5)


def test_a_face_that_is_confirmed_keeps_its_place_and_what_was_done_in_this_frame():
    face = FollowedFace(0, BOX, None)
    face.begin_frame()
    face.followed = True
    face.confirm()
    assert (face.state, face.frames_unconfirmed, face.followed) == (State.IN_VIEW, 0, True)
    np.testing.assert_array_equal(face.box, BOX)
    face.lose()
    face.find_again(BOX, None)
    assert not face.followed  # its landmarks are looked for at its new place
