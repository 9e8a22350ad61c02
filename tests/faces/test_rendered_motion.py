"""Films of known motion over faces, by which tracking is measured (`tools/compare_tracking.py`)."""

import compare_tracking
import numpy as np
from loaded import load

from keras_landmarks import data


def test_a_lit_pixel_moves_with_its_point_and_comes_back(monkeypatch):
    monkeypatch.setattr(compare_tracking, "NOISE", 0)
    points = data.made_up_face(0, 100)[1] + 40
    x, y = points[30] = np.rint(points[30])
    picture = np.zeros((180, 180, 3), np.uint8)
    picture[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = 255
    frames, truths = compare_tracking.film(data.Face(picture, points, "ibug68"), 0)
    rows, columns = np.indices(compare_tracking.SIZE)
    for frame, truth in zip(frames, truths, strict=True):
        light = frame[..., 0].astype(float)
        found = np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()
        np.testing.assert_allclose(found, truth[30], atol=0.1)
    moved = np.linalg.norm(np.diff([truth[30] for truth in truths], axis=0), axis=1)
    assert 1 < moved.max() < 12  # pixels a frame, of a face of 130
    assert np.linalg.norm(truths[-1][30] - truths[0][30]) < 12


def test_every_way_of_following_a_face_is_measured_in_every_frame():
    (face,) = data.made_up_faces(1, size=160)
    frames, truths = compare_tracking.film(face, 0)
    rows = compare_tracking.measure(load("tiny-ibug68"), [(frames[:4], truths[:4])])
    assert len(rows) == 3
    for errors in rows.values():
        assert errors.shape == (1, compare_tracking.FRAMES)
        assert np.isnan(errors[:, 4:]).all()
    page = compare_tracking.page(load("tiny-ibug68"), {k: v[:, :4] for k, v in rows.items()})
    assert "| detected in each frame | " in page
