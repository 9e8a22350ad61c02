import numpy as np
import pytest
from places import DATA, needs_data

from keras_landmarks.data import made_up_face, read_helen29
from keras_landmarks.pictures.images import write_image
from keras_landmarks.schemes import get_scheme

scipy_io = pytest.importorskip("scipy.io")


def write_helen29(folder, count=3):
    """A small `helen.mat` with its pictures; returns the 0-based points that went in."""
    rng = np.random.default_rng(0)
    shapes = rng.uniform(0, 100, (count, 29, 2))
    names, points = np.empty((count, 1), object), np.empty((count, 1), object)
    for i in range(count):
        names[i, 0], points[i, 0] = f"{i}.jpg", shapes[i].T + 1
        write_image(folder / "img" / f"{i}.jpg", made_up_face(i, 64)[0])
    scipy_io.savemat(folder / "helen.mat", {"imgs": names, "Pts": points})
    return shapes


def test_points_are_read_0_based_with_their_pictures(tmp_path):
    shapes = write_helen29(tmp_path)
    faces = read_helen29(tmp_path)
    assert [face.name for face in faces] == ["helen29/0.jpg", "helen29/1.jpg", "helen29/2.jpg"]
    for face, shape in zip(faces, shapes):
        assert face.scheme == "cofw29"
        assert face.box is None
        assert face.pixels().shape == (64, 64, 3)
        np.testing.assert_allclose(face.landmarks, shape, rtol=1e-5)


def test_a_missing_picture_is_named(tmp_path):
    write_helen29(tmp_path)
    (tmp_path / "img/1.jpg").unlink()
    with pytest.raises(ValueError, match=r"names 1\.jpg, but .* does not exist"):
        read_helen29(tmp_path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No helen\.mat in"):
        read_helen29(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no MATLAB file", bytes(range(256)) * 4])
def test_a_file_of_another_kind_is_an_error(tmp_path, content):
    (tmp_path / "helen.mat").write_bytes(content)
    with pytest.raises(ValueError, match=r"helen\.mat: expected a MATLAB file"):
        read_helen29(tmp_path)


def test_a_file_that_was_cut_short_is_an_error(tmp_path):
    write_helen29(tmp_path)
    data = (tmp_path / "helen.mat").read_bytes()
    (tmp_path / "helen.mat").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"helen\.mat: expected a MATLAB file"):
        read_helen29(tmp_path)


def test_a_file_without_the_two_variables_is_an_error(tmp_path):
    scipy_io.savemat(tmp_path / "helen.mat", {"imgs": np.zeros(3)})
    with pytest.raises(ValueError, match="expected a MATLAB file with `imgs` and `Pts`"):
        read_helen29(tmp_path)


def test_a_shape_of_another_count_is_an_error(tmp_path):
    write_helen29(tmp_path, 1)
    names, points = np.empty((1, 1), object), np.empty((1, 1), object)
    names[0, 0], points[0, 0] = "0.jpg", np.zeros((2, 28))
    scipy_io.savemat(tmp_path / "helen.mat", {"imgs": names, "Pts": points})
    with pytest.raises(ValueError, match=r"helen29/0\.jpg: cofw29"):
        read_helen29(tmp_path)


@needs_data
def test_the_real_faces_have_the_points_of_the_scheme():
    faces = read_helen29(DATA / "HELEN-29")
    assert len(faces) == 348
    scheme = get_scheme("cofw29")
    shapes = []
    for face in faces:
        low, high = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
        shapes.append((face.landmarks - (low + high) / 2) / (high - low).max())
    mean = np.mean(shapes, axis=0)
    # Which point is which: the mean face is its own mirror image, the right side on the left.
    assert np.abs(scheme.mirrored(mean, 1) - mean).max() < 0.03
    for i, j in enumerate(scheme.mirror):
        assert mean[min(i, j), 0] < mean[max(i, j), 0] or i == j
    heights = {name: mean[list(points), 1].mean() for name, points in scheme.regions.items()}
    order = sorted(heights, key=heights.get)
    assert order == ["brows", "eyes", "nose", "mouth", "jaw"]
    # Each pupil lies within its eye, and the lids above and below it.
    for outer, upper, inner, lower, pupil in ((8, 12, 10, 13, 16), (9, 14, 11, 15, 17)):
        assert min(mean[[outer, inner], 0]) < mean[pupil, 0] < max(mean[[outer, inner], 0])
        assert mean[upper, 1] < mean[pupil, 1] < mean[lower, 1]
