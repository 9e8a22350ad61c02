"""Samples whose pictures lie in TFRecord files instead of memory."""

import json
import os
import sys
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from keras_landmarks import data
from keras_landmarks.data import records
from keras_landmarks.data.readers.finding import LazyPicture
from keras_landmarks.pictures import write_image

SIZE = (24, 32)
AUGMENTED = {"augmentation": data.STRONG, "batch": 4, "seed": 3}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Ten faces in files, of which one lacks points and one has covered ones."""
    folder, faces = tmp_path_factory.mktemp("faces"), []
    for i, face in enumerate(data.made_up_faces(10, size=120)):
        write_image(folder / f"{i}.png", face.image)
        points, seen = face.landmarks.copy(), np.ones(68, bool)
        points[50:60], seen[:9] = (np.nan if i == 3 else points[50:60]), i != 4
        faces.append(data.Face(folder / f"{i}.png", points, "ibug68", face.box, visible=seen))
    return faces


@pytest.fixture(autouse=True)
def several_shards(monkeypatch):
    monkeypatch.setattr(records, "SHARD", 4)


@pytest.fixture
def folder(faces, tmp_path):
    data.write_records(tmp_path / "records", faces, SIZE)
    return tmp_path / "records"


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_batches_are_those_of_memory_to_the_last_bit(faces, tmp_path):
    folder, indices = tmp_path / "made" / "by the way", [0, 3, 3, 9, 5, 1, 2, 4, 8]
    memory = data.Samples(faces, SIZE, indices=indices, **AUGMENTED)
    from_files = data.Samples(faces, SIZE, indices=indices, records=folder, **AUGMENTED)
    for step in (0, 1, 5):
        assert_same(from_files.batch_at(step), memory.batch_at(step))
    for (crops, points), (same, also) in zip(from_files.dataset(2), memory.dataset(2)):
        assert_same((crops, points["landmarks"]), (same, also["landmarks"]))
    again = data.Samples(faces, SIZE, records=folder)
    assert_same(again.arrays(), data.Samples(faces, SIZE).arrays())
    np.testing.assert_array_equal(again.shapes(), data.Samples(faces, SIZE).shapes())


def test_jpeg_changes_pixels_a_little_and_points_not_at_all(faces, tmp_path):
    data.write_records(tmp_path / "jpeg", faces, SIZE, quality=95)
    crops, points = data.Samples(faces, SIZE, records=tmp_path / "jpeg").arrays()
    exact, same = data.Samples(faces, SIZE).arrays()
    assert 0 < np.abs(np.float32(crops) - exact).mean() < 2
    np.testing.assert_array_equal(points, same)


def test_the_files_are_ordinary_tfrecords(faces, folder):
    paths = sorted(map(str, folder.glob("*.tfrecord")))
    assert len(paths) == 3
    examples = [tf.train.Example.FromString(r.numpy()) for r in tf.data.TFRecordDataset(paths)]
    features = [example.features.feature for example in examples]
    assert [f["name"].bytes_list.value[0].decode() for f in features] == [f.name for f in faces]
    assert list(features[4]["visible"].int64_list.value) == [0] * 9 + [1] * 59
    assert np.isnan(features[3]["landmarks"].float_list.value).sum() == 20
    height, width, channels = features[0]["shape"].int64_list.value
    assert len(features[0]["image"].bytes_list.value[0]) == height * width * channels


def test_the_bytes_of_a_record_are_in_an_order_that_all_processes_have(folder):
    """One of two that write the same folder may read what the other has put there."""
    (record, *_) = tf.data.TFRecordDataset(str(folder / "faces-00000.tfrecord")).as_numpy_iterator()
    names = sorted(tf.train.Example.FromString(record).features.feature)
    places = [record.index(b"\n" + bytes([len(name)]) + name.encode()) for name in names]
    assert places == sorted(places)


def test_memory_does_not_hold_the_pictures(faces, tmp_path):
    data.write_records(tmp_path / "records", faces, (96, 96))
    tracemalloc.start()
    samples = data.Samples(faces, (96, 96), records=tmp_path / "records", **AUGMENTED)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    pixels = sum(samples._pixels[i].nbytes for i in range(10))
    assert kept < 0.3 * pixels
    assert samples._pixels[3] is not samples._pixels[3]


def test_training_takes_records_by_one_argument(faces, tmp_path):
    from keras_landmarks.recipes import tiny_ibug68

    samples, held_out = tiny_ibug68.RECIPE.samples(faces * 8, records=tmp_path / "records")
    assert (tmp_path / "records" / "index.npz").exists()
    assert isinstance(samples._pixels, records.Records)
    assert isinstance(held_out._pixels, records.Records)
    assert (tmp_path / "records-held-out" / "index.npz").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": (32, 32)}, r"another size: \[24, 32\], not \[32, 32\]"),
        ({"margin": 1.3}, "another margin: 1.25, not 1.3"),
        ({"box": "truth"}, "another box: annotation, not truth"),
        ({"faces": lambda f: f[:9]}, "another number of faces: 10, not 9"),
        ({"faces": lambda f: f[::-1]}, "another faces"),
        ({"faces": lambda f: data.made_up_faces(10, scheme="five5")}, "another scheme: ibug68"),
    ],
)
def test_records_of_other_faces_or_crops_are_refused(faces, folder, change, message):
    given = {"faces": lambda f: f, "size": SIZE} | change
    with pytest.raises(ValueError, match=f"holds records of {message}"):
        data.Samples(given.pop("faces")(faces), **given, records=folder)


def test_records_with_other_room_for_augmentation_are_refused(faces, folder, monkeypatch):
    monkeypatch.setattr(records, "AROUND", 2.0)
    with pytest.raises(ValueError, match=r"another around: 1\.8, not 2\.0"):
        data.Samples(faces, SIZE, records=folder)


def test_a_shard_that_is_cut_short_or_gone_is_named(faces, folder):
    path = folder / "faces-00001.tfrecord"
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    with pytest.raises(ValueError, match=f"faces-00001.tfrecord has {len(content) - 5} bytes, not"):
        data.Samples(faces, SIZE, records=folder)
    path.unlink()
    with pytest.raises(ValueError, match=r"faces-00001\.tfrecord is not there"):
        data.Samples(faces, SIZE, records=folder)


def test_a_damaged_record_is_named_when_it_is_read(faces, folder):
    path = folder / "faces-00002.tfrecord"
    content = bytearray(path.read_bytes())
    content[900] ^= 1
    path.write_bytes(content)
    samples = data.Samples(faces, SIZE, records=folder)
    samples.sample(0)
    with pytest.raises(ValueError, match=r"number 7, in .*faces-00002\.tfrecord, is damaged"):
        samples.sample(7)


def test_a_folder_of_something_else_is_neither_read_nor_written_to(faces, folder, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_bytes(b"!")
    with pytest.raises(ValueError, match="photos is no whole folder of records"):
        data.Samples(faces, SIZE, records=tmp_path / "photos")
    for path in (tmp_path / "photos", folder, tmp_path / "photos" / "holiday.jpg"):
        with pytest.raises(ValueError, match="holds something"):
            data.write_records(path, faces, SIZE)
    assert (tmp_path / "photos" / "holiday.jpg").exists()
    (folder / "index.npz").write_bytes((folder / "index.npz").read_bytes()[:300])
    with pytest.raises(ValueError, match="is no whole folder of records"):
        data.Samples(faces, SIZE, records=folder)


def test_records_that_could_not_be_written_to_the_end_are_not_there(faces, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    lacking = [*faces, data.Face(broken, faces[0].landmarks, "ibug68", faces[0].box)]
    with pytest.raises(ValueError, match=r"broken\.png"):
        data.Samples(lacking, SIZE, records=tmp_path / "records")
    assert [path.name for path in tmp_path.iterdir()] == ["broken.png"]
    with pytest.warns(data.BrokenFile, match=r"broken\.png is left out"):
        samples = data.Samples(lacking, SIZE, records=tmp_path / "records", skip_broken=True)
    assert len(samples.faces) == 10
    with pytest.raises(ValueError, match="records lacks 1 broken pictures"):
        data.Samples(lacking, SIZE, records=tmp_path / "records")


@pytest.mark.parametrize("turned", ["colours", "lazy"])
def test_pictures_may_lie_in_memory_in_any_order(tmp_path, turned):
    faces = data.made_up_faces(2, size=60)
    for face in faces:
        pixels = np.asfortranarray(face.image)
        face.image = (
            face.image[..., ::-1] if turned == "colours" else LazyPicture(lambda p=pixels: p)
        )
    from_files = data.Samples(faces, SIZE, records=tmp_path / "records")
    assert_same(from_files.arrays(), data.Samples(faces, SIZE).arrays())


def test_faces_that_cannot_be_told_from_others_are_found_before_anything_is_written(
    faces, tmp_path, monkeypatch
):
    def made_of(*args):
        assert not list(tmp_path.iterdir())
        raise ValueError("cannot be told")

    monkeypatch.setattr(records, "made_of", made_of)
    with pytest.raises(ValueError, match="cannot be told"):
        data.write_records(tmp_path / "records", faces, SIZE)


def test_a_frame_that_cannot_be_read_is_left_out_of_records_too(faces, tmp_path):
    def read():
        raise ValueError("has no frame 9")

    frame = data.Face(LazyPicture(read), faces[0].landmarks, "ibug68", faces[0].box, name="f")
    words = {"records": tmp_path / "records", "skip_broken": True}
    with pytest.warns(data.BrokenFile, match="f is left out"):
        assert len(data.Samples([*faces, frame], SIZE, **words).faces) == 10
    assert len(data.Samples([*faces, frame], SIZE, **words).faces) == 10  # read again


def test_what_a_killed_run_left_is_not_read(faces, folder, tmp_path):
    left = tmp_path / "killed" / ".part-x" / "records"
    left.parent.mkdir(parents=True)
    folder.rename(left)
    (left / "index.npz").unlink()  # which is written last
    samples = data.Samples(faces, SIZE, records=tmp_path / "killed" / "records")
    assert_same(samples.arrays(), data.Samples(faces, SIZE).arrays())
    with pytest.raises(ValueError, match="is no whole folder of records"):
        data.Samples(faces, SIZE, records=left)


def test_without_tensorflow_records_are_read_and_not_written(faces, folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError, match="pip install tensorflow"):
        data.Samples(faces, SIZE, records=tmp_path / "other")
    assert_same(
        data.Samples(faces, SIZE, records=folder).arrays(), data.Samples(faces, SIZE).arrays()
    )


def test_records_of_no_faces_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one face"):
        data.write_records(tmp_path / "records", [], SIZE)


def test_facts_of_records_are_json(folder):
    with np.load(folder / "index.npz") as index:
        facts = json.loads(str(index["facts"]))
    assert facts["jpeg"] is None
    assert facts["version"] == records.VERSION


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": (0, 32)}, "size must be"),
        ({"margin": -1}, "margin must be"),
        ({"box": "detector"}, "box must be 'annotation' or 'truth'"),
        ({"quality": 500}, "quality must be a whole number of at least 1 and of at most 100"),
        ({"workers": 0}, "workers must be"),
    ],
)
def test_bad_arguments_are_found_before_anything_is_written(faces, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        data.write_records(tmp_path / "records", faces, **{"size": SIZE} | change)
    others = data.made_up_faces(1, scheme="five5")
    with pytest.raises(ValueError, match="Faces of one scheme"):
        data.write_records(tmp_path / "records", [*faces, *others], SIZE)
    assert not any(tmp_path.iterdir())


def test_names_of_any_bytes_and_qualities_of_any_integers(tmp_path):
    image, points = data.made_up_face(0)
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    write_image(path, image)
    faces = [data.Face(path, points, "ibug68")]
    data.write_records(tmp_path / "records", faces, SIZE, quality=np.int64(90))
    (crop,), _ = data.Samples(faces, SIZE, records=tmp_path / "records").arrays()
    plain, _ = data.Samples(faces, SIZE).sample(0)
    assert np.abs(np.float32(crop) - plain).mean() < 5


def test_records_that_are_cut_short_later_are_told_of(tmp_path):
    samples = data.Samples(data.made_up_faces(3), (64, 64), batch=1, records=tmp_path / "made")
    samples.arrays()
    (shard,) = [path for path in (tmp_path / "made").iterdir() if path.suffix != ".npz"]
    shard.write_bytes(shard.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="The records are broken: .* ends before number 2"):
        samples.arrays()
