"""Two people who leave a scene and come back elsewhere, among them or beside strangers."""

import functools

import numpy as np
import pytest
from loaded import load
from matplotlib import cbook
from places import PORTRAIT

from keras_landmarks import geometry
from keras_landmarks.faces import Tracker
from keras_landmarks.pictures import images

SIDE, LEFT, RIGHT, THIRD = 130, 20, 220, 420


@functools.cache
def patches():
    """The faces of two people, each in a square of 1.3 times its own."""
    found = []
    for path in (PORTRAIT, cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)):
        picture = images.read_image(path)
        box = geometry.box_from_landmarks(load("cnn6-300w").detect(picture)[0].landmarks)
        place = geometry.box_transform(geometry.square_box(box, 1.3), (SIDE, SIDE))
        found.append(images.warp(picture, np.float64(place), (SIDE, SIDE)))
    return found


class Scene:
    """What a camera sees, and a detector that knows where the faces are."""

    convention = "truth"

    def __init__(self, **words):
        self.tracker = Tracker(load("cnn6-300w"), self, search=2, **words)

    def __call__(self, picture):
        low = np.array([[x + 0.15 / 1.3 * SIDE, 60 + 0.15 / 1.3 * SIDE] for x in self.places])
        return np.concatenate([low, low + SIDE / 1.3], axis=-1) if len(low) else np.zeros((0, 4))

    def ids(self, frames=2, **people):
        """The ids after some frames of people, named by where they are, from left to right."""
        self.places = [globals()[place] for place in people]
        frame = np.zeros((256, 600, 3), np.uint8)
        for x, person in zip(self.places, people.values()):
            frame[60 : 60 + SIDE, x : x + SIDE] = patches()[person]
        for _ in range(frames):
            found = self.tracker(frame)
        return [face.id for face in sorted(found, key=lambda face: face.box[0])]


def test_two_who_changed_places_are_themselves_and_a_third_is_new():
    scene = Scene()
    assert scene.ids(LEFT=0, RIGHT=1) == [0, 1]
    assert scene.ids(3) == []
    assert scene.ids(LEFT=1, RIGHT=0) == [1, 0]
    assert scene.ids(31, LEFT=1, RIGHT=0, THIRD=1) == [1, 0, 2]


def test_of_two_who_left_the_one_who_comes_back_is_known():
    scene = Scene()
    assert scene.ids(LEFT=0, RIGHT=1) == [0, 1]
    assert scene.ids(3) == []
    assert scene.ids(3, THIRD=1) == [1]


@pytest.mark.parametrize("away", [0, 3])
def test_who_comes_when_another_has_left_is_new(away):
    scene = Scene()
    assert scene.ids(LEFT=0) == [0]
    assert not away or scene.ids(away) == []
    assert scene.ids(3, RIGHT=1) == [1]


@pytest.mark.parametrize("routine", [3, 100])  # whether the detector is called at the cut anyway
def test_after_a_cut_to_another_in_the_same_place_both_are_known(routine):
    scene = Scene(every=routine)
    assert scene.ids(3, LEFT=0) == [0]
    assert scene.ids(3, LEFT=1) == [1]
    assert scene.ids(3, LEFT=0) == [0]
    assert scene.ids(3, LEFT=1) == [1]
    assert scene.ids(3, LEFT=0, RIGHT=1) == [0, 1]
    assert scene.ids(3, LEFT=1, RIGHT=0) == [1, 0]


def test_who_finds_the_place_taken_is_still_known():
    scene = Scene()
    assert scene.ids(LEFT=0) == [0]
    assert scene.ids(3) == []
    assert scene.ids(3, LEFT=1) == [1]
    assert scene.ids(4, LEFT=1, RIGHT=0) == [1, 0]


def test_who_stays_is_not_taken_for_one_alike_who_left():
    scene = Scene(every=4)
    assert scene.ids(LEFT=0, RIGHT=0) == [0, 1]
    assert scene.ids(6, RIGHT=0) == [1]
