import cv2
import numpy as np
import pytest
from lit import assert_lit, lit_points, write_lit
from places import DATA, needs_data

from keras_landmarks.data import BrokenFile, read_lp

scipy_io = pytest.importorskip("scipy.io")


def write_face(folder, stem, seed=0, key="pt3d_68", pose=(0.1, -0.2, 0.3)):
    points = lit_points(68, seed=seed)
    write_lit(folder / f"{stem}.jpg", points)
    rows = points.T + 1
    rows = np.concatenate([rows, np.full((1, 68), 7.0)]) if key == "pt3d_68" else rows
    content = {key: rows, "Pose_Para": np.array([[*pose, 1.0, 2.0, 3.0, 4.0]])}
    if key == "pt3d_68":
        content["pt2d"] = np.zeros((2, 21))
    scipy_io.savemat(folder / f"{stem}.mat", content)


def test_points_lie_on_their_pixels_and_the_pose_is_in_degrees(tmp_path):
    write_face(tmp_path, "image00002")
    write_face(tmp_path / "AFW", "AFW_1_0", 1, key="pt2d")
    (tmp_path / "landmarks/AFW").mkdir(parents=True)
    scipy_io.savemat(tmp_path / "landmarks/AFW/AFW_1_0_pts.mat", {"pts_2d": np.zeros((68, 2))})
    faces = read_lp(tmp_path)
    assert [face.name for face in faces] == ["AFW/AFW_1_0.jpg", "image00002.jpg"]
    for face in faces:
        assert_lit(face, 68)
        pose = [face.facts[name] for name in ("pitch", "yaw", "roll")]
        np.testing.assert_allclose(pose, [5.7296, -11.4592, 17.1887], atol=1e-3)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    write_face(tmp_path / "AFLW2000", "image00002")
    monkeypatch.setenv("HOME", str(tmp_path))
    (face,) = read_lp("~/AFLW2000")
    assert_lit(face, 68)


def test_files_and_pictures_without_their_partner_are_named(tmp_path):
    write_face(tmp_path, "a")
    write_face(tmp_path, "b")
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(ValueError, match=r"a\.jpg does not exist"):
        read_lp(tmp_path)
    with pytest.warns(BrokenFile, match=r"a\.jpg does not exist"):
        assert len(read_lp(tmp_path, skip_broken=True)) == 1
    (tmp_path / "a.mat").unlink()
    write_lit(tmp_path / "c.jpg", lit_points(68))
    with pytest.warns(BrokenFile, match=r"no face for 1 pictures .*c\.jpg"):
        assert len(read_lp(tmp_path)) == 1


@pytest.mark.parametrize("content", [b"", b"no MATLAB file", b"\x01" * 400])
def test_a_broken_file_is_named_or_left_out(tmp_path, content):
    write_face(tmp_path, "a")
    write_face(tmp_path, "b")
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.mat: expected a MATLAB file"):
        read_lp(tmp_path)
    with pytest.warns(BrokenFile, match=r"a\.mat"):
        assert len(read_lp(tmp_path, skip_broken=True)) == 1


def test_another_number_of_points_is_an_error(tmp_path):
    write_face(tmp_path, "a")
    content = {"pt2d": np.ones((2, 21)), "Pose_Para": np.zeros((1, 7))}
    scipy_io.savemat(tmp_path / "a.mat", content)
    with pytest.raises(ValueError, match=r"a\.mat: expected 68 points, found 21"):
        read_lp(tmp_path)


@needs_data
def test_real_faces_have_their_pose_and_points_on_their_eyes():
    folder = DATA / "formats/aflw2000"
    faces = {face.name: face for face in read_lp(folder)}
    assert len(faces) == 16
    face = faces["image00050.jpg"]  # copied from the file by hand
    np.testing.assert_allclose(face.landmarks[:3, 0], [124.84849, 124.60505, 128.78058], atol=1e-4)
    assert face.facts["pitch"] == pytest.approx(-8.13944e-2 * 180 / np.pi, rel=1e-4)
    # A head that turns to its right, yaw above 0, shows less of its right half, on the left.
    for face in faces.values():
        jaw, nose = face.landmarks[:17, 0], face.landmarks[30, 0]
        right, left = nose - jaw.min(), jaw.max() - nose
        if abs(face.facts["yaw"]) > 20 and abs(face.facts["roll"]) < 30:
            assert (right < left) == (face.facts["yaw"] > 0)
    darker = []  # the eyes are darker than the cheeks below them
    for face in faces.values():
        grey = cv2.blur(face.pixels(), (9, 9)).mean(axis=2)
        for eye in (range(36, 42), range(42, 48)):
            x, y = np.rint(face.landmarks[list(eye)].mean(axis=0)).astype(int)
            down = int(np.ptp(face.landmarks[:, 1]) * 0.2)
            darker.append(grey[y, x] < grey[min(y + down, len(grey) - 1), x])
    assert np.mean(darker) > 0.8


def test_all_poses_and_the_mirror_image_of_a_face_are_of_one_photo(tmp_path):
    stems = "AFW/AFW_134212_1_0", "AFW/AFW_134212_2_17", "AFW_Flip/AFW_134212_1_3"
    for stem in (*stems, "LFPW/LFPW_image_train_0001_0", "LFPW/LFPW_image_train_0002_1"):
        write_face(tmp_path, stem, key="pt2d")
    photos = [face.photo for face in read_lp(tmp_path)]
    assert len(photos) == 5
    assert len(set(photos[:3])) == 1
    assert len(set(photos)) == 3


def test_pictures_of_other_names_are_photos_of_their_own(tmp_path):
    for stem in ("a/frame_01", "a/frame_02", "b/frame_01"):
        write_face(tmp_path, stem, key="pt2d")
    assert len({face.photo for face in read_lp(tmp_path)}) == 3
