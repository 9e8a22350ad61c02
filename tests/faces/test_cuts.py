"""Hard cuts between people in the same place: of real faces where the data are, else of made-up."""

import functools
import itertools
import os
import pathlib

import numpy as np
import pytest
from loaded import load

from keras_landmarks import geometry
from keras_landmarks.data import made_up_face, read_300w
from keras_landmarks.faces import Tracker
from keras_landmarks.pictures import images

DATA = pathlib.Path(os.environ.get("KERAS_LANDMARKS_DATA", "none")) / "300W"
SIZE = 240
PLACE = np.array([70.0, 70.0, 170.0, 170.0])


@functools.cache
def people():
    """Pictures of 25 people whose faces lie in one place, and their landmarks there."""
    if DATA.is_dir():
        faces = read_300w(DATA, "300w/train")
        chosen = np.random.default_rng(0).choice(len(faces), 25, replace=False)
        found = [(faces[i].pixels(), faces[i].landmarks) for i in chosen]
    else:
        seeds = [seed for seed in range(26) if seed != 17]  # which looks like the one before
        found = [made_up_face(seed) for seed in seeds]
    rows = []
    for picture, landmarks in found:
        box = geometry.square_box(geometry.box_from_landmarks(np.float64(landmarks)))
        place = np.eye(3)[:2]
        place[:] = geometry.compose(
            np.array([[1, 0, 70], [0, 1, 70]], np.float64), geometry.box_transform(box, (100, 100))
        )
        moved = geometry.transform_points(landmarks, place).astype(np.float32)
        rows.append((images.warp(picture, place, (SIZE, SIZE)), moved))
    return rows


def there(picture):
    """A detector that knows where the faces are."""
    return [PLACE.tolist()], [0.9]


there.convention = "truth"


def shot(person, frames=4):
    """The frames of one person, who sways a little before a noisy camera."""
    picture, _ = people()[person]
    rng = np.random.default_rng(person)
    for t in range(frames):
        sway = geometry.similarity_transform(1.0, 0.4 * t, (120, 120), (0.7 * t, -0.3 * t))
        frame = images.warp(picture, np.float64(sway), (SIZE, SIZE))
        yield np.clip(frame + rng.normal(0, 3, frame.shape), 0, 255).astype(np.uint8)


def model():
    return load("cnn6-300w")


@pytest.mark.parametrize("every", [30, 4])  # cuts between detections, and at them
def test_another_person_in_the_same_place_is_a_new_face(every):
    tracker, ids = Tracker(model(), there, every=every), []
    for person in range(25):
        frames = [tracker(frame) for frame in shot(person)]
        assert all(len(faces) == 1 for faces in frames)
        ids.append([faces[0].id for faces in frames])
    changed = sum(before[-1] != after[0] for before, after in itertools.pairwise(ids))
    assert changed == 24
    kept = sum(len(set(shot_ids)) == 1 for shot_ids in ids)
    assert kept == 25


def test_points_are_not_smoothed_across_a_cut():
    tracker = Tracker(model(), there)
    smooth = []
    for person in range(6):
        frames = list(shot(person))
        (face,) = tracker(frames[0])
        (alone,) = Tracker(model(), there)(frames[0])
        np.testing.assert_allclose(face.landmarks, alone.landmarks, atol=2.5)
        smooth.append(np.abs(face.landmarks - alone.landmarks).mean())
        for frame in frames[1:]:
            tracker(frame)
    assert np.mean(smooth) < 0.5


def test_the_same_person_keeps_the_id_through_blinks_of_light():
    tracker = Tracker(model(), there)
    for t, frame in enumerate(shot(0, 12)):
        light = 1.0 if t % 4 else 0.6
        (face,) = tracker((frame * light).astype(np.uint8))
        assert face.id == 0
