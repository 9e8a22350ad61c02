"""MERL-RAV: 68 points on AFLW's pictures that say whether they are covered or cannot be seen."""

import re

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import existing_folder, files_of
from keras_landmarks.data.readers.finding import Pictures
from keras_landmarks.data.readers.pts import read_pts
from keras_landmarks.data.readers.rows import read_faces
from keras_landmarks.names import known_name

POSES = ("frontal", "lefthalf", "left", "righthalf", "right")
"""The folders of MERL-RAV, by the head's pose."""


def read_merl(folder, part="test", skip_broken=False) -> list[Face]:
    """Reads `POSE/trainset/` or `POSE/testset/` of the labels, with pictures beside or in AFLW.

    Negative coordinates are of covered points, at their absolute values; (-1, -1) is a point on
    the far side of the head, which is missing here.

    Args:
        folder: holds `merl_rav_organized/`, `merl_rav_labels/` (with `aflw/flickr/`), or the
            folders of either.
        part: `train` or `test`.
        skip_broken: whether to warn of a broken file, or one without its picture, and go on.

    Returns:
        List of `Face`, scheme ibug68, without boxes; `facts` has the `pose`, one of `POSES`.

    Raises:
        FileNotFoundError: if there are no such folders.
        ValueError: if the part is unknown, or a file is broken or without its picture.
    """
    known_name("part", part, ("train", "test"))
    folder = existing_folder(folder)
    roots = [folder / "merl_rav_organized", folder / "merl_rav_labels", folder]
    root = next((r for r in roots if any((r / pose).is_dir() for pose in POSES)), None)
    if root is None:
        raise FileNotFoundError(f"{folder} holds none of {', '.join(POSES)}.")
    places = [root / pose / f"{part}set" for pose in POSES]
    rows = [path for place in places if place.is_dir() for path in files_of(place, ".pts")]
    pictures = Pictures(folder, [f"aflw/flickr/{i}" for i in (0, 2, 3)])

    def face(path):
        stems = path.stem, re.sub(r"_\d$", "", path.stem)  # the second face of a picture
        for stem in dict.fromkeys(stems):
            image = path.with_name(f"{stem}.jpg")
            try:
                image = image if image.is_file() else pictures.find(image.name)
                break
            except ValueError as error:
                missing = error
        else:
            raise missing
        points, visible = points_of_file(path)
        pose = path.parent.parent.name
        name, photo = f"merl/{pose}/{path.stem}", f"aflw/{stems[1]}"
        return Face(image, points, "ibug68", None, name, photo, visible, {"pose": pose})

    return read_faces(root, rows, face, skip_broken)


def points_of_file(path):
    """`(points, visible)` of a file: `(68, 2)` with NaN where not seen, `(68,)` booleans."""
    written = read_pts(path, count=68) + 1  # as they stand in the file
    unseen = (written == -1).all(axis=1)
    covered = (written < 0).any(axis=1)
    points = np.abs(written) - 1
    points[unseen] = np.nan
    return points, ~covered
