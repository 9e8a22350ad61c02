"""Made-up trees of each official layout, with the official number of faces and empty pictures."""

import os

import numpy as np
import pytest
from places import DATA, needs_data

from keras_landmarks.data import PROTOCOLS, get_protocol, part_of, read_split
from keras_landmarks.data.readers.wflw import ATTRIBUTES
from keras_landmarks.errors import NORMALISERS


def repeat(first, *paths):
    """The first file under other names: links are made sooner than files."""
    for path in paths:
        os.link(first, path)


def write_pairs(folder, count, stem="image_{:05d}", ending=".jpg", points=68):
    folder.mkdir(parents=True, exist_ok=True)
    names = [folder / stem.format(i) for i in range(count)]
    text = "\n".join(f"{i + 1} {2 * i + 1}" for i in range(points))
    first = names[0].with_suffix(".pts"), names[0].with_suffix(ending)
    first[0].write_text(text)
    first[1].touch()
    for path in first:
        repeat(path, *(name.with_suffix(path.suffix) for name in names[1:]))


def counts(folder, *names):
    return {name: len(read_split(folder, name)) for name in names}


def official(*names):
    return {name: PROTOCOLS[name].faces for name in names}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_says_how_errors_are_reported(name):
    protocol = get_protocol(name)
    assert protocol.normaliser in (*NORMALISERS, "face_box")
    assert 0 < protocol.limit <= 0.1


def test_protocols_have_the_published_numbers():
    expected = {
        "300w/train": (3148, "corners", 0.08),
        "300w/full": (689, "corners", 0.08),
        "300w/private": (600, "corners", 0.08),
        "aflw/full": (4386, "face_box", 0.07),
        "aflw/frontal": (1314, "face_box", 0.07),
        "cofw/test": (507, "pupils", 0.1),
        "cofw68/test": (507, "corners", 0.1),
        "wflw/test": (2500, "corners", 0.1),
        "wflw/pose": (326, "corners", 0.1),
        "wflw/blur": (773, "corners", 0.1),
        "menpo/semifrontal-train": (6679, "diagonal", 0.03),
    }
    for name, facts in expected.items():
        protocol = PROTOCOLS[name]
        assert (protocol.faces, protocol.normaliser, protocol.limit) == facts


def test_300w_has_its_faces(tmp_path):
    write_pairs(tmp_path / "afw", 337)
    write_pairs(tmp_path / "helen/trainset", 2000, "{}_1")
    write_pairs(tmp_path / "helen/testset", 330, "{}_1")
    write_pairs(tmp_path / "lfpw/trainset", 811, ending=".png")
    write_pairs(tmp_path / "lfpw/testset", 224, ending=".png")
    write_pairs(tmp_path / "ibug", 135)
    write_pairs(tmp_path / "300W/01_Indoor", 300, "indoor_{:03d}", ".png")
    write_pairs(tmp_path / "300W/02_Outdoor", 300, "outdoor_{:03d}", ".png")
    names = [name for name in PROTOCOLS if name.startswith("300w/")]
    assert counts(tmp_path, *names) == official(*names)
    (tmp_path / "ibug/more.jpg").touch()
    (tmp_path / "ibug/more.pts").write_text((tmp_path / "ibug/image_00000.pts").read_text())
    with pytest.raises(ValueError, match="holds 136 faces, the official split 135"):
        read_split(tmp_path, "300w/challenging")


def test_menpo_has_its_faces(tmp_path):
    write_pairs(tmp_path / "trainset/semifrontal", 6679)
    write_pairs(tmp_path / "trainset/profile", 2300, points=39)
    write_pairs(tmp_path / "testset/semifrontal", 5335)
    write_pairs(tmp_path / "testset/profile", 1946, points=39)
    names = [name for name in PROTOCOLS if name.startswith("menpo/")]
    assert counts(tmp_path, *names) == official(*names)
    assert read_split(tmp_path, "menpo/profile-test")[0].scheme == "menpo39"


