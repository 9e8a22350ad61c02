import io
import os
import pathlib
import struct
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from keras_landmarks.pictures import VideoReader, VideoWriter, is_video, read_image
from keras_landmarks.pictures.sources import newest
from keras_landmarks.pictures.video import frames_of

FRAMES = [np.full((48, 64, 3), 60 * i, np.uint8) for i in range(4)]


def av1(path):
    """A video that says AV1 and holds noise, as OpenCV sees it where it has no decoder."""
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"AV01", 64, 48, 10, 1, 3, 0)
    noise = os.urandom(300)
    path.write_bytes(header + b"".join(struct.pack("<IQ", 300, i) + noise for i in range(3)))
    return path


@pytest.mark.parametrize("suffix", [".flv", ".FLV", ".wmv", ".3gp", ".ts", ".webm", ".mp4"])
def test_videos_are_told_by_their_endings(suffix):
    assert is_video(f"a{suffix}")


def test_a_folder_that_is_called_as_a_video_is_none(tmp_path):
    (tmp_path / "frames.mp4").mkdir()
    assert not is_video(tmp_path / "frames.mp4")


def test_a_gif_that_moves_is_a_video_and_one_that_does_not_is_a_picture(tmp_path):
    first, *others = map(Image.fromarray, FRAMES)
    first.save(tmp_path / "moves.gif", save_all=True, append_images=others, duration=100)
    others[0].save(tmp_path / "still.gif")
    assert is_video(tmp_path / "moves.gif")
    assert not is_video(tmp_path / "still.gif")
    assert not is_video(tmp_path / "missing.gif")
    assert len(list(VideoReader(tmp_path / "moves.gif"))) == 4
    assert read_image(tmp_path / "still.gif").shape == FRAMES[0].shape


def test_an_flv_is_read(tmp_path):
    path = str(tmp_path / "a.flv")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"FLV1"), 10, (64, 48))
    for frame in FRAMES:
        writer.write(frame)
    writer.release()
    assert len(list(VideoReader(path))) == 4


def test_a_video_of_av1_says_that_no_decoder_is_there(tmp_path):
    with pytest.raises(ValueError, match=r"AV1, for which this OpenCV has no decoder.*libx264"):
        list(VideoReader(av1(tmp_path / "a.ivf")))


@pytest.mark.parametrize("kind", ["float32", "int64", "grey", "rgba", "fortran", "pil"])
def test_any_picture_is_a_frame(tmp_path, kind):
    change = {
        "grey": lambda f: f[..., 0],
        "rgba": lambda f: np.dstack([f, f[..., 0]]),
        "fortran": np.asfortranarray,
        "pil": Image.fromarray,
    }.get(kind) or (lambda f: f.astype(kind))
    with VideoWriter(tmp_path / "a.avi", 10) as video:
        for frame in FRAMES:
            video.write(change(frame))
    for frame, expected in zip(VideoReader(tmp_path / "a.avi"), FRAMES, strict=True):
        np.testing.assert_allclose(frame, expected, atol=4)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_video_whose_name_is_no_utf8_is_refused_and_not_given_to_opencv(tmp_path):
    path = tmp_path / "caf\udce9.avi"
    path.write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"caf\\udce9.avi' is no name in UTF-8.*: rename it"):
        VideoReader(path)
    with pytest.raises(ValueError, match="is no name in UTF-8"):
        VideoWriter(path, 25)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with VideoWriter("~/a.avi", 10) as video:
        video.write(FRAMES[1])
    assert VideoReader("~/a.avi").count == 1
    assert (tmp_path / "a.avi").is_file()


