"""What every reader does with a folder that is not there, pictures that are gone, other counts."""

import json
import shutil

import numpy as np
import pytest
from lit import lit_points, write_lit

from keras_landmarks import data
from keras_landmarks.data import readers

STEMS = ("a", "b")


def mat(path, **content):
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, content)


def cells(names):
    found = np.empty((len(names), 1), object)
    found[:, 0] = names
    return found


def texts(points):
    return [" ".join(f"{x} {y}" for x, y in p) for p in points]


def make_table(folder, points):
    head = ["image", *(f"{axis}{i}" for i in range(len(points[0])) for axis in "xy")]
    rows = [f"{s}.jpg,{t.replace(' ', ',')}" for s, t in zip(STEMS, texts(points))]
    (folder / "faces.csv").write_text("\n".join([",".join(head), *rows]))
    return folder / "faces.csv"


def make_coco(folder, points):
    images = [{"id": i, "file_name": f"{s}.jpg"} for i, s in enumerate(STEMS)]
    flat = [[v for x, y in p.tolist() for v in (x, y, 2)] for p in points]
    faces = [{"id": i, "image_id": i, "keypoints": f} for i, f in enumerate(flat)]
    (folder / "faces.json").write_text(json.dumps({"images": images, "annotations": faces}))
    return folder / "faces.json"


def make_dlib(folder, points):
    def part(i, x, y):
        return f'<part name="{i:02d}" x="{x}" y="{y}"/>'

    box = '<box top="1" left="1" width="60" height="60">'
    faces = ["".join(part(i, *xy) for i, xy in enumerate(p)) for p in points]
    images = [f'<image file="{s}.jpg">{box}{f}</box></image>' for s, f in zip(STEMS, faces)]
    (folder / "faces.xml").write_text(f"<dataset><images>{''.join(images)}</images></dataset>")
    return folder / "faces.xml"


def make_cvat(folder, points):
    shapes = [";".join(f"{x},{y}" for x, y in p) for p in points]
    images = [
        f'<image name="{s}.jpg"><points points="{t}"/></image>' for s, t in zip(STEMS, shapes)
    ]
    (folder / "annotations.xml").write_text(f"<annotations>{''.join(images)}</annotations>")
    return folder / "annotations.xml"


def make_labelme(folder, points):
    for s, p in zip(STEMS, points):
        shapes = [{"label": str(i), "points": [[float(x), float(y)]]} for i, (x, y) in enumerate(p)]
        (folder / f"{s}.json").write_text(json.dumps({"imagePath": f"{s}.jpg", "shapes": shapes}))
    return folder


def make_wflw(folder, points):
    lines = [f"{t} 1 1 60 60 0 0 0 0 0 0 {s}.jpg" for s, t in zip(STEMS, texts(points))]
    place = folder / "WFLW_annotations/list_98pt_rect_attr_train_test"
    place.mkdir(parents=True)
    (place / "list_98pt_rect_attr_test.txt").write_text("\n".join(lines))
    return folder


def make_pts(folder, points):
    for stem, p in zip(STEMS, points):
        data.write_pts(folder / f"{stem}.pts", p)
    return folder


def make_lapa(folder, points):
    (folder / "test/landmarks").mkdir(parents=True)
    for stem, p in zip(STEMS, points):
        lines = [str(len(p)), *(f"{x} {y}" for x, y in p)]
        (folder / f"test/landmarks/{stem}.txt").write_text("\n".join(lines))
    return folder


def make_lp(folder, points):
    for stem, p in zip(STEMS, points):
        mat(folder / f"{stem}.mat", pt2d=p.T, Pose_Para=np.zeros((1, 7)))
    return folder


def make_helen29(folder, points):
    shapes = cells([(p + 1).T for p in points])
    mat(folder / "helen.mat", imgs=cells([f"{s}.jpg" for s in STEMS]), Pts=shapes)
    return folder


def make_aflw(folder, points):
    numbers = np.stack([p.T.ravel() for p in points])
    content = dict(nameList=cells([f"{s}.jpg" for s in STEMS]), data=numbers, ra=[[1, 2]])
    content |= dict(bbox=np.tile([1.0, 60, 1, 60], (2, 1)), mask_new=np.ones((2, 19), np.uint8))
    mat(folder / "AFLWinfo_release.mat", **content)
    return folder


def make_merl(folder, points):
    for stem, p in zip(STEMS, points):
        path = folder / f"merl_rav_organized/frontal/testset/{stem}.pts"
        path.parent.mkdir(parents=True, exist_ok=True)
        data.write_pts(path, p)
    return folder


def make_300vw(folder, points):
    for number, p in enumerate(points, start=1):
        path = folder / f"001/annot/{number:06d}.pts"
        path.parent.mkdir(parents=True, exist_ok=True)
        data.write_pts(path, p)
    return folder


def five(read):
    return lambda path, **words: read(path, scheme="five5", **words)


def of_training(read):
    return lambda path, **words: read(path, part="train", **words)


