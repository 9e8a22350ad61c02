"""What notebooks show of faces and models, which stay lists, dicts and models."""

import base64
import copy
import dataclasses
import json
import pickle
import re

import numpy as np
import pytest
from places import PORTRAIT

import keras_landmarks
from keras_landmarks import pictures
from keras_landmarks.faces import Detection, Track, draw_scheme
from keras_landmarks.schemes import SCHEMES

FACE = [170, 63, 276, 189]


def picture_in(text):
    data = re.search(r'src="data:image/jpeg;base64,([^"]+)"', text)[1]
    return pictures.as_rgb(base64.b64decode(data))


def test_found_faces_are_a_list_that_shows_the_picture_with_them(tiny):
    photo = pictures.read_image(PORTRAIT)
    for image in (photo, PORTRAIT, str(PORTRAIT)):
        found = tiny.detect(image, FACE)
        assert isinstance(found, list)
        shown = picture_in(found._repr_html_())
        assert shown.shape == (512, 512, 3)
        drawn = pictures.draw(photo, found)
        assert np.abs(shown.astype(int) - drawn).mean() < 3 < np.abs(shown - 1.0 * photo).max()


def test_the_faces_of_a_batch_are_shown_picture_by_picture(tiny):
    photos = np.stack([pictures.read_image(PORTRAIT)] * 2)
    for images in (photos, list(photos), [PORTRAIT, PORTRAIT]):
        found = tiny.detect(images, [[FACE], []])
        assert [len(one) for one in found] == [1, 0]
        text = found._repr_html_()
        assert text.count("<img ") == 2
        assert "1 face<" in text
        assert "no face<" in text


def test_a_thin_picture_is_shown(tiny):
    for shape in ((1, 2000, 3), (2000, 1, 3)):
        photo = np.zeros(shape, np.uint8)
        found = tiny.detect(photo, [])
        assert 512 in picture_in(found._repr_html_()).shape


def test_a_picture_that_is_gone_is_not_shown_and_not_kept(tiny, tmp_path):
    photo = pictures.read_image(PORTRAIT)
    found = tiny.detect(photo, FACE)
    del photo
    assert found._repr_html_() is None
    pictures.write_image(tmp_path / "photo.png", pictures.read_image(PORTRAIT))
    found = tiny.detect(tmp_path / "photo.png", FACE)
    (tmp_path / "photo.png").unlink()
    assert found._repr_html_() is None
    assert tiny.detect(PORTRAIT.read_bytes(), FACE)._repr_html_() is None


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_found_faces_are_copied_and_pickled_as_a_list_is(tiny, copied):
    found = tiny.detect([PORTRAIT], [[FACE]])
    other = copied(found)
    np.testing.assert_array_equal(other[0][0].landmarks, found[0][0].landmarks)
    assert found + [] == list(found)


def test_the_models_are_a_dict_that_shows_a_table():
    models = keras_landmarks.list_models()
    text = models._repr_html_()
    assert text.count("<tr>") == len(models) + 1
    assert json.loads(json.dumps(models)) == models
    small = keras_landmarks.list_models(lambda facts: facts["parameters"] < 5e5)
    assert set(small) == {"tiny-ibug68", "unet-fast-300w"}


def test_a_model_shows_its_facts_and_its_points(tiny):
    text = tiny._repr_html_()
    assert "<td>ibug68, 68 points</td>" in text
    np.testing.assert_allclose(picture_in(text), draw_scheme("ibug68", size=400), atol=90)


@pytest.mark.parametrize("name", ["ibug68", "ibug51", "ibug49", "five5"])
def test_a_scheme_is_drawn_as_it_looks_from_the_front(name):
    drawn = draw_scheme(name, size=200)
    assert drawn.shape == (200, 200, 3)
    assert 0.005 < (drawn != 255).any(axis=-1).mean() < 0.5


def test_the_points_of_a_drawing_lie_where_they_were_given():
    points = np.array([[0, 0], [10, 0], [5, 5], [1, 10], [9, 10]], np.float32)
    drawn = draw_scheme("five5", points, size=120)  # ten units are 100 pixels
    for x, y in points:
        assert (drawn[round(9.5 + 10 * y), round(9.5 + 10 * x)] < 60).all()


def test_points_that_are_missing_are_not_drawn():
    points = np.array([[0, 0], [10, 0], [np.nan, np.nan], [1, 10], [9, 10]], np.float32)
    drawn = draw_scheme("five5", points, size=120)
    for x, y in np.delete(points, 2, axis=0):
        assert (drawn[round(9.5 + 10 * y), round(9.5 + 10 * x)] < 60).all()
    assert (drawn[:8, :8] == 255).all()
    with pytest.raises(ValueError, match="All points of five5 are missing"):
        draw_scheme("five5", np.full((5, 2), np.nan))


def test_a_scheme_of_which_it_is_not_known_where_its_points_lie_needs_them():
    with pytest.raises(ValueError, match="wflw98 lie is not known: give points"):
        draw_scheme("wflw98")
    with pytest.raises(ValueError, match=r"wflw98 has 98 points \(n, 2\), not \(68, 2\)"):
        draw_scheme("wflw98", np.zeros((68, 2)))
    assert draw_scheme("wflw98", np.random.default_rng(0).normal(size=(98, 2))).any()
    assert len(SCHEMES) > 4


def test_a_detection_is_told_in_a_line_and_owns_its_numbers():
    points = np.zeros((5, 2), np.float32)
    face = Detection(points, (1.2, 2, 30, 40), "five5", 0.987, point_score=np.ones(5))
    other = dataclasses.replace(face, score=None)
    other.landmarks += 7
    face.confidence[:] = 9
    assert not face.landmarks.any()
    assert not points.any()
    assert face.face_confidence == 1
    assert repr(face) == "<Detection: 5 five5 points in [1.0, 2.0, 30.0, 40.0], 0.99>"
    repr(Detection(points, None, "five5", np.ones(1)))
    track = Track(points, (1, 2, 30, 40), "five5", id=3)
    assert repr(track) == "<Track 3: 5 five5 points in [1.0, 2.0, 30.0, 40.0]>"
