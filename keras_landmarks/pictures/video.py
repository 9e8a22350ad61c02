"""Videos: frames in, frames out."""

import contextlib
import numbers
import os
import pathlib
import time
import warnings
from collections.abc import Generator, Iterable, Iterator
from typing import Any, Self

import cv2
import numpy as np
from cv2 import VideoCapture

from keras_landmarks import files
from keras_landmarks.files import Path, as_path, as_text
from keras_landmarks.pictures.images import as_rgb
from keras_landmarks.pictures.sources import newest, video_source

CODECS = {".mp4": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
"""Endings of the videos that can be written, and how they are coded."""


class VideoReader:
    """The frames of a video file or a camera, one after the other.

    A file can be gone through more than once. The source is open only while it is gone through.

    Args:
        source: path of a video file, the index of a camera (0 is the first) or its device
            (`/dev/video0`), or the address of a stream (`rtsp://…`, `http://…`).

    Attributes:
        frame_rate: frames a second; 30 where the source does not say.
        count: number of frames, or None where it is not known.
        live: whether frames come by themselves, as of cameras and streams. Of a stream those that
            came while one was looked at are left out, but for the newest: none is of the past.
        time: of the frame that came last, in seconds from the first; frames need not be evenly
            spaced. Of live ones it is the time that has passed.

    Raises:
        FileNotFoundError: if there is no such file.
        TypeError: if the source is neither a path nor a whole number.
        ValueError: if it is no video, its name is not in UTF-8, or there is no such camera.

    Example:
        for frame in VideoReader("video.mp4"):
            print(frame.shape)
    """

    def __init__(self, source: Path | int | numbers.Integral) -> None:
        self.source = video_source(source)
        capture = self._open()
        rate, count = (capture.get(p) for p in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
        capture.release()
        self.frame_rate = rate if 0 < rate < 1000 else 30.0
        self.count = int(count) if 0 < count < 1e9 else None
        self.live = self.count is None and not isinstance(self.source, pathlib.Path)
        self.time = 0.0

    def _open(self) -> cv2.VideoCapture:
        source = self.source
        if isinstance(source, pathlib.Path):  # a name may begin as an address does
            source = str(source.absolute())
        capture = cv2.VideoCapture(source if isinstance(source, int) else as_text(source))
        if not capture.isOpened():
            camera = isinstance(source, int)
            what = f"Camera {source} does not open" if camera else f"{self.source} is no video"
            raise ValueError(f"{what} (OpenCV cannot read frames from it){self._coding()}.")
        return capture

    def _coding(self) -> str:
        """What keeps OpenCV from a video's frames, where that can be told."""
        if not isinstance(self.source, pathlib.Path):
            return ""
        with self.source.open("rb") as file:
            start = file.read(2**16).lower()
            file.seek(max(self.source.stat().st_size - 2**20, 0))
            start += file.read().lower()
        if b"av01" not in start and b"v_av1" not in start:
            return ""
        return (
            ": it is coded as AV1, for which this OpenCV has no decoder. "
            "Convert it: ffmpeg -i VIDEO -c:v libx264 converted.mp4"
        )

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields `(height, width, 3)` uint8 RGB frames; warns of a file that ends early, and of a
        camera or a stream that ends."""
        seen, start, frames = 0, None, self._frames()
        frames = newest(frames) if self.live and isinstance(self.source, str) else frames
        with contextlib.closing(frames):
            for frame, now in frames:
                seen += 1
                start = now if start is None else start
                self.time = max(now - start, 0.0)
                yield frame
        if not seen:
            raise ValueError(f"{self.source} holds no frame that can be read{self._coding()}.")
        if self.count and seen < 0.9 * self.count:
            message = f"{self.source} ends after {seen} of {self.count} frames: is it cut short?"
            warnings.warn(message, stacklevel=2)
        elif self.live:
            camera = "Camera " * isinstance(self.source, int)
            warnings.warn(f"{camera}{self.source} gives no more frames.", stacklevel=2)

    def _frames(self) -> Generator[tuple[np.ndarray, float], None, None]:
        """Frames and their times, from where the source stands."""
        capture = self._open()
        try:
            for frame in _captured(capture):
                at = time.perf_counter() if self.live else capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
                yield frame, at
        finally:
            capture.release()


def frames_of(source: Any) -> Any:
    """A path or a camera's index as a `VideoReader`; other frames, one after the other, as given.

    Of a `cv2.VideoCapture`, as one with settings of one's own, the frames that are left, in RGB.

    Raises:
        ValueError: if it is a single picture, nothing that has frames, or was not opened.
    """
    if isinstance(source, (str, os.PathLike, numbers.Integral)):
        return VideoReader(source)
    if isinstance(source, VideoCapture):
        if not source.isOpened():
            raise ValueError("The VideoCapture is not open: OpenCV found no frames to read.")
        return _captured(source)
    if isinstance(source, (bytes, bytearray, memoryview)) or hasattr(source, "read"):
        kind = type(source).__name__
        raise ValueError(f"Videos are read from files: write the {kind} to one, and give its path.")
    if not isinstance(source, Iterable) or getattr(source, "ndim", 4) != 4:
        kind = type(source).__name__
        raise ValueError(f"Expected a video, a camera's index or several frames, not one {kind}.")
    return source


def _captured(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """The frames that are left in what OpenCV has opened."""
    while True:
        read, frame = capture.read()
        if not read:
            return
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


class VideoWriter:
    """A video file that appears only when it is whole.

    Args:
        path: of the file; its ending is one of `CODECS`.
        frame_rate: frames a second; rounded to what the file can hold.

    Raises:
        ValueError: if the ending is another one, the name is not in UTF-8, the rate is no number
            above zero, or the file cannot be written.

    Example:
        with VideoWriter("drawn.mp4", 30) as video:
            video.write(frame)
    """

    def __init__(self, path: Path, frame_rate: float) -> None:
        self.path = as_path(path)
        as_text(self.path)  # over another name OpenCV would end the process
        if self.path.suffix.lower() not in CODECS:
            raise ValueError(f"Cannot write {path} as a video. Known endings: {', '.join(CODECS)}.")
        if not isinstance(frame_rate, numbers.Real) or not 0 < frame_rate < 1000:
            raise ValueError(f"frame_rate is a number of frames a second, not {frame_rate!r}.")
        # MPEG-4's fractions have 16 bits: 237.341 frames a second would be one of more.
        places = 3 if frame_rate < 65 else 2 if frame_rate < 655 else 0
        self.frame_rate: float = round(float(frame_rate), places)
        self._whole: contextlib.AbstractContextManager[pathlib.Path] = files.whole(self.path)
        self._writer: cv2.VideoWriter | None = None
        self._count: int = 0
        self._closed: bool = False
        self._size: tuple[int, int] = (0, 0)

    def write(self, frame: Any) -> None:
        """Adds a frame, a picture as `as_rgb` takes it; all have the size of the first.

        Codecs know even sizes alone: the last row or column of an odd one is there twice.
        """
        frame = as_rgb(frame)
        height, width = frame.shape[:2]
        if self._closed:
            raise ValueError(f"{self.path} is closed: a VideoWriter writes one video.")
        if self._writer is not None and (height, width) != self._size:
            raise ValueError(f"Frames of one size, not of {self._size} and {(height, width)}.")
        edges = 0, height % 2, 0, width % 2
        frame = cv2.copyMakeBorder(frame, *edges, cv2.BORDER_REPLICATE) if any(edges) else frame
        if self._writer is None:
            codec = cv2.VideoWriter.fourcc(*CODECS[self.path.suffix.lower()])
            self._partial, self._size = self._whole.__enter__(), (height, width)
            size = frame.shape[1::-1]
            self._writer = cv2.VideoWriter(str(self._partial), codec, self.frame_rate, size)
            if not self._writer.isOpened():
                self._writer, self._closed = None, True
                error = ValueError(f"{self.path} cannot be written: {width} x {height} pixels.")
                self._whole.__exit__(ValueError, error, None)
                raise error
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        self._count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._closed = True
        if self._writer is None:
            if not self._count and error[0] is None:
                warnings.warn(f"No frame was written: there is no {self.path}.", stacklevel=2)
            return
        self._writer.release()
        self._writer = None
        fault = self._fault() if error[0] is None else None
        if fault:
            self._whole.__exit__(OSError, fault, None)
            raise fault
        self._whole.__exit__(*error)

    def close(self) -> None:
        """Ends the file, which appears then; as the end of a `with` block does."""
        self.__exit__(None, None, None)

    def __del__(self) -> None:
        if getattr(self, "_writer", None) is not None:
            warnings.warn(f"{self.path} is not written: it was never closed.", stacklevel=2)

    def _fault(self) -> OSError | None:
        """What OpenCV does not tell, as of a disk that is full."""
        written = VideoCapture(str(self._partial))
        kinds = cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH
        count, *size = [round(written.get(k)) if written.isOpened() else 0 for k in kinds]
        written.release()
        if abs(count - self._count) > 1:
            return OSError(f"{self.path}: of {self._count} frames {count} could be written.")
        if size != [side + side % 2 for side in self._size]:
            height, width = self._size
            return OSError(f"{self.path} cannot hold {width} x {height} pixels.")
        return None
