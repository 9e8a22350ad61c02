import dataclasses
import shutil
import warnings

import numpy as np
import pytest
from faces import write_300w, write_pts
from places import DATA, needs_data

from keras_landmarks.data import (
    SPLITS,
    BrokenFile,
    Face,
    made_up_face,
    made_up_faces,
    read_300w,
    read_pts,
    split_by_photo,
)
from keras_landmarks.data.datasets import of_other_photos
from keras_landmarks.pictures.images import write_image


@pytest.fixture
def tree(tmp_path):
    """A folder with three faces in each part, and what was written: `(folder, {name: Face})`."""
    return tmp_path, write_300w(tmp_path, 3)


def write_face(folder, stem, seed=0, suffix=".jpg"):
    image, landmarks = made_up_face(seed)
    write_image(folder / f"{stem}{suffix}", image)
    write_pts(folder / f"{stem}.pts", landmarks)
    return landmarks


@pytest.mark.parametrize("split", ["300w/train", "300w/lfpw-test"])
def test_a_split_holds_the_faces_of_its_folders(tree, split):
    folder, written = tree
    faces = read_300w(folder, split)
    expected = [name for name in written if name.rpartition("/")[0] in SPLITS[split]]
    assert [face.name for face in faces] == expected
    for face in faces:
        truth = written[face.name]
        np.testing.assert_allclose(face.landmarks, truth.landmarks, atol=1e-4)
        np.testing.assert_allclose(face.box, truth.box, atol=1e-3)
        assert face.scheme == "ibug68"
        difference = np.abs(face.pixels().astype(int) - truth.image)
        assert difference.max() == 0 if face.name.endswith(".png") else difference.mean() < 8


def test_without_boxes_the_landmarks_own_are_taken(tree):
    folder, _ = tree
    (folder / "boxes.csv").unlink()
    face = read_300w(folder)[0]
    assert face.box is None
    np.testing.assert_array_equal(face.annotation_box, face.truth_box)


@pytest.mark.parametrize(
    "text", ["image,x0,y0,x1,y1\na.jpg,1,2,3\n", "image,x0,y0,x1,y1\na.jpg,1,2,3,x\n", "a,b\n1,2\n"]
)
def test_broken_boxes_are_an_error_that_names_the_line(tree, text):
    folder, _ = tree
    (folder / "boxes.csv").write_text(text)
    with pytest.raises(ValueError, match=r"boxes.csv, line 2: expected image,x0,y0,x1,y1"):
        read_300w(folder)


