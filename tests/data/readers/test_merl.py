import shutil

import numpy as np
import pytest
from lit import assert_lit, lit_points, write_lit
from places import DATA, needs_data

from keras_landmarks.data import BrokenFile, read_merl


def write_face(folder, stem, seed=0, covered=(), unseen=()):
    """A label as MERL-RAV writes it: 1-based, negative if covered, -1 -1 if not seen."""
    points = lit_points(68, seed=seed)
    written = points + 1
    written[list(covered)] *= -1
    written[list(unseen)] = -1
    lines = ["version: 1", "n_points:  68", "{", *(f"{x:g} {y:g}" for x, y in written), "}"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.pts").write_text("\n".join(lines))
    return points


def test_covered_and_unseen_points_are_told_apart(tmp_path):
    folder = tmp_path / "merl_rav_organized/left/testset"
    points = write_face(folder, "image00032_1", covered=[0, 5], unseen=[7, 8])
    write_lit(folder / "image00032_1.jpg", points)
    (face,) = read_merl(tmp_path)
    assert_lit(face, 66)
    assert np.flatnonzero(face.missing).tolist() == [7, 8]
    assert np.flatnonzero(~face.visible).tolist() == [0, 5, 7, 8]
    assert face.facts == {"pose": "left"}


def test_pictures_are_found_in_aflw_where_faces_share_them(tmp_path):
    labels = tmp_path / "merl_rav_labels/frontal/trainset"
    points = [write_face(labels, f"image00002_{i}", i) for i in (1, 2)]
    write_lit(tmp_path / "aflw/flickr/2/image00002.jpg", np.concatenate(points))
    faces = read_merl(tmp_path, "train")
    for face in faces:
        assert_lit(face, 68)
    assert faces[0].photo == faces[1].photo == "aflw/image00002"
    assert faces[0].name != faces[1].name


def test_missing_input_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds none of frontal"):
        read_merl(tmp_path)
    with pytest.raises(ValueError, match="Unknown part 'val'"):
        read_merl(tmp_path, "val")
    folder = tmp_path / "right/testset"
    write_lit(folder / "a.jpg", write_face(folder, "a"))
    write_face(folder, "b")
    with pytest.raises(ValueError, match=r"b\.jpg does not exist"):
        read_merl(tmp_path)
    with pytest.warns(BrokenFile, match=r"b\.jpg"):
        assert len(read_merl(tmp_path, skip_broken=True)) == 1


@needs_data
def test_real_labels_of_each_pose_are_read(tmp_path):
    samples = DATA / "formats/merl-rav"
    for sample in samples.iterdir():
        pose, _, name = sample.name.partition("_")
        folder = tmp_path / pose / "testset"
        folder.mkdir(parents=True)
        shutil.copy(sample, folder / name)
        (folder / name).with_suffix(".jpg").touch()
    faces = {face.facts["pose"]: face for face in read_merl(tmp_path)}
    assert list(faces) == ["frontal", "lefthalf", "left", "righthalf", "right"]
    first = faces["frontal"].landmarks  # copied from the files by hand
    np.testing.assert_allclose(first[0], [127.316327, 121.44898], atol=1e-4)
    np.testing.assert_allclose(first[2], [134.459184, 186.244898], atol=1e-4)
    assert np.flatnonzero(~faces["frontal"].visible)[:5].tolist() == [0, 1, 3, 4, 5]
    assert not faces["frontal"].missing.any()
    assert np.flatnonzero(faces["lefthalf"].missing).tolist() == [16, 25, 26]
    assert faces["lefthalf"].visible[:16].all()
    for pose in ("left", "right"):
        assert faces[pose].missing.sum() > 15
    assert faces["right"].missing[0]
