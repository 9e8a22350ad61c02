import json
import shutil

import numpy as np
import pytest
from lit import assert_lit, lit_points, write_lit
from places import DATA, needs_data

from keras_landmarks.data import BrokenFile, read_lapa
from keras_landmarks.schemes import get_scheme


def write_face(folder, stem, seed=0, count=106, ending=".jpg"):
    points = lit_points(count, seed=seed)
    write_lit(folder / f"images/{stem}{ending}", points)
    lines = [str(count), *(f"{x:g} {y:g}" for x, y in points)]
    (folder / "landmarks").mkdir(exist_ok=True)
    (folder / f"landmarks/{stem}.txt").write_bytes("\r\n".join(lines).encode())


def test_points_lie_on_their_pixels(tmp_path):
    write_face(tmp_path / "val", "1_0")
    write_face(tmp_path / "val", "1_1", 1, ending=".JPG")
    faces = read_lapa(tmp_path, "val")
    assert [face.name for face in faces] == ["lapa/val/1_0", "lapa/val/1_1"]
    assert faces[0].photo == faces[1].photo  # two faces of it
    for stem in ("AFW_134212_1_0", "AFW_134212_2_1"):
        write_face(tmp_path / "test", stem)
    assert len({face.photo for face in read_lapa(tmp_path, "test")}) == 1
    for face in faces:
        assert_lit(face, 106)


def test_broken_and_missing_input_is_named(tmp_path):
    write_face(tmp_path / "test", "a")
    write_face(tmp_path / "test", "b", count=105)
    with pytest.raises(ValueError, match=r"b\.txt: expected 106 in .* line, found \['105'\]"):
        read_lapa(tmp_path)
    with pytest.warns(BrokenFile, match=r"b\.txt"):
        assert len(read_lapa(tmp_path, skip_broken=True)) == 1
    path = tmp_path / "test/landmarks/b.txt"
    path.write_text(path.read_text().replace("105", "106", 1))
    with pytest.raises(ValueError, match=r"b\.txt: expected 106 points, found 105"):
        read_lapa(tmp_path)
    path.unlink()
    with pytest.warns(BrokenFile, match=r"no face for 1 pictures .*b\.jpg"):
        assert len(read_lapa(tmp_path)) == 1
    with pytest.raises(FileNotFoundError, match="images"):
        read_lapa(tmp_path, "train")


@needs_data
def test_real_points_are_where_the_scheme_says(tmp_path):
    samples = DATA / "formats/mmpose/lapa"
    content = json.loads((samples / "test_lapa.json").read_text())
    (tmp_path / "test/images").mkdir(parents=True)
    (tmp_path / "test/landmarks").mkdir()
    for image, annotation in zip(content["images"], content["annotations"]):
        points = np.reshape(annotation["keypoints"], (-1, 3))[:, :2]
        name = image["file_name"]
        shutil.copy(samples / name, tmp_path / "test/images" / name)
        text = "\n".join(["106", *(f"{x} {y}" for x, y in points)])
        (tmp_path / "test/landmarks" / name).with_suffix(".txt").write_text(text)
    scheme = get_scheme("lapa106")
    for face in read_lapa(tmp_path):
        points = face.landmarks
        for i, j in enumerate(scheme.mirror):  # the right side lies on the picture's left
            first, second = (j, i) if 91 <= min(i, j) <= 95 or min(i, j) == 101 else (i, j)
            assert i >= j or points[first, 0] < points[second, 0]
        heights = {name: points[list(part), 1].mean() for name, part in scheme.regions.items()}
        assert sorted(heights, key=heights.get)[:3] == ["brows", "eyes", "nose"]
        for pupil, eye in ((104, range(66, 74)), (105, range(75, 83))):
            low, high = points[list(eye)].min(axis=0), points[list(eye)].max(axis=0)
            assert (points[pupil] > low).all()
            assert (points[pupil] < high).all()
            x, y = points[pupil].astype(int)
            grey = face.pixels().mean(axis=2)
            below = int(y + 3 * (high - low)[1])
            assert grey[y - 2 : y + 3, x - 2 : x + 3].mean() < grey[below, x]  # cheek