WRITTEN = {
    "excel": lambda text: "\ufeff" + text.replace("\n", "\r\n"),
    "spaces": lambda text: text.replace(",", ", "),
    "backslashes": lambda text: text.replace("/", "\\"),
    "from here": lambda text: text.replace("\n", "\n./"),
    "twice": lambda text: text.replace("/", "//"),
    "other endings": lambda text: text.replace(".jpg", ".PNG").replace(".png", ".jpeg"),
    "annotations": lambda text: text.replace(".jpg", ".pts").replace(".png", ".pts"),
    "no endings": lambda text: text.replace(".jpg", "").replace(".png", ""),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_boxes_are_found_however_the_table_is_written(tree, way):
    folder, written = tree
    path = folder / "boxes.csv"
    path.write_text(WRITTEN[way](path.read_text().strip()), encoding="utf-8")
    for face in read_300w(folder):
        np.testing.assert_allclose(face.box, written[face.name].box, atol=1e-3)


def test_names_with_accents_are_found_as_macos_writes_them(tmp_path):
    write_face(tmp_path / "ibug", "Zo\u00eb")
    table = "image,x0,y0,x1,y1\nibug/Zoe\u0308.jpg,1,2,3,4\n"
    (tmp_path / "boxes.csv").write_text(table, encoding="utf-8")
    (face,) = read_300w(tmp_path, "300w/challenging")
    assert face.box.tolist() == [1.5, 2.5, 3.5, 4.5]


def test_boxes_of_other_pictures_alone_are_warned_of(tree):
    folder, _ = tree
    table = (folder / "boxes.csv").read_text().replace("\n", "\n300W/").removesuffix("300W/")
    (folder / "boxes.csv").write_text(table)
    with pytest.warns(UserWarning, match=r"names 300W/afw/100_1, .* as afw/100_1.jpg: .* without"):
        assert read_300w(folder)[0].box is None


def test_hidden_files_of_macos_do_not_matter(tree):
    folder, written = tree
    for name in ("afw/._100_1.pts", "afw/._100_1.jpg", "afw/.DS_Store", "helen/trainset/._a.pts"):
        (folder / name).write_bytes(b"\x00\x05\x16\x07")
    train = [name for name in written if "testset" not in name]
    assert [face.name for face in read_300w(folder)] == train


def test_a_tilde_is_the_home_folder(tree, monkeypatch):
    monkeypatch.setenv("HOME", str(tree[0].parent))
    folder = f"~/{tree[0].name}"
    assert len(read_300w(folder)) == 9
    assert len(read_pts(f"{folder}/afw/100_1.pts")) == 68


def test_faces_of_one_photo_share_it(tree):
    folder, _ = tree
    photos = {face.name: face.photo for face in read_300w(folder)}
    assert photos["afw/100_1.jpg"] == photos["afw/100_2.jpg"] == "afw/100"
    assert photos["afw/101_1.jpg"] == "afw/101"
    assert photos["lfpw/trainset/image_0001.png"] != photos["lfpw/trainset/image_0002.png"]


def test_several_annotations_may_stand_beside_one_photo(tmp_path):
    folder = tmp_path / "ibug"
    one, two = made_up_face(1)[1], made_up_face(2)[1]
    write_image(folder / "party.jpg", made_up_face(1)[0])
    write_pts(folder / "party_1.pts", one)
    write_pts(folder / "party_2.pts", two, header=False)
    first, second = read_300w(tmp_path, "300w/challenging")
    assert (first.name, second.name) == ("ibug/party_1.jpg", "ibug/party_2.jpg")
    assert first.image == second.image == folder / "party.jpg"
    assert first.photo == second.photo == "ibug/party"
    np.testing.assert_allclose(first.landmarks, one, atol=1e-4)
    np.testing.assert_allclose(second.landmarks, two, atol=1e-4)


def test_a_photo_may_have_an_annotation_of_its_own_beside_those_of_others(tmp_path):
    folder = tmp_path / "ibug"
    write_face(folder, "party", 1)
    write_pts(folder / "party_1.pts", made_up_face(2)[1])
    names = [face.name for face in read_300w(tmp_path, "300w/challenging")]
    assert names == ["ibug/party.jpg", "ibug/party_1.jpg"]


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".jpeg", ".png"])
def test_pictures_are_found_by_any_usual_ending(tmp_path, suffix):
    landmarks = write_face(tmp_path / "ibug", "ann", suffix=suffix)
    (face,) = read_300w(tmp_path, "300w/challenging")
    assert face.name == f"ibug/ann{suffix}"
    np.testing.assert_allclose(face.landmarks, landmarks, atol=1e-4)


def broken_annotation(folder):
    (folder / "afw/100_1.pts").write_text("version: 1\nn_points: 68\n{\n1 1\n}\n")


def no_annotation(folder):
    (folder / "afw/100_1.pts").unlink()


def no_picture(folder):
    (folder / "afw/100_1.jpg").unlink()


def two_pictures(folder):
    shutil.copy(folder / "lfpw/trainset/image_0001.png", folder / "afw/100_1.png")


@pytest.mark.parametrize("damage", [broken_annotation, no_annotation, no_picture, two_pictures])
def test_a_broken_face_is_named_or_left_out_with_a_warning(tree, damage):
    folder, written = tree
    damage(folder)
    with pytest.raises(ValueError, match=r"100_1\.(pts|jpg)"):
        read_300w(folder)
    with pytest.warns(BrokenFile, match=r"100_1\.(pts|jpg)") as warned:
        faces = read_300w(folder, skip_broken=True)
    assert len(warned) == 1
    train = [name for name in written if "testset" not in name]
    assert [face.name for face in faces] == [n for n in train if n != "afw/100_1.jpg"]


def test_other_files_in_the_folders_do_not_matter(tree):
    folder, _ = tree
    (folder / "afw/readme.txt").write_text("Hello.")
    (folder / "afw/more").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_300w(folder)) == 9


def test_missing_folders_of_a_split_are_warned_of(tmp_path):
    write_face(tmp_path / "ibug", "ann")
    with pytest.warns(UserWarning, match=r"without helen/testset, lfpw/testset: not in"):
        assert len(read_300w(tmp_path, "300w/full")) == 1


def test_a_folder_without_any_of_the_split_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="none of the folders of 300w/train: afw"):
        read_300w(tmp_path)


def test_empty_folders_are_an_error(tmp_path):
    (tmp_path / "ibug").mkdir()
    with pytest.raises(ValueError, match="no annotated picture"):
        read_300w(tmp_path, "300w/challenging")


