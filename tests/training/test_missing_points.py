"""Training on faces that lack points, from balanced poses to the held-out error."""

import dataclasses

import numpy as np
import pytest
import small_recipe

from keras_landmarks import data, training
from keras_landmarks.losses import Wing

pytestmark = pytest.mark.usefixtures("eagerly")


def lacking(count):
    """Made-up faces without three in ten of their points."""
    rng, faces = np.random.default_rng(0), []
    for face in data.made_up_faces(count, size=48):
        landmarks = face.landmarks.copy()
        landmarks[rng.random(68) < 0.3] = np.nan
        faces.append(dataclasses.replace(face, landmarks=landmarks, visible=None))
    return faces


@pytest.mark.parametrize("changes", [{"lpbb": "BBO"}, {"lpbb": "BB", "box": "truth"}], ids=str)
def test_a_recipe_trains_on_faces_that_lack_points(tmp_path, changes):
    stage = dataclasses.replace(small_recipe.RECIPE.stages[0], epochs=1)
    recipe = dataclasses.replace(small_recipe.RECIPE, stages=(stage,), **changes)
    samples, held_out = recipe.samples(lacking(24))
    model = training.train(recipe, samples, held_out, tmp_path, verbose=0)
    columns, row = (line.split(",") for line in (tmp_path / "log.csv").read_text().splitlines())
    figures = dict(zip(columns, map(float, row)))
    assert np.isfinite([figures["loss"], figures["nme"], figures["val_nme"]]).all()
    corners = [face for face in held_out.faces if not face.missing[[36, 45]].any()]
    truth = data.Samples(corners, recipe.size, box=recipe.box).arrays()
    found = model.predict(truth[0], verbose=0)["landmarks"]
    errors = []
    for points, guess in zip(truth[1], found):
        marked = ~np.isnan(points[:, 0])
        away = np.linalg.norm(points[marked] - guess[marked], axis=1)
        errors.append(away.mean() / np.linalg.norm(points[36] - points[45]))
    assert figures["val_nme"] == pytest.approx(np.mean(errors), rel=1e-3)


def test_held_out_faces_that_all_lack_an_eye_corner_are_an_error(tmp_path):
    faces = lacking(24)
    recipe = dataclasses.replace(small_recipe.RECIPE, batch=4)
    samples, held_out = recipe.samples(faces)
    without = [lose_corner(face) for face in held_out.faces]
    with pytest.raises(ValueError, match=r"held-out faces lack points of the normaliser \(corners"):
        training.train(recipe, samples, data.Samples(without, recipe.size), tmp_path, verbose=0)


def lose_corner(face):
    landmarks = face.landmarks.copy()
    landmarks[36] = np.nan
    return dataclasses.replace(face, landmarks=landmarks, visible=None)


def test_losses_of_faces_are_of_their_marked_points():
    samples = data.Samples(lacking(8), (16, 16), batch=8)
    crops, landmarks = samples.batch_at(0)
    metric = training.FaceLosses(Wing(), 8)
    metric.update_state(landmarks, np.zeros_like(landmarks))
    expected = []
    for points in landmarks:
        marked = points[~np.isnan(points[:, 0])]
        expected.append(float(Wing()(marked[None], np.zeros_like(marked)[None])))
    np.testing.assert_allclose(np.asarray(metric.values.value), expected, rtol=1e-5)
    assert len(crops) == 8