@pytest.mark.parametrize("name", ["a.avi", "a.mp4"])
def test_a_video_that_a_full_disk_cuts_short_takes_no_place(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"the last one")
    video = VideoWriter(path, 10)
    for frame in FRAMES[:2]:
        video.write(frame)
    writer = video._writer

    class Full:
        def release(self):
            writer.release()
            os.truncate(video._partial, 200)

    video._writer = Full()
    with pytest.raises(OSError, match="of 2 frames 0 could be written"):
        video.__exit__(None, None, None)
    assert path.read_bytes() == b"the last one"
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("rate", [237.3412, 123.456789, 66.66667, 700.4, 29.97])
def test_videos_of_any_rate_are_written(tmp_path, rate):
    with VideoWriter(tmp_path / "a.mp4", rate) as video:
        for frame in FRAMES:
            video.write(frame)
    reader = VideoReader(tmp_path / "a.mp4")
    assert reader.frame_rate == pytest.approx(rate, rel=1e-3)
    assert len(list(reader)) == 4


def test_a_video_may_be_closed_and_one_that_is_not_is_told_of(tmp_path):
    video = VideoWriter(tmp_path / "a.avi", 10)
    video.write(FRAMES[0])
    video.close()
    assert len(list(VideoReader(tmp_path / "a.avi"))) == 1
    with pytest.raises(ValueError, match=r"a\.avi is closed: a VideoWriter writes one video"):
        video.write(FRAMES[0])
    with pytest.warns(UserWarning, match="No frame was written"), VideoWriter("c.avi", 10):
        pass
    video = VideoWriter(tmp_path / "b.avi", 10)
    video.write(FRAMES[0])
    with pytest.warns(UserWarning, match=r"b\.avi is not written: it was never closed"):
        video.__del__()
    video.close()


def test_a_frame_of_odd_sides_is_made_even_by_its_edges(tmp_path):
    frame = np.zeros((33, 51, 3), "uint8")
    frame[-1] = 200
    with VideoWriter(tmp_path / "odd.avi", 25) as video:
        video.write(frame)
        with pytest.raises(
            ValueError, match=r"Frames of one size, not of \(33, 51\) and \(20, 51\)"
        ):
            video.write(frame[:20])
    (read,) = VideoReader(tmp_path / "odd.avi")
    assert read.shape == (34, 52, 3)
    assert read[-2:].mean() > 190
    assert read[:-4].mean() < 10


@pytest.mark.parametrize("rate", [0, -1, None, "30", float("nan")])
def test_a_frame_rate_that_is_none_is_named(tmp_path, rate):
    with pytest.raises(ValueError, match=f"frame_rate is a number .*, not {rate!r}"):
        VideoWriter(tmp_path / "a.mp4", rate)


def test_a_video_is_named_by_any_path(tmp_path):
    with VideoWriter(tmp_path / "a.avi", 10) as video:
        video.write(np.zeros((32, 32, 3), np.uint8))
    (entry,) = os.scandir(tmp_path)
    assert len(list(VideoReader(entry))) == len(list(frames_of(entry))) == 1


def test_a_video_that_cannot_hold_its_pictures_takes_no_place(tmp_path):
    wide = np.zeros((64, 70_000, 3), np.uint8)
    video = VideoWriter(tmp_path / "wide.avi", 10)
    for _ in range(2):
        video.write(wide)
    with pytest.raises(OSError, match="cannot hold 70000 x 64 pixels"):
        video.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["12:30.mp4", "file:a.mp4", "a:b.mp4"])
def test_a_video_whose_name_begins_as_an_address_is_read(tmp_path, monkeypatch, name):
    with VideoWriter(tmp_path / "a.mp4", 10) as video:
        video.write(FRAMES[0])
    (tmp_path / "a.mp4").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(list(VideoReader(name))) == 1


class Camera:
    """Two frames, and then none: as of a camera that is pulled out."""

    def __init__(self, source):
        self.source, self.left = source, 2

    def isOpened(self):
        return True

    def release(self):
        pass

    def get(self, what):
        return 0.0

    def read(self):
        self.left -= 1
        return self.left >= 0, FRAMES[0]