READERS = {
    "table": (make_table, five(readers.read_table), 5, "{}.jpg"),
    "coco": (make_coco, five(readers.read_coco), 5, "{}.jpg"),
    "dlib": (make_dlib, five(readers.read_dlib), 5, "{}.jpg"),
    "cvat": (make_cvat, five(readers.read_cvat), 5, "{}.jpg"),
    "labelme": (make_labelme, five(readers.read_labelme), 5, "{}.jpg"),
    "wflw": (make_wflw, readers.read_wflw, 98, "WFLW_images/{}.jpg"),
    "pts": (make_pts, readers.read_pts_folders, 68, "{}.jpg"),
    "lapa": (make_lapa, lambda path, **w: readers.read_lapa(path, "test", **w), 106, None),
    "lp": (make_lp, readers.read_lp, 68, "{}.jpg"),
    "helen29": (make_helen29, readers.read_helen29, 29, "img/{}.jpg"),
    "aflw": (make_aflw, of_training(readers.read_aflw), 19, "flickr/{}.jpg"),
    "merl": (make_merl, readers.read_merl, 68, "merl_rav_organized/frontal/testset/{}.jpg"),
    "300vw": (make_300vw, readers.read_300vw, 68, "001/imgs/{}.jpg"),
}
"""What writes two faces, reads them, how many points they have and where their pictures lie."""
COUNTED = [name for name in READERS if name not in ("table", "labelme", "aflw")]  # theirs are named


def made(name, folder, count=None, pictures=STEMS):
    """`(path, read)` of two faces, of a count and of these pictures."""
    make, read, own, place = READERS[name]
    points = [lit_points(count or own, seed=i) for i in range(2)]
    place = place or "test/images/{}.jpg"
    for i, stem in enumerate(STEMS):
        if stem in pictures:
            called = f"{i + 1:06d}" if name == "300vw" else stem
            write_lit(folder / place.format(called), points[i])
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    return make(folder, points), read


@pytest.mark.parametrize("name", READERS)
def test_two_good_faces_are_read(name, tmp_path):
    path, read = made(name, tmp_path)
    assert len(read(path)) == 2


@pytest.mark.parametrize("name", READERS)
def test_a_missing_folder_or_file_is_named(name, tmp_path):
    path, read = made(name, tmp_path / "here")
    shutil.rmtree(tmp_path / "here")
    with pytest.raises(FileNotFoundError, match=r"here|faces\.|annotations\."):
        read(path)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.filterwarnings("ignore::keras_landmarks.data.BrokenFile")
def test_a_row_without_its_picture_is_named_or_left_out(name, tmp_path):
    path, read = made(name, tmp_path, pictures=("b",))
    gone = "frame 1|000001" if name == "300vw" else r"\ba\b"
    with pytest.raises(ValueError, match=gone):
        read(path)
    assert len(read(path, skip_broken=True)) == 1


@pytest.mark.parametrize("name", READERS)
@pytest.mark.filterwarnings("ignore::keras_landmarks.data.BrokenFile")
def test_where_all_faces_are_broken_it_is_an_error_that_names_the_first(name, tmp_path):
    path, read = made(name, tmp_path, pictures=())
    with pytest.raises((ValueError, FileNotFoundError)):
        read(path)
    with pytest.raises(ValueError, match="all 2 faces are broken; the first: "):
        read(path, skip_broken=True)


@pytest.mark.parametrize("name", COUNTED)
def test_another_number_of_points_is_said_with_file_expected_and_found(name, tmp_path):
    own = READERS[name][2]
    path, read = made(name, tmp_path, count=own - 1)
    with pytest.raises(ValueError, match=str(own)) as error:
        read(path)
    said = str(error.value)
    assert str(own - 1) in said
    assert str(tmp_path) in said or "a.jpg" in said


@pytest.mark.parametrize("name", ["table", "coco", "dlib", "cvat", "labelme", "lapa", "pts", "lp"])
def test_a_picture_without_a_row_is_told_of(name, tmp_path):
    path, read = made(name, tmp_path)
    place = READERS[name][3] or "test/images/{}.jpg"
    write_lit(tmp_path / place.format("more"), lit_points(5))
    with pytest.warns(data.BrokenFile, match="more"):
        assert len(read(path, skip_broken=True)) == 2


@pytest.mark.parametrize("name", ["table", "coco", "dlib", "cvat"])
def test_an_unknown_scheme_names_the_known_ones(name, tmp_path):
    path, _ = made(name, tmp_path)
    with pytest.raises(ValueError, match="Unknown scheme 'five6'. Known: ibug68"):
        data.read_any(path, scheme="five6")


def test_a_training_on_faces_without_boxes_says_which_it_took():
    faces = [data.Face(f.image, f.landmarks, "ibug68") for f in data.made_up_faces(4, size=60)]
    with pytest.warns(UserWarning, match="4 of 4 faces have no box: their landmarks' own is taken"):
        data.Samples(faces, (16, 16))