def test_an_unknown_split_is_an_error_that_lists_the_known(tmp_path):
    with pytest.raises(ValueError, match="Unknown split '300w'. Known: 300w/train, "):
        read_300w(tmp_path, "300w")


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.99])
def test_a_split_keeps_photos_together_and_loses_no_face(fraction):
    faces = made_up_faces(41)
    training, held = split_by_photo(faces, fraction)
    photos = {face.photo for face in held}
    assert not photos & {face.photo for face in training}
    assert len(photos) == min(max(round(21 * fraction), 1), 20)
    assert sorted(f.name for f in training + held) == sorted(f.name for f in faces)


def test_a_split_depends_on_its_seed_and_not_on_the_order_of_faces():
    faces = made_up_faces(40)

    def names(part):
        return sorted(face.name for face in part)

    held = names(split_by_photo(faces, 0.2, seed=1)[1])
    assert names(split_by_photo(faces[::-1], 0.2, seed=1)[1]) == held
    assert names(split_by_photo(faces, 0.2, seed=2)[1]) != held


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
def test_a_split_by_a_fraction_outside_of_0_to_1_is_an_error(fraction):
    with pytest.raises(ValueError, match="above 0 and below 1"):
        split_by_photo(made_up_faces(4), fraction)


def test_faces_of_one_picture_stay_together_whatever_they_are_called():
    faces = made_up_faces(30)
    third = [dataclasses.replace(f, image=faces[i // 3].image) for i, f in enumerate(faces)]
    assert len({face.photo for face in third}) > 10
    training, held = split_by_photo(third, 0.3)
    assert len(training) + len(held) == 30
    assert held
    assert not {id(face.image) for face in training} & {id(face.image) for face in held}
    with pytest.raises(ValueError, match="at least two photos, got 1"):
        split_by_photo([dataclasses.replace(f, image=faces[0].image) for f in faces])


def test_a_single_photo_cannot_be_parted():
    with pytest.raises(ValueError, match="at least two photos, got 1"):
        split_by_photo(made_up_faces(2))


@needs_data
def test_the_real_300w_has_its_faces():
    folder = DATA / "300W"
    train, test = read_300w(folder), read_300w(folder, "300w/lfpw-test")
    assert (len(train), len(test)) == (2014, 224)
    assert all(face.box is not None for face in train + test)
    with pytest.warns(UserWarning, match="without helen/testset"):
        assert len(read_300w(folder, "300w/common")) == 224
    with pytest.warns(UserWarning, match="without helen/testset, ibug"):
        assert len(read_300w(folder, "300w/full")) == 224
    assert len({face.photo for face in train}) < 2014  # AFW has several faces a photo
    overlaps = []
    for face in train + test:
        low = np.maximum(face.box[:2], face.truth_box[:2])
        high = np.minimum(face.box[2:], face.truth_box[2:])
        overlaps.append(np.prod(high - low) / np.prod(face.truth_box[2:] - face.truth_box[:2]))
    assert np.mean(overlaps) > 0.9


@needs_data
@pytest.mark.parametrize("name", ["header.pts", "bare_lines.pts"])
def test_real_annotations_are_read_with_and_without_header(name):
    path = DATA / "formats/300w" / name
    numbers = [line.split() for line in path.read_text().splitlines()]
    first = next(words for words in numbers if len(words) == 2 and words[0][0].isdigit())
    points = read_pts(path, count=68)
    np.testing.assert_allclose(points[0], [float(word) - 1 for word in first], rtol=1e-6)


def test_a_photo_is_the_same_by_its_file_or_by_its_name(tmp_path):
    first, *others = made_up_faces(3)
    for number, face in enumerate((first, *others)):
        write_image(tmp_path / f"{number}.png", face.image)
    (tmp_path / "link.png").symlink_to(tmp_path / "0.png")
    numbered = [
        Face(tmp_path / name, first.landmarks, "ibug68", photo=photo)
        for name, photo in (("link.png", "a"), ("1.png", "0"), ("2.png", "b"))
    ]
    held = [Face(str(tmp_path / "0.png"), first.landmarks, "ibug68", photo="0")]
    with pytest.warns(UserWarning, match="2 of 3 further .*, as a, are held out"):
        assert of_other_photos(numbered, held, "held out") == numbered[2:]
    with pytest.warns(UserWarning, match="1 of 3 further .*, as a, are held out"):
        assert of_other_photos(numbered, held, "held out", by_name=False) == numbered[1:]