@pytest.mark.parametrize(
    ("source", "said"), [(1, "Camera 1 gives no"), ("rtsp://door/1", "rtsp://door/1 gives no")]
)
def test_a_camera_that_gives_no_more_frames_is_told_of(monkeypatch, source, said):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    with pytest.warns(UserWarning, match=f"{said} more frames"):
        assert len(list(VideoReader(source))) in (1, 2)  # a stream waits for nobody


def test_a_camera_may_be_named_by_its_device(monkeypatch, tmp_path):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    (tmp_path / "video2").touch()
    (tmp_path / "front").symlink_to(tmp_path / "video2")
    monkeypatch.setattr(pathlib.Path, "is_char_device", lambda path: True)
    assert [VideoReader(tmp_path / name).source for name in ("video2", "front")] == [2, 2]
    with pytest.raises(FileNotFoundError, match="No video at /dev/null"):
        VideoReader("/dev/null")


@pytest.mark.parametrize("video", [b"video", bytearray(b"video"), io.BytesIO(b"video")])
def test_a_video_in_memory_says_how_videos_are_read(video):
    with pytest.raises(ValueError, match="Videos are read from files: write the .* its path"):
        frames_of(video)


def test_of_a_stream_the_newest_frame_is_taken():
    looked = threading.Event()

    def frames():
        yield 0
        looked.wait()
        yield from range(1, 9)

    taken = newest(frames())
    assert next(taken) == 0
    looked.set()
    time.sleep(0.2)
    assert [*taken] == [8]


def test_the_end_of_a_stream_and_its_error_are_told():
    def frames():
        yield 1
        raise ValueError("gone")

    assert [*newest([])] == []
    with pytest.raises(ValueError, match="gone"):
        list(newest(frames()))


def test_a_stream_that_nobody_wants_any_more_is_closed():
    closed = threading.Event()

    def frames():
        try:
            while True:
                yield 1
                time.sleep(0.01)
        finally:
            closed.set()

    taken = newest(frames())
    next(taken)
    taken.close()
    assert closed.is_set()  # and not some time later


def test_a_stream_that_is_left_ends_no_program():
    program = (
        "import time, cv2, numpy\n"
        "from keras_landmarks.pictures.sources import newest\n"
        "frame = numpy.zeros((999, 999, 3), numpy.uint8)\n"
        "frames = newest(cv2.GaussianBlur(frame, (99, 99), 9) for _ in range(10**6))\n"
        "next(frames)\n"
        "time.sleep(0.2)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_capture_that_did_not_open_is_told(tmp_path):
    with pytest.raises(ValueError, match="VideoCapture is not open"):
        frames_of(cv2.VideoCapture(str(tmp_path / "none.avi")))


def test_frames_of_an_open_capture_are_in_rgb(tmp_path):
    with VideoWriter(tmp_path / "a.avi", 10) as video:
        for _ in range(3):
            video.write(np.full((48, 64, 3), (200, 100, 20), np.uint8))
    capture = cv2.VideoCapture(str(tmp_path / "a.avi"))
    capture.read()
    frames = list(frames_of(capture))
    assert len(frames) == 2
    np.testing.assert_allclose(frames[0].mean(axis=(0, 1)), (200, 100, 20), atol=5)


def test_a_writer_that_failed_or_ended_writes_no_more(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", 20)
    with pytest.raises(ValueError, match="cannot be written: 70000 x 2"):
        writer.write(np.zeros((2, 70000, 3), np.uint8))
    assert not [*tmp_path.iterdir()]
    with pytest.raises(ValueError, match="is closed"):
        writer.write(np.zeros((16, 16, 3), np.uint8))
    writer = VideoWriter(tmp_path / "a.mp4", 20)
    with pytest.warns(UserWarning, match="No frame was written"):
        writer.close()
    with pytest.raises(ValueError, match="is closed"):
        writer.write(np.zeros((16, 16, 3), np.uint8))