def test_wflw_and_its_subsets_have_their_faces(tmp_path):
    numbers = " ".join(f"{v % 97}.5" for v in range(196)) + " 3 4 50 60"
    (tmp_path / "WFLW_images/0--Parade").mkdir(parents=True)
    lists = tmp_path / "WFLW_annotations/list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    sizes = [PROTOCOLS[f"wflw/{name}"].faces for name in ATTRIBUTES]
    assert sizes == [326, 314, 698, 206, 736, 773]
    for part, count in (("train", 7500), ("test", 2500)):
        lines = []
        for i in range(count):
            name = f"0--Parade/{part}_{i // 2}.jpg"  # two faces a photograph
            (tmp_path / "WFLW_images" / name).touch()
            flags = " ".join(str(int(i < size)) for size in sizes)
            lines.append(f"{numbers} {flags} {name}")
        (lists / f"list_98pt_rect_attr_{part}.txt").write_text("\n".join(lines))
    names = [name for name in PROTOCOLS if name.startswith("wflw/") and name != "wflw/none"]
    assert len(names) == 8
    assert counts(tmp_path, *names) == official(*names)
    assert counts(tmp_path, "wflw/none") == {"wflw/none": 2500 - 773}


def test_aflw_has_its_faces(tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    names = np.empty((24386, 1), object)
    for i in range(24386):
        names[i, 0] = f"{(0, 2, 3)[i % 3]}/image{i:05d}.jpg"
    for folder in (0, 2, 3):
        (tmp_path / f"data/flickr/{folder}").mkdir(parents=True)
    (tmp_path / "a.jpg").touch()
    repeat(tmp_path / "a.jpg", *(tmp_path / "data/flickr" / name for name in names[:, 0]))
    order = np.random.default_rng(0).permutation(24386)
    masks = np.ones((24386, 19), np.uint8)
    masks[order[20000 + 1314 :], 3] = 0
    content = {"nameList": names, "mask_new": masks, "ra": order[None] + 1}
    content["data"] = np.tile(np.arange(38.0), (24386, 1))
    content["bbox"] = np.tile([-3.0, 40, 2, 45], (24386, 1))
    scipy_io.savemat(tmp_path / "AFLWinfo_release.mat", content)
    names = ["aflw/train", "aflw/full", "aflw/frontal"]
    assert counts(tmp_path, *names) == official(*names)


def test_cofw_and_cofw68_have_their_faces(tmp_path):
    h5py, scipy_io = pytest.importorskip("h5py"), pytest.importorskip("scipy.io")
    for name, end, count in (("train", "Tr", 1345), ("test", "T", 507)):
        with h5py.File(tmp_path / f"COFW_{name}_color.mat", "w") as file:
            picture = file.create_dataset("#refs#/a", data=np.zeros((3, 2, 2), np.uint8))
            cells = file.create_dataset(f"Is{end}", (1, count), h5py.ref_dtype)
            cells[0] = [picture.ref] * count
            file[f"phis{end}"] = np.random.default_rng(0).uniform(1, 9, (87, count))
            file[f"bboxes{end}"] = np.full((4, count), 9.0)
    for i in range(1, 508):
        content = {"Points": np.ones((68, 2)) * i, "Occ": np.zeros((1, 68), np.uint8)}
        scipy_io.savemat(tmp_path / f"{i}_points.mat", content)
    boxes = {"bboxes": np.full((507, 4), 9, np.int16)}
    scipy_io.savemat(tmp_path / "cofw68_test_bboxes.mat", boxes)
    names = ["cofw/train", "cofw/test", "cofw68/test"]
    assert counts(tmp_path, *names) == official(*names)


@pytest.mark.filterwarnings("error")
def test_300vw_has_its_clips(tmp_path):
    from keras_landmarks.data.readers.video300 import CATEGORIES

    clips = [f"{i:03d}" for i in range(1, 51)] + [c for part in CATEGORIES.values() for c in part]
    for clip in clips:
        write_pairs(tmp_path / clip / "imgs", 1, "000001")
        (tmp_path / clip / "annot").mkdir()
        (tmp_path / clip / "imgs/000001.pts").rename(tmp_path / clip / "annot/000001.pts")
    names = ["300vw/train", "300vw/category1", "300vw/category2", "300vw/category3"]
    assert list(counts(tmp_path, *names).values()) == [50, 31, 19, 14]


def test_aflw2000_lapa_and_merl_have_their_faces(tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    (tmp_path / "lp").mkdir()
    (tmp_path / "a.jpg").touch()
    points = {"pt3d_68": np.ones((3, 68)), "Pose_Para": np.zeros((1, 7))}
    scipy_io.savemat(tmp_path / "a.mat", points)
    for name in ("a.mat", "a.jpg"):
        paths = (tmp_path / f"lp/image{i:05d}{name[1:]}" for i in range(2000))
        repeat(tmp_path / name, *paths)
    assert counts(tmp_path / "lp", "aflw2000/all") == official("aflw2000/all")
    lines = "106\n" + "\n".join(f"{i} {i}" for i in range(106))
    for folder in ("images", "landmarks"):
        (tmp_path / "lapa/test" / folder).mkdir(parents=True)
    (tmp_path / "a.txt").write_text(lines)
    for name, part in (("a.jpg", "images"), ("a.txt", "landmarks")):
        paths = (tmp_path / f"lapa/test/{part}/{i}_0{name[1:]}" for i in range(2000))
        repeat(tmp_path / name, *paths)
    assert counts(tmp_path / "lapa", "lapa/test") == official("lapa/test")
    for pose in ("frontal", "left", "lefthalf", "right", "righthalf"):
        write_pairs(tmp_path / f"merl/merl_rav_organized/{pose}/testset", 773, pose + "{:05d}_1")
    assert counts(tmp_path / "merl", "merl/test") == official("merl/test")


def test_a_part_of_a_split_is_said(tmp_path):
    write_pairs(tmp_path / "ibug", 3)
    with pytest.warns(UserWarning, match="300w/challenging: 3 of 135 faces are there"):
        assert len(read_split(tmp_path, "300w/challenging")) == 3
    assert part_of("wflw/test", 206) == "206 of 2,500"
    assert part_of("wflw/test", 2500) is None
    assert part_of("300vw/train", 3) is None


def test_an_unknown_or_empty_split_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="Unknown split '300w/tset'. Known: 300w/train, "):
        read_split(tmp_path, "300w/tset")
    for name in PROTOCOLS:
        with pytest.raises((FileNotFoundError, ValueError)):
            read_split(tmp_path, name)
    numbers = " ".join("1" for _ in range(196)) + " 3 4 50 60 0 0 0 0 0 1 a.jpg"
    lists = tmp_path / "WFLW_annotations/list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    (lists / "list_98pt_rect_attr_test.txt").write_text(numbers)
    (tmp_path / "a.jpg").touch()
    with pytest.raises(ValueError, match="wflw/pose: .* holds no face of it"):
        read_split(tmp_path, "wflw/pose")


@needs_data
def test_the_real_parts_are_read_with_their_numbers():
    with pytest.warns(UserWarning, match="wflw/test: 206 of 2,500 faces are there"):
        faces = read_split(DATA / "WFLW-206", "wflw/test")
    assert len(faces) == 206
    assert len(read_split(DATA / "300W", "300w/lfpw-test")) == 224
    assert len(read_split(DATA / "HELEN-29", "helen29/all")) == 348
    sizes = {}
    for name in ATTRIBUTES:
        with pytest.warns(UserWarning, match=f"wflw/{name}: "):
            sizes[name] = len(read_split(DATA / "WFLW-206", f"wflw/{name}"))
        assert sizes[name] == sum(face.facts[name] for face in faces)
