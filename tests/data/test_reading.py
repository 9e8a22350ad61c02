"""`read_any` finds out what a file or folder holds; `splits_in` which data set."""

import functools
import json
import shutil
import warnings

import numpy as np
import pytest
from faces import write_300w, write_pts
from lit import lit_points
from places import DATA, needs_data

from keras_landmarks import data
from keras_landmarks.cli.table import Table
from keras_landmarks.data import read_any, splits_in
from keras_landmarks.pictures import write_image


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of four faces, as files."""
    folder = tmp_path_factory.mktemp("faces")
    for i, face in enumerate(data.made_up_faces(4, size=60)):
        write_image(folder / f"photos/{i}.png", face.image)
    return folder


@pytest.fixture(scope="module")
def faces(folder):
    made = data.made_up_faces(4, size=60)
    return [
        data.Face(folder / f"photos/{i}.png", face.landmarks, "ibug68", face.box)
        for i, face in enumerate(made)
    ]


def assert_read(found, faces):
    assert len(found) == len(faces)
    for one, other in zip(found, faces):
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=1e-4)
        assert one.scheme == "ibug68"
        assert one.image.resolve() == other.image.resolve()


@pytest.mark.parametrize("name", ["faces.csv", "faces.parquet", "faces.json", "faces.xml"])
def test_a_file_is_read_by_the_reader_of_its_format(folder, faces, tmp_path, name):
    write = {"csv": data.write_table, "parquet": data.write_table}
    write |= {"json": data.write_coco, "xml": functools.partial(data.write_dlib, whole=False)}
    write[name.split(".")[1]](tmp_path / name, faces, folder / "photos")
    assert_read(read_any(tmp_path / name, folder / "photos"), faces)
    shutil.copytree(folder / "photos", tmp_path / "photos")
    copied = [data.Face(tmp_path / "photos" / f.image.name, f.landmarks, "ibug68") for f in faces]
    write[name.split(".")[1]](tmp_path / name, copied)
    assert_read(read_any(tmp_path), copied)  # the only annotation of its folder


def test_a_folder_of_pts_files_is_read_with_its_folders(folder, faces, tmp_path):
    for i, face in enumerate(faces):
        below = tmp_path / ("a" if i < 2 else "a/b")
        below.mkdir(exist_ok=True, parents=True)
        shutil.copy(face.image, below / face.image.name)
        data.write_pts(below / f"{i}.pts", face.landmarks)
    found = read_any(tmp_path)
    assert [face.name for face in found] == ["a/0.png", "a/1.png", "a/b/2.png", "a/b/3.png"]
    np.testing.assert_allclose(found[2].landmarks, faces[2].landmarks, atol=1e-4)


def test_pictures_of_pts_files_may_lie_elsewhere(folder, faces, tmp_path):
    for i, face in enumerate(faces):
        data.write_pts(tmp_path / f"{i}.pts", face.landmarks)
    assert_read(read_any(tmp_path, folder / "photos"), faces)
    assert len({face.photo for face in read_any(tmp_path, folder / "photos")}) == 4


def test_a_broken_first_pts_file_is_left_out_as_any_other(faces, folder, tmp_path):
    (tmp_path / "0.pts").touch()
    for i, face in enumerate(faces[1:], start=1):
        data.write_pts(tmp_path / f"{i}.pts", face.landmarks)
    with pytest.raises(ValueError, match="0.pts: holds no points"):
        read_any(tmp_path, folder / "photos")
    for scheme in ("ibug68", None):
        with pytest.warns(UserWarning, match="0.pts: expected 68 points, found 0"):
            found = read_any(tmp_path, folder / "photos", scheme, skip_broken=True)
        assert_read(found, faces[1:])


@pytest.mark.parametrize("there", [(), (".jpg", ".png")])
def test_a_pts_file_without_its_picture_is_named_as_it_is(faces, tmp_path, there):
    data.write_pts(tmp_path / "frame_07.pts", faces[0].landmarks)
    (tmp_path / "photos").mkdir()
    for ending in there:
        (tmp_path / f"photos/frame_07{ending}").touch()
    said = "is the name of both" if there else "does not exist"
    with pytest.raises(ValueError, match=f"^frame_07 {said}"):
        read_any(tmp_path, tmp_path / "photos")


def test_results_without_a_face_hold_no_annotated_picture(tmp_path):
    (tmp_path / "found.jsonl").write_text('{"picture": "a.jpg", "faces": []}\n')
    with pytest.raises(ValueError, match="found.jsonl holds no annotated picture"):
        read_any(tmp_path / "found.jsonl")


def test_numbered_pictures_of_a_folder_are_photos_of_their_own(faces, tmp_path):
    for i, face in enumerate(faces):
        shutil.copy(face.image, tmp_path / f"face_{i}.png")
        data.write_pts(tmp_path / f"face_{i}.pts", face.landmarks)
    training, held_out = data.split_by_photo(read_any(tmp_path), 0.25)
    assert (len(training), len(held_out)) == (3, 1)


def test_pictures_that_cannot_lie_elsewhere_are_an_error(folder, tmp_path):
    for i in (1, 2):
        landmarks = data.made_up_face(i)[1]
        write_pts(tmp_path / f"300W/ibug/party_{i}.pts", landmarks)
    shutil.copy(folder / "photos/0.png", tmp_path / "300W/ibug/party.png")
    with pytest.raises(ValueError, match="300w/full in its official layout.*: leave .*photos out"):
        read_any(tmp_path / "300W", folder / "photos")
    with pytest.warns(UserWarning, match="2 of 689"):
        assert len(read_any(tmp_path / "300W", f"{tmp_path}/300W/")) == 2
    (tmp_path / "lp").mkdir()
    (tmp_path / "lp/a.mat").touch()
    with pytest.raises(ValueError, match="a folder of .mat files.*: leave .*photos out"):
        read_any(tmp_path / "lp", folder / "photos")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_of_detect_is_read_without_its_pictures_without_faces(
    folder, faces, tmp_path, ending, monkeypatch
):
    table = Table(tmp_path / f"points.{ending}", {})
    table.add(str(folder / "photos/0.png"), [])
    for i in (1, 2):
        found = {"scheme": "ibug68", "score": 0.9, "box": faces[i].box.tolist(), "angle": 0.0}
        found |= {"landmarks": faces[i].landmarks.tolist(), "pose": {"yaw": 1.0}}
        table.add(str(folder / f"photos/{i}.png"), [found])
    table.finish(68)
    monkeypatch.chdir(tmp_path)  # not where the pictures' names begin
    found = read_any(tmp_path / f"points.{ending}")
    assert_read(found, faces[1:3])
    np.testing.assert_allclose(found[0].box, faces[1].box, atol=1e-4)


def test_a_table_of_detect_says_from_where_its_names_are_seen(folder, faces, tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    table = Table(tmp_path / "results/points.csv", {})
    found = {"scheme": "ibug68", "box": [0, 0, 9, 9], "landmarks": faces[1].landmarks.tolist()}
    table.add("photos/1.png", [found])
    table.finish(68)
    monkeypatch.chdir(tmp_path / "results")
    with pytest.raises(
        ValueError, match=f"no such picture in {tmp_path / 'results'}.*images=, --im"
    ):
        read_any("points.csv")
    assert_read(read_any("points.csv", folder), faces[1:2])
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="expected the columns x0, y0, x1, ..., found a, b"):
        read_any(tmp_path / "other.csv")


def test_a_data_set_is_known_by_its_layout(tmp_path):
    write_300w(tmp_path, 1)
    assert splits_in(tmp_path) == ["300w/train", "300w/full"]
    with pytest.raises(ValueError, match="several splits: name one of 300w/train, 300w/full"):
        read_any(tmp_path)


def test_what_nothing_reads_is_said(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="No none.csv in"):
        read_any(tmp_path / "none.csv")
    (tmp_path / "faces.doc").touch()
    with pytest.raises(ValueError, match=r"no reader for .doc. Known: .csv"):
        read_any(tmp_path / "faces.doc")
    with pytest.raises(ValueError, match="holds no annotation: expected a file"):
        read_any(folder / "photos")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="several annotations, a.csv, b.csv: name the file"):
        read_any(tmp_path)
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(ValueError, match="c.json: expected JSON"):
        read_any(tmp_path / "c.json")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", '{"regions": {}, "size": 3}', "LabelMe's `shapes` or .*, found regions, size"),
        ("a.json", "{}", "expected COCO's `images` and `annotations`, .* found nothing"),
        ("a.json", "3", "found 3"),
        ("a.json", '[{"id": 1, "img": "a.jpg", "kp": []}]', "export JSON .JSON-MIN is another"),
        (
            "a.xml",
            "<annotations><track/></annotations>",
            'is "CVAT for video": export "CVAT for im',
        ),
    ],
)
def test_kinds_that_are_not_read_are_told_by_their_name(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        data.read_any(tmp_path / name)


def test_json_of_label_studio_and_xml_of_cvat_are_told_from_the_others(tmp_path):
    (tmp_path / "tasks.json").write_text(json.dumps([{"data": {"image": "a.png"}}]))
    with pytest.raises(ValueError, match="no annotated picture|task"):
        read_any(tmp_path / "tasks.json")
    (tmp_path / "cvat.xml").write_text(
        '<?xml version="1.0"?><annotations><image name="a.png"><points points="1,1;2,2"/></image>'
        "</annotations>"
    )
    with pytest.raises(ValueError, match=r"face 1 of a.png|a.png does not exist"):
        read_any(tmp_path / "cvat.xml")


def annotation_of(kind, size):
    """A face on `a.png` as a tool writes it that showed a picture of `size`, `(ending, text)`."""
    points, sides = lit_points(68).tolist(), dict(zip(("height", "width"), size))
    said = " ".join(f'{side}="{length}"' for side, length in sides.items())
    if kind == "coco":
        flagged = [number for x, y in points for number in (x, y, 2)]
        facts = {"images": [{"id": 7, "file_name": "a.png", **sides}]}
        return "json", json.dumps(facts | {"annotations": [{"image_id": 7, "keypoints": flagged}]})
    if kind == "labelstudio":
        original = {f"original_{side}": length for side, length in sides.items()}
        results = [
            {"type": "keypointlabels", "value": {"x": x, "y": y, "keypointlabels": [str(i)]}}
            for i, (x, y) in enumerate(points)
        ]
        task = {"annotations": [{"result": [result | original for result in results]}]}
        return "json", json.dumps([task | {"data": {"image": "a.png"}}])
    if kind == "cvat":
        shape = f'<points points="{";".join(f"{x},{y}" for x, y in points)}"/>'
        return "xml", f'<annotations><image name="a.png" {said}>{shape}</image></annotations>'
    parts = "".join(f'<part name="{i}" x="{x}" y="{y}"/>' for i, (x, y) in enumerate(points))
    box = f'<box top="1" left="1" width="60" height="50">{parts}</box>'
    return "xml", f'<dataset><images><image file="a.png" {said}>{box}</image></images></dataset>'


@pytest.mark.parametrize("kind", ["coco", "labelstudio", "cvat", "dlib"])
def test_a_picture_of_another_size_than_the_annotated_one_is_told(tmp_path, kind):
    def pixels(size):
        ending, text = annotation_of(kind, size)
        (tmp_path / f"faces.{ending}").write_text(text)
        (face,) = read_any(tmp_path / f"faces.{ending}")
        return face.pixels()

    picture = np.zeros((60, 80, 3), np.uint8)
    write_image(tmp_path / "a.png", picture)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in ((60, 80), ("", 0)) if kind in ("coco", "dlib", "cvat") else ((60, 80),):
            assert pixels(size).shape == picture.shape
    with pytest.raises(ValueError, match="a.png.*: 160 x 120 pixels were .*, and it has 80 x 60"):
        pixels((120, 160))
    with pytest.warns(UserWarning, match="60 x 80 pixels were annotated, .* upright picture"):
        assert pixels((80, 60)).shape == picture.shape


@needs_data
@pytest.mark.parametrize(
    ("place", "splits", "count", "scheme"),
    [
        ("HELEN-29", ["helen29/all"], 348, "cofw29"),
        ("HELEN-29/helen.mat", None, 348, "cofw29"),
        ("WFLW-206", ["wflw/test"], 206, "wflw98"),
        ("formats/aflw2000", [], 16, "ibug68"),
        ("formats/mmpose/cofw", [], 2, "cofw29"),
        ("formats/mmpose/300vw", ["300vw/train"], None, None),
    ],
)
def test_real_folders_are_known(place, splits, count, scheme):
    if splits is not None:
        assert splits_in(DATA / place) == splits
    if count:
        found = read_any(DATA / place)
        assert (len(found), found[0].scheme) == (count, scheme)


def test_a_scheme_that_the_annotation_does_not_have_is_refused(tmp_path):
    write_300w(tmp_path, 1)
    shutil.rmtree(tmp_path / "lfpw/testset")
    assert read_any(tmp_path, scheme="ibug68")[0].scheme == "ibug68"
    with pytest.raises(ValueError, match="is of ibug68, not wflw98"):
        read_any(tmp_path, scheme="wflw98")


def test_results_of_commands_are_no_annotation_of_a_folder(tmp_path):
    face = data.made_up_faces(1, size=60)[0]
    for place in ("a", "a/annotations", "b"):
        (tmp_path / place).mkdir()
    for name, image in (("a/annotations/t.json", "a/0.png"), ("b/t.json", "b/0.png")):
        write_image(tmp_path / image, face.image)
        data.write_coco(
            tmp_path / name, [data.Face(tmp_path / image, face.landmarks, "ibug68")], tmp_path
        )
        text = '{\n "split": "mine",\n "faces": 1\n}\n'
        (tmp_path / name).with_name("results.json").write_text(text)
        (found,) = read_any((tmp_path / image).parent, images=tmp_path)
        np.testing.assert_array_equal(found.landmarks, face.landmarks)
