import concurrent.futures
import os
import pickle

import cv2
import numpy as np
import pytest
from faces import write_pts
from lit import assert_lit, lit_points, write_lit
from places import DATA, needs_data

from keras_landmarks.data import BrokenFile, read_300vw
from keras_landmarks.data.readers import video300
from keras_landmarks.data.readers.video300 import CATEGORIES, read_broken_frames


def write_clip(folder, clip, frames=3):
    for number in range(1, frames + 1):
        points = lit_points(68, seed=number)
        write_lit(folder / clip / f"imgs/{number:06d}.jpg", points)
        write_pts(folder / clip / f"annot/{number:06d}.pts", points)


def write_video(folder, clip, frames=5):
    """A video of 64 x 64 whose frames grow brighter from 20 on by 40 a frame."""
    path = folder / clip / "vid.avi"
    path.parent.mkdir(parents=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 64))
    for number in range(frames):
        writer.write(np.full((64, 64, 3), 20 + 40 * number, np.uint8))
        write_pts(folder / clip / f"annot/{number + 1:06d}.pts", lit_points(68))
    writer.release()


def test_the_categories_have_their_clips():
    assert [len(CATEGORIES[i]) for i in (1, 2, 3)] == [31, 19, 14]
    assert len({clip for clips in CATEGORIES.values() for clip in clips}) == 64


def test_points_lie_on_the_pixels_of_their_frames(tmp_path):
    write_clip(tmp_path, "001")
    write_clip(tmp_path, "516", 2)
    faces = read_300vw(tmp_path)
    assert [face.name for face in faces] == [f"300vw/001/00000{i}" for i in (1, 2, 3)]
    assert {face.photo for face in faces} == {"300vw/001"}
    for face in faces:
        assert_lit(face, 68)
    with pytest.warns(UserWarning, match="category3 is read without clips 410, 411, 517"):
        assert len(read_300vw(tmp_path, category=3)) == 2


def test_frames_are_read_from_the_video_in_any_order(tmp_path):
    write_video(tmp_path, "001")
    faces = read_300vw(tmp_path)
    for i in (0, 1, 4, 2, 2, 3):
        assert faces[i].pixels().mean() == pytest.approx(20 + 40 * i, abs=4)


def test_frames_are_the_right_ones_from_any_thread(tmp_path):
    write_video(tmp_path, "001")
    faces = read_300vw(tmp_path)
    order = np.random.default_rng(0).permutation(np.repeat(range(5), 40)).tolist()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: faces[i].pixels().mean(), order))
    np.testing.assert_allclose(found, [20 + 40 * i for i in order], atol=4)


def test_threads_that_take_turns_do_not_begin_the_video_anew(tmp_path, monkeypatch):
    write_video(tmp_path, "001")
    faces, begun = read_300vw(tmp_path), []
    reader = video300.VideoReader
    monkeypatch.setattr(video300, "VideoReader", lambda path: begun.append(1) or reader(path))
    pools = [concurrent.futures.ThreadPoolExecutor(1) for _ in range(2)]
    for i in (0, 1, 2):
        for pool, ahead in zip(pools, (0, 2)):  # one at the clip's start, one further on
            mean = pool.submit(lambda k: faces[k].pixels().mean(), i + ahead).result()
            assert mean == pytest.approx(20 + 40 * (i + ahead), abs=4)
    assert len(begun) == 2


def test_one_video_is_open_and_none_of_a_parent_process(tmp_path, monkeypatch):
    for clip in ("001", "002"):
        write_video(tmp_path, clip)
    faces, closed = read_300vw(tmp_path), []

    class Reader(video300.VideoReader):
        def __iter__(self):
            try:
                yield from super().__iter__()
            finally:
                closed.append(self)

    monkeypatch.setattr(video300, "VideoReader", Reader)
    assert [faces[i].pixels().mean().round(-1) for i in (0, 5, 1)] == [20, 20, 60]
    assert len(closed) == 2  # of the three that were begun
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a fork
    assert faces[2].pixels().mean() == pytest.approx(100, abs=4)
    assert len(closed) == 2


def test_frames_of_a_video_that_was_read_can_be_pickled(tmp_path):
    write_video(tmp_path, "001")
    face = read_300vw(tmp_path)[2]
    pixels = face.pixels()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(face)).pixels(), pixels)


def test_a_video_that_ends_early_is_an_error(tmp_path):
    write_video(tmp_path, "001", 2)
    write_pts(tmp_path / "001/annot/000009.pts", lit_points(68))
    face = read_300vw(tmp_path)[-1]
    with pytest.raises(ValueError, match=r"vid\.avi has no frame 9"):
        face.pixels()


def test_broken_frames_are_left_out_before_every_other_is_taken(tmp_path):
    write_clip(tmp_path, "001", 6)
    names = [face.name[-1] for face in read_300vw(tmp_path, every=2, broken={"001": [1, 4]})]
    assert names == ["2", "5"]
    np.save(tmp_path / "broken_frames.npy", {"001": [1, 2, 3, 4, 5]})
    assert [face.name[-1] for face in read_300vw(tmp_path)] == ["6"]


def test_a_file_of_broken_frames_runs_no_code(tmp_path):
    class Bad:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    np.save(tmp_path / "broken_frames.npy", np.array({"001": Bad()}, object))
    with pytest.raises(ValueError, match=r"broken_frames\.npy: expected a NumPy file"):
        read_broken_frames(tmp_path / "broken_frames.npy")
    assert not (tmp_path / "ran").exists()
    for content in (b"", b"no NumPy file", pickle.dumps({})):
        (tmp_path / "broken_frames.npy").write_bytes(content)
        with pytest.raises(ValueError, match="broken_frames"):
            read_broken_frames(tmp_path / "broken_frames.npy")


def test_broken_and_missing_input_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no clip"):
        read_300vw(tmp_path)
    with pytest.raises(ValueError, match="Unknown category 4"):
        read_300vw(tmp_path, 4)
    write_clip(tmp_path, "001")
    (tmp_path / "001/imgs/000002.jpg").unlink()
    with pytest.raises(ValueError, match="no picture of frame 2"):
        read_300vw(tmp_path)
    with pytest.warns(BrokenFile, match="no picture of frame 2"):
        assert len(read_300vw(tmp_path, skip_broken=True)) == 2


@needs_data
def test_real_frames_are_read_with_their_points():
    folder = DATA / "formats/mmpose/300vw"
    broken = read_broken_frames(folder / "broken_frames.npy")
    assert sum(map(len, broken.values())) == 2127
    assert broken["547"][:3] == [111, 112, 114]
    faces = read_300vw(folder)
    assert [face.name for face in faces] == ["300vw/001/000006", "300vw/001/000009"]
    assert faces[0].pixels().shape == (720, 1280, 3)
    with pytest.warns(UserWarning, match="category1 is read without clips"):
        first, _ = read_300vw(folder, 1, broken={})
    np.testing.assert_allclose(first.landmarks[0], [353.32681, 276.170196], atol=1e-3)  # by hand


@pytest.mark.parametrize("every", [0, -1, 1.5])
def test_each_so_many_th_frame_is_a_whole_number(tmp_path, every):
    write_clip(tmp_path, "001", 2)
    with pytest.raises(ValueError, match="every must be a whole number"):
        read_300vw(tmp_path, every=every)
