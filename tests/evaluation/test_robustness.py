"""Disturbed faces: what is done to them is what its name and its amount say."""

import sys

import cv2
import numpy as np
import pytest
import robustness
from faces import write_300w

from keras_landmarks import data, evaluation, geometry
from keras_landmarks.faces.boxes import convert_boxes

POINTS = np.float32([[30, 40], [60, 40], [45, 55], [35, 70], [55, 70]])
BOX = np.float32([20, 30, 70, 80])
GREY = np.full((100, 120, 3), 128, np.uint8)


def face(image=GREY, **facts):
    return data.Face(image, POINTS, "five5", **{"box": BOX, "name": "one"} | facts)


def disturb(kind, amount, image=GREY):
    return evaluation.disturb([face(image)], kind, amount)[0]


def lit():
    picture = np.zeros((100, 120, 3), np.uint8)
    for x, y in POINTS.astype(int):
        picture[y, x] = 255
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


def brightest(picture, near, reach):
    """The centre of light about a point."""
    x, y = np.rint(near).astype(int)
    patch = picture[y - reach : y + reach + 1, x - reach : x + reach + 1, 0].astype(float)
    rows, columns = np.mgrid[y - reach : y + reach + 1, x - reach : x + reach + 1]
    return np.array([(columns * patch).sum(), (rows * patch).sum()]) / patch.sum()


@pytest.mark.parametrize(("kind", "amount", "reach"), [("turn", 30, 5), ("face size", 25, 3)])
def test_a_lit_pixel_moves_with_its_landmark(kind, amount, reach):
    moved = disturb(kind, amount, lit())
    for point in moved.landmarks:
        np.testing.assert_allclose(brightest(moved.image, point, reach), point, atol=0.12)


def test_the_box_of_a_turned_or_smaller_face_lies_about_it_as_before():
    before = np.float32([BOX[:2] + BOX[2:]]) / 2 - 0.5  # the pixel in the box's middle
    for kind, amount, side in (("turn", 90, 50), ("face size", 25, 25)):
        moved = disturb(kind, amount)
        to = geometry.fit_similarity(POINTS, moved.landmarks)
        centre = geometry.transform_points(before, to)[0] + 0.5
        np.testing.assert_allclose((moved.box[:2] + moved.box[2:]) / 2, centre, atol=0.01)
        np.testing.assert_allclose(moved.box[2:] - moved.box[:2], side, atol=0.01)


def test_the_crop_of_a_turned_face_is_of_its_detectors_convention():
    laid = convert_boxes(np.float32([BOX]), "annotation", "mtcnn")[0]
    (plain,), (other,) = (
        evaluation.disturb([face(box=box, convention=name)], "turn", 90)
        for box, name in ((BOX, "annotation"), (laid, "mtcnn"))
    )
    np.testing.assert_allclose(other.square(), plain.square(), atol=0.01)


def test_a_face_in_a_picture_of_a_known_size_knows_the_new_one():
    for kind, amount in (("turn", 30), ("face size", 25)):
        (moved,) = evaluation.disturb([face(size=GREY.shape[:2])], kind, amount)
        assert moved.pixels().shape[:2] == moved.size != GREY.shape[:2]


def test_boxes_are_moved_and_scaled_by_shares_of_their_side():
    shifts = [f.box - BOX for f in evaluation.disturb([face()] * 20, "box shift", 0.1)]
    np.testing.assert_allclose([np.hypot(*shift[:2]) for shift in shifts], 5, atol=1e-3)
    np.testing.assert_allclose([shift[2:] for shift in shifts], [s[:2] for s in shifts], atol=1e-3)
    assert np.std([np.arctan2(*shift[:2]) for shift in shifts]) > 1  # in all directions
    np.testing.assert_allclose(disturb("box scale", 0.8).box, [25, 35, 65, 75])


def test_pictures_are_blurred_compressed_and_darkened_by_their_amounts():
    edge = GREY.copy()
    edge[:, :60] = 0
    blurred = disturb("blur", 0.04, edge).image[50, :, 0].astype(float)  # sigma 2 of a 50 px box
    steps = np.diff(blurred)
    columns = np.arange(len(steps)) + 0.5
    mean = (steps * columns).sum() / steps.sum()
    assert np.sqrt((steps * (columns - mean) ** 2).sum() / steps.sum()) == pytest.approx(2, abs=0.1)
    dark = disturb("darkness", 0.25).image
    assert dark.mean() == pytest.approx(32, abs=0.1)
    assert dark.std() == pytest.approx(2, abs=0.1)
    noise = np.random.default_rng(0).integers(0, 256, GREY.shape).astype(np.uint8)
    noise = cv2.GaussianBlur(noise, (0, 0), 2)
    fine, coarse = (disturb("JPEG", quality, noise).image for quality in (90, 5))
    assert np.abs(coarse - 1.0 * noise).mean() > 1.5 * np.abs(fine - 1.0 * noise).mean()


def test_disturbances_repeat_and_bad_input_is_named():
    twice = [disturb("darkness", 0.5).image for _ in range(2)]
    np.testing.assert_array_equal(*twice)
    with pytest.raises(ValueError, match="Unknown disturbance 'rain'. Known: box shift"):
        disturb("rain", 1)
    without = data.Face(GREY, POINTS, "five5", name="two")
    with pytest.raises(ValueError, match="1 faces have no box, the first is two"):
        evaluation.disturb([without], "blur", 0.1)


def test_models_alone_are_not_measured_on_other_faces_than_the_rest(tmp_path, monkeypatch):
    write_300w(tmp_path, 2)
    monkeypatch.setattr(sys, "argv", ["robustness", "--data", str(tmp_path), "tiny-ibug68"])
    with pytest.raises(ValueError, match="other models were measured by .*: name none"):
        robustness.main()


@pytest.mark.parametrize(
    ("kind", "amount"),
    [("JPEG", 200), ("JPEG", 0), ("blur", 0), ("cover", 0.1), ("face size", -1), ("box scale", 0)],
)
def test_an_amount_that_is_none_of_its_kind_is_refused(kind, amount):
    with pytest.raises(ValueError, match="amount must be a finite number"):
        disturb(kind, amount)


def test_the_quality_of_a_jpeg_may_be_a_fraction():
    picture = np.random.default_rng(0).integers(0, 256, GREY.shape, np.uint8)
    np.testing.assert_array_equal(
        disturb("JPEG", 50.0, picture).pixels(), disturb("JPEG", 50, picture).pixels()
    )


def test_a_turn_is_by_its_degrees_to_either_side_and_shares_are_of_the_longer_side():
    turned = evaluation.disturb([face()] * 20, "turn", 30)
    eyes = np.array([f.landmarks[1] - f.landmarks[0] for f in turned])  # level before
    assert set(np.rint(np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0])))) == {-30, 30}
    wide = data.Face(GREY, POINTS, "five5", box=[20, 30, 70, 55])
    (moved,) = evaluation.disturb([wide], "box shift", 0.1)
    assert np.hypot(*(moved.box - wide.box)[:2]) == pytest.approx(5, abs=1e-3)
