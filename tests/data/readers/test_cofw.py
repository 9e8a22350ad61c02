import numpy as np
import pytest
from lit import assert_lit, lit_picture, lit_points
from places import DATA, needs_data

from keras_landmarks.data import BrokenFile, read_cofw, read_cofw68

h5py = pytest.importorskip("h5py")
scipy_io = pytest.importorskip("scipy.io")


def write_cofw(path, pictures, shapes, covered, boxes, names=("IsT", "phisT", "bboxesT")):
    """As MATLAB writes: every matrix turned, 1-based, pictures in cells."""
    with h5py.File(path, "w") as file:
        cells = file.create_dataset(names[0], (1, len(pictures)), h5py.ref_dtype)
        for i, picture in enumerate(pictures):
            cells[0, i] = file.create_dataset(f"#refs#/{i}", data=picture.T).ref
        x, y = np.asarray(shapes).transpose(2, 0, 1) + 1
        file[names[1]] = np.concatenate([x, y, covered], axis=1).T
        file[names[2]] = np.float64(boxes).T


@pytest.fixture
def tree(tmp_path):
    shapes = [lit_points(29, 40, seed=i) for i in range(3)]
    pictures = [lit_picture(shape, 40)[: 40 - i] for i, shape in enumerate(shapes)]
    pictures[1] = pictures[1][..., 0]  # some are grey
    covered = np.zeros((3, 29))
    covered[2, 4] = 1
    boxes = [[3, 4, 10, 20], [1, 1, 40, 40], [-2, 1, 9, 9]]
    write_cofw(tmp_path / "COFW_test_color.mat", pictures, shapes, covered, boxes)
    return tmp_path


def test_points_lie_on_their_pixels(tree):
    faces = read_cofw(tree)
    assert [face.name for face in faces] == ["cofw/test/1", "cofw/test/2", "cofw/test/3"]
    for i, face in enumerate(faces):
        assert face.pixels().shape == (40 - i, 40, 3)
        assert_lit(face, 29)
    np.testing.assert_array_equal(faces[0].box, [2, 3, 12, 23])
    np.testing.assert_array_equal(faces[2].box, [-3, 0, 6, 9])


def test_covered_points_are_not_visible(tree):
    faces = read_cofw(tree)
    assert faces[0].visible.all()
    assert np.flatnonzero(~faces[2].visible).tolist() == [4]


def test_the_training_file_has_other_names(tree):
    shapes = [lit_points(29, 40, seed=9)]
    path = tree / "COFW_train_color.mat"
    names = "IsTr", "phisTr", "bboxesTr"
    pictures = [lit_picture(shapes[0], 40)]
    write_cofw(path, pictures, shapes, np.zeros((1, 29)), [[1, 1, 9, 9]], names)
    (face,) = read_cofw(tree, "train")
    assert_lit(face, 29)


def test_other_files_are_errors(tree):
    with pytest.raises(ValueError, match="Unknown part 'val'"):
        read_cofw(tree, "val")
    with pytest.raises(FileNotFoundError, match="COFW_train_color.mat"):
        read_cofw(tree, "train")
    (tree / "COFW_train_color.mat").write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match="expected a MATLAB 7.3 file"):
        read_cofw(tree, "train")
    with h5py.File(tree / "COFW_train_color.mat", "w") as file:
        file["IsTr"] = np.zeros((1, 2))
    with pytest.raises(ValueError, match="expected a MATLAB 7.3 file with"):
        read_cofw(tree, "train")


def test_another_number_of_points_is_an_error(tree):
    with h5py.File(tree / "COFW_test_color.mat", "a") as file:
        rows = file["phisT"][()][:-3]
        del file["phisT"]
        file["phisT"] = rows
    with pytest.raises(ValueError, match=r"face 1: expected 29 points .* found 84 numbers"):
        read_cofw(tree)


def write_cofw68(folder, shapes, covered):
    (folder / "test_annotations").mkdir()
    for i, shape in enumerate(shapes, start=1):
        content = {"Points": np.asarray(shape) + 1, "Occ": np.uint8(covered[i - 1 : i])}
        scipy_io.savemat(folder / f"test_annotations/{i}_points.mat", content)
    boxes = np.int16([[3, 4, 10, 20]] * len(shapes))
    scipy_io.savemat(folder / "cofw68_test_bboxes.mat", {"bboxes": boxes})


def test_the_68_points_lie_on_pixels_of_the_same_pictures(tmp_path):
    shapes = [lit_points(68, 40, seed=i) for i in range(11)]
    few = [shape[:29] for shape in shapes]
    pictures = [lit_picture(shape, 40) for shape in shapes]
    boxes, seen = [[1, 1, 9, 9]] * 11, np.zeros((11, 29))
    write_cofw(tmp_path / "COFW_test_color.mat", pictures, few, seen, boxes)
    covered = np.eye(11, 68)
    write_cofw68(tmp_path, shapes, covered)
    faces = read_cofw68(tmp_path)
    assert [face.name for face in faces] == [f"cofw68/test/{i}" for i in range(1, 12)]
    for i, face in enumerate(faces):  # the tenth after the ninth, not after the first
        assert_lit(face, 68)
        assert np.flatnonzero(~face.visible).tolist() == [i]
        np.testing.assert_array_equal(face.box, [2, 3, 12, 23])
    scipy_io.savemat(tmp_path / "test_annotations/12_points.mat", {"Points": 1, "Occ": 1})
    with pytest.raises(ValueError, match="holds no face 12"):
        read_cofw68(tmp_path)
    with pytest.warns(BrokenFile, match="holds no face 12"):
        assert len(read_cofw68(tmp_path, skip_broken=True)) == 11


@needs_data
def test_real_files_of_68_points_are_read(tmp_path):
    folder = DATA / "formats/cofw68"
    shapes, pictures = np.zeros((507, 29, 2)), [np.zeros((2, 2), np.uint8)] * 507
    path = tmp_path / "COFW_test_color.mat"
    write_cofw(path, pictures, shapes, np.zeros((507, 29)), np.ones((507, 4)))
    faces = {face.name: face for face in read_cofw68(tmp_path, folder)}
    assert list(faces) == ["cofw68/test/108", "cofw68/test/387", "cofw68/test/419"]
    face = faces["cofw68/test/108"]  # copied from the file by hand
    np.testing.assert_allclose(face.landmarks[0], [31.3087, 77.8053], atol=1e-4)
    assert np.flatnonzero(~face.visible)[:4].tolist() == [0, 1, 3, 13]
    for face in faces.values():  # the box is about the points
        middle = (face.truth_box[:2] + face.truth_box[2:]) / 2
        assert (middle > face.box[:2]).all()
        assert (middle < face.box[2:]).all()
