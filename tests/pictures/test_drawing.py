import io
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest

from keras_landmarks import Detection, draw
from keras_landmarks.data import Face, made_up_face
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


def test_one_face_is_drawn_as_a_list_of_it():
    image, landmarks = made_up_face(0)
    face = Detection(landmarks, np.array([1, 2, 50, 60]), "ibug68")
    np.testing.assert_array_equal(draw(image, face), draw(image, [face]))
    for other in ([[face]], [landmarks], "faces", None, [face.to_dict()]):
        with pytest.raises(ValueError, match="Expected the faces of one picture"):
            draw(image, other)
    with pytest.raises(ValueError, match=r"five5 has 5 points, not \(68, 2\)"):
        draw(image, Detection(landmarks, None, "five5"))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_can_be_drawn(scheme):
    points = np.random.default_rng(0).uniform(0, 60, (SCHEMES[scheme].count, 2))
    drawn = draw(np.zeros((60, 60, 3), np.uint8), [Detection(points, None, scheme)])
    assert drawn.any()


def test_points_far_outside_do_not_crash():
    points = np.full((68, 2), 1e9, np.float32)
    draw(np.zeros((9, 9, 3), np.uint8), [Detection(points, np.array([-1e9, 0, 1e9, 5]), "ibug68")])


def test_points_that_are_far_or_all_unmarked_draw_no_thicker_than_the_picture_allows():
    picture, box = np.zeros((90, 90, 3), np.uint8), np.array([10, 10, 60, 60])
    far = np.full((68, 2), 40, np.float32)
    far[0] = 9e6
    draw(picture, [Detection(far, box, "ibug68")])
    nothing = np.full((68, 2), np.nan, np.float32)
    assert draw(picture, [Detection(nothing, box, "ibug68")]).any()


def kinds_of_pictures(image, folder):
    """The same picture in the ways that `detect` takes it."""
    turned = PIL.Image.fromarray(image).rotate(90, expand=True)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(folder / "turned.png", exif=exif)
    yield from (folder / "turned.png", str(folder / "turned.png"))
    yield PIL.Image.open(folder / "turned.png")
    yield (folder / "turned.png").read_bytes()
    yield io.BytesIO((folder / "turned.png").read_bytes())
    yield from (image.astype(kind) for kind in ("int64", "float32", "float64", "uint16"))
    yield from (np.asfortranarray(image), image[::-1][::-1], image[:, ::-1][:, ::-1])
    yield image.transpose(1, 0, 2).copy().transpose(1, 0, 2)
    yield np.dstack([image, np.zeros(image.shape[:2], np.uint8)])


def test_what_detect_takes_is_drawn_on_upright_and_opaque(tmp_path):
    image, landmarks = made_up_face(0)
    face = Detection(landmarks, np.array([1, 2, 50, 60]), "ibug68")
    expected = draw(image, [face])
    for picture in kinds_of_pictures(image, tmp_path):
        drawn = draw(picture, [face])
        assert drawn.dtype == np.uint8
        np.testing.assert_array_equal(drawn, expected)
    grey = image[..., 0]
    assert draw(grey, [face]).shape == image.shape


@pytest.mark.parametrize("picture", [None, np.ones((9, 9, 3)) / 2, np.zeros((9, 9, 2)), [[0, 1]]])
def test_what_detect_refuses_is_not_drawn_on_either(picture):
    with pytest.raises(ValueError, match="Expected|None"):
        draw(picture, [])


def test_missing_points_are_left_out():
    image, landmarks = made_up_face(0)
    gone = [8, 37, 38]
    landmarks[gone] = np.nan
    face = Face(image, landmarks, "ibug68", [1, 2, 199, 198])
    drawn = draw(image, [face])
    assert (drawn != image).any()
    for x, y in np.rint(landmarks[~face.missing]).astype(int):
        assert (drawn[y, x] != image[y, x]).any()
    alone = np.full_like(landmarks, np.nan)
    alone[3] = landmarks[3]
    assert (draw(image, [Face(image, alone, "ibug68")]) != image).any(axis=2).sum() < 60


def test_a_turned_box_and_the_axes_of_the_head_are_drawn():
    image, landmarks = made_up_face(0)
    box = np.array([40.0, 40, 160, 160])
    upright = draw(image, [Detection(landmarks, box, "ibug68")])
    turned = draw(image, [Detection(landmarks, box, "ibug68", angle=45.0)])
    assert (upright[40, 60:140] != image[40, 60:140]).any(axis=-1).all()
    assert (turned[40, 42:68] == image[40, 42:68]).all()
    assert (turned[12:20, 99:101] != image[12:20, 99:101]).any()  # a corner, above the middle
    posed = draw(image, [Detection(landmarks, None, "ibug68")], pose=True)
    assert (posed != draw(image, [Detection(landmarks, None, "ibug68")])).any()


def test_faces_without_a_pose_are_drawn_without_axes():
    face = Detection(np.random.default_rng(0).uniform(0, 60, (39, 2)), None, "menpo39")
    assert face.pose is None
    picture = np.zeros((60, 60, 3), np.uint8)
    np.testing.assert_array_equal(draw(picture, [face], pose=True), draw(picture, [face]))


def test_a_point_of_which_one_number_is_missing_is_left_out():
    image, landmarks = made_up_face(0)
    face = SimpleNamespace(landmarks=landmarks, scheme="ibug68", box=None)
    face.pose = SimpleNamespace(axes=np.eye(3, 2))
    without = landmarks.copy()
    without[[8, 37]] = np.nan
    expected = draw(image, SimpleNamespace(**vars(face) | {"landmarks": without}), pose=True)
    landmarks[8, 1] = landmarks[37, 0] = np.nan
    np.testing.assert_array_equal(draw(image, face, pose=True), expected)
    landmarks[36:42] = np.nan  # an eye, by which the axes begin
    draw(image, face, pose=True)
