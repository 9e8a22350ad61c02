"""300VW: videos with a `.pts` file for each frame, in three categories of test clips."""

import functools
import os
import pickle
import threading
import warnings

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import existing_folder, files_of
from keras_landmarks.data.readers.finding import LazyPicture
from keras_landmarks.data.readers.pts import read_pts
from keras_landmarks.data.readers.rows import read_faces
from keras_landmarks.files import as_path
from keras_landmarks.names import number
from keras_landmarks.pictures.kinds import PICTURES
from keras_landmarks.pictures.video import VideoReader

CATEGORIES = {
    1: "114 124 125 126 150 158 401 402 505 506 507 508 509 510 511 514 515 518 519 520 521 522 "
    "524 525 537 538 540 541 546 547 548",
    2: "203 208 211 212 213 214 218 224 403 404 405 406 407 408 409 412 550 551 553",
    3: "410 411 516 517 526 528 529 530 531 533 557 558 559 562",
}
CATEGORIES = {category: tuple(clips.split()) for category, clips in CATEGORIES.items()}
"""The clips of each category of test clips; the others are for training."""

_HERE = threading.local()
"""What a thread goes through: its video and process, the number of the next frame, the frames."""

_PARENTS: list = []
"""Frames of a parent process: they are not closed in a fork, which would wait for ever."""


def read_300vw(folder, category=None, every=1, broken=None, skip_broken=False):
    """Reads clips `NNN/annot/000001.pts` with `NNN/vid.avi` or `NNN/imgs/000001.jpg`.

    Args:
        folder: holds the clips.
        category: 1, 2 or 3 of the test clips; None takes the training clips.
        every: takes each so many-th frame.
        broken: the frames to leave out, `{clip: frame numbers}`; None takes those of
            `broken_frames.npy` in the folder, or none where it is not there.
        skip_broken: whether to warn of a broken annotation, or one without its picture, and go on.

    Returns:
        List of `Face`, scheme ibug68, without boxes; faces of a clip share their `photo`. A frame
        of a video is read when its pixels are asked for, fastest in order.

    Raises:
        FileNotFoundError: if the folder, or all clips, are missing.
        ValueError: if the category is unknown, `every` is no whole number above 0, or a file is
            broken or without its partner.
    """
    if category not in (None, *CATEGORIES):
        raise ValueError(f"Unknown category {category!r} of 300VW. Known: 1, 2, 3.")
    number("every", every, least=1, whole=True)
    folder = existing_folder(folder)
    if broken is None:
        path = folder / "broken_frames.npy"
        broken = read_broken_frames(path) if path.is_file() else {}
    there = sorted(path.parent.name for path in folder.glob("*/annot"))
    if category is None:
        tests = {clip for clips in CATEGORIES.values() for clip in clips}
        clips = [clip for clip in there if clip not in tests]
    else:
        clips = [clip for clip in CATEGORIES[category] if clip in there]
        if clips and (missing := [c for c in CATEGORIES[category] if c not in there]):
            message = f"300vw/category{category} is read without clips {', '.join(missing)}"
            warnings.warn(f"{message}: not in {folder}.", stacklevel=2)
    if not clips:
        raise FileNotFoundError(f"{folder} holds no clip NNN/annot of the wanted ones.")
    rows = []
    for clip in clips:
        left_out = set(map(int, broken.get(clip, ())))
        frames = Frames(folder / clip)
        annotations = files_of(folder / clip / "annot", ".pts")
        numbered = [(file, int(file.stem)) for file in annotations if file.stem.isdigit()]
        kept = [(frames, *row) for row in numbered if row[1] not in left_out]
        rows.extend(kept[::every])
    return read_faces(folder, rows, _face, skip_broken)


def _face(row):
    frames, file, number = row
    image = frames.picture(number)
    clip = f"300vw/{frames.folder.name}"
    return Face(image, read_pts(file, count=68), "ibug68", None, f"{clip}/{file.stem}", clip)


class Frames:
    """The frames of a clip, from its pictures or else its video, counted from 1.

    Each thread goes through a video by itself, and through one at a time: from any of them a frame
    is the right one, and few videos are open.

    Args:
        folder: of the clip.
    """

    def __init__(self, folder):
        self.folder = as_path(folder)
        images = self.folder / "imgs"
        there = images.iterdir() if images.is_dir() else ()
        pictures = [p for p in there if p.suffix.lower() in PICTURES and p.stem.isdigit()]
        self._pictures = {int(p.stem): p for p in pictures}

    def __reduce__(self):
        return Frames, (self.folder,)

    def picture(self, number):
        """The path of a frame's picture, or a picture that is read from the video when needed."""
        if self._pictures:
            if number not in self._pictures:
                raise ValueError(f"{self.folder / 'imgs'} holds no picture of frame {number}.")
            return self._pictures[number]
        if not (self.folder / "vid.avi").is_file():
            raise ValueError(f"{self.folder} holds neither vid.avi nor imgs/.")
        return LazyPicture(functools.partial(self._read, number))

    def _read(self, number):
        mine = self.folder / "vid.avi", os.getpid()
        of, place, frames = getattr(_HERE, "open", (mine, number + 1, None))
        if of[1] != mine[1]:  # a parent's, whose threads that read it are not here
            _PARENTS.append(frames)
        if of != mine or number < place:
            place, frames = 1, iter(VideoReader(mine[0]))
        for frame in frames:
            place += 1
            _HERE.open = mine, place, frames
            if place > number:
                return frame
        _HERE.__dict__.pop("open", None)
        raise ValueError(f"{self.folder / 'vid.avi'} has no frame {number}.")


class _Plain(pickle.Unpickler):
    """Reads arrays and Python's own containers, and nothing that could run code."""

    def find_class(self, module, name):
        known = ("_reconstruct", "ndarray", "dtype", "scalar")
        if module.split(".")[0] == "numpy" and name in known:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"holds a {module}.{name}")


def read_broken_frames(path):
    """Reads `broken_frames.npy`, a pickled dict: `{clip: frame numbers}`.

    Raises:
        ValueError: if it is another kind of file.
    """
    try:
        with as_path(path).open("rb") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            content = _Plain(file).load()
        return {str(clip): list(numbers) for clip, numbers in np.ravel(content)[0].items()}
    except (ValueError, TypeError, AttributeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path}: expected a NumPy file of clips' frames: {error}") from error
