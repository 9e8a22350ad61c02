import numpy as np
import pytest
from lit import assert_lit, lit_points, write_lit

from keras_landmarks.data import BrokenFile, read_aflw
from keras_landmarks.data.readers import aflw

scipy_io = pytest.importorskip("scipy.io")


def write_aflw(folder, shapes, names, masks, order, boxes=None):
    """`AFLWinfo_release.mat`: x1 ... x19, y1 ... y19 a row; boxes left, right, top, bottom."""
    cells = np.empty((len(names), 1), object)
    cells[:, 0] = names
    content = {
        "nameList": cells,
        "bbox": np.tile([-5.0, 55, 1, 61], (len(names), 1)) if boxes is None else boxes,
        "data": np.asarray(shapes).transpose(0, 2, 1).reshape(len(names), -1),
        "mask_new": np.asarray(masks, np.uint8),
        "ra": np.array([order]) + 1,
    }
    scipy_io.savemat(folder / "AFLWinfo_release.mat", content)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setattr(aflw, "TRAINING", 2)
    shapes = [lit_points(19, seed=i) for i in range(5)]
    names = ["0/image00002.jpg", "0/image00004.jpg", "2/image1.png", "3/image7.jpg", "3/image7.jpg"]
    for shape, name in zip(shapes[:4], names[:4]):
        write_lit((tmp_path / "data/flickr" / name).with_suffix(".jpg"), shape)
    shapes[4] = shapes[3]
    masks = np.ones((5, 19))
    masks[2, 5:] = 0
    write_aflw(tmp_path, shapes, names, masks, order=[1, 0, 4, 2, 3])
    return tmp_path


def test_points_lie_on_their_pixels_and_parts_follow_the_order(tree):
    train, full = read_aflw(tree, "train"), read_aflw(tree, "full")
    assert [face.name for face in train] == ["aflw/0/image00004.jpg#2", "aflw/0/image00002.jpg#1"]
    assert [face.name[-1] for face in full] == ["5", "3", "4"]
    for face in train + full:
        assert_lit(face, 19)
        np.testing.assert_array_equal(face.box, [-4.5, 1.5, 55.5, 61.5])
    assert full[1].image.name == "image1.jpg"  # the file says png


def test_points_that_were_not_seen_are_not_visible_but_there(tree):
    _, turned, _ = read_aflw(tree, "full")
    np.testing.assert_array_equal(turned.visible, [True] * 5 + [False] * 14)
    assert not turned.missing.any()
    assert [face.name[-1] for face in read_aflw(tree, "frontal")] == ["5", "4"]


def test_a_missing_picture_is_named_or_left_out(tree):
    (tree / "data/flickr/2/image1.jpg").unlink()
    with pytest.raises(ValueError, match=r"2/image1\.png does not exist"):
        read_aflw(tree)
    with pytest.warns(BrokenFile, match=r"2/image1\.png"):
        assert len(read_aflw(tree, skip_broken=True)) == 2


def test_other_input_is_an_error(tree, tmp_path):
    with pytest.raises(ValueError, match="Unknown part 'tset'"):
        read_aflw(tree, "tset")
    shapes = np.zeros((1, 18, 2))
    write_aflw(tmp_path, shapes, ["a.jpg"], np.ones((1, 18)), [0])
    with pytest.raises(ValueError, match="expected 19 points, found 18"):
        read_aflw(tmp_path, "train")
    (tree / "AFLWinfo_release.mat").unlink()
    with pytest.raises(FileNotFoundError, match="AFLWinfo_release.mat"):
        read_aflw(tree)
