"""Named splits of 300W, read from the official folder tree, and splits by source photo."""

import os
import warnings

import numpy as np

from keras_landmarks.data.face import Face, faces_of
from keras_landmarks.data.readers.pts import read_pts_folders
from keras_landmarks.data.readers.rows import BrokenFile
from keras_landmarks.files import as_path
from keras_landmarks.names import known_name, number

__all__ = ["SPLITS", "BrokenFile", "read_300w", "split_by_photo"]

SPLITS = {
    "300w/train": ("afw", "helen/trainset", "lfpw/trainset"),
    "300w/lfpw-test": ("lfpw/testset",),
    "300w/helen-test": ("helen/testset",),
    "300w/common": ("helen/testset", "lfpw/testset"),
    "300w/challenging": ("ibug",),
    "300w/full": ("helen/testset", "lfpw/testset", "ibug"),
}
"""The folders of each named split, as the 300W archives unpack."""


def read_300w(folder, split="300w/train", skip_broken=False) -> list[Face]:
    """Reads the faces of a named split.

    Takes the original archives (jpg and png; several faces of a photo as `NAME_1.jpg`,
    `NAME_2.jpg`, each with its `.pts`; or as `NAME_1.pts`, `NAME_2.pts` beside one `NAME.jpg`).
    A `boxes.csv` in the folder (image, x0, y0, x1, y1: 0-based points), or else the official
    `bounding_boxes_*.mat`, give the boxes; without them they are the landmarks' own.

    Args:
        folder: holds `afw/`, `helen/`, `lfpw/`, `ibug/`.
        split: a name of `SPLITS`. Folders of it that do not exist are left out with a warning.
        skip_broken: whether to warn of a broken annotation, or a picture without one, and go on.

    Returns:
        List of `Face`, scheme ibug68, in the order of their names.

    Raises:
        FileNotFoundError: if none of the split's folders exists.
        ValueError: if the split is unknown, or a file is broken or without its partner.
    """
    folder = as_path(folder)
    known_name("split", split, SPLITS)
    there = [part for part in SPLITS[split] if (folder / part).is_dir()]
    missing = [part for part in SPLITS[split] if part not in there]
    if not there:
        raise FileNotFoundError(
            f"{folder} holds none of the folders of {split}: {', '.join(missing)}. "
            "Unpack the 300W archives there."
        )
    if missing:
        without = ", ".join(missing)
        warnings.warn(f"{split} is read without {without}: not in {folder}.", stacklevel=2)
    return read_pts_folders(folder, there, "ibug68", skip_broken, numbered=True)


def split_by_photo(faces, fraction=0.1, seed=0) -> tuple[list[Face], list[Face]]:
    """Parts faces in two so that no source photo is on both sides, by its name or its picture.

    Args:
        faces: list of `Face`.
        fraction: of the photos, for the second part; above 0 and below 1.
        seed: of the choice.

    Returns:
        `(training, held_out)` lists of `Face`.

    Raises:
        ValueError: if the fraction is not between 0 and 1, or there are fewer than two photos.
    """
    faces = faces_of(faces)
    first: dict[str, Face] = {}  # of each picture its first face
    same: dict[str, str] = {}  # of photos another of one picture

    def photo(face):
        name = face.photo
        while name in same:
            name = same[name]
        return name

    for face in faces:
        one, other = sorted([photo(first.setdefault(_picture(face), face)), photo(face)])
        if one != other:
            same[other] = one
    photos = sorted({photo(face) for face in faces})
    number("fraction", fraction, above=0, below=1)
    if len(photos) < 2:
        raise ValueError(f"Parting needs faces of at least two photos, got {len(photos)}.")
    count = min(max(round(len(photos) * fraction), 1), len(photos) - 1)
    held = set(np.random.default_rng(seed).permutation(photos)[:count])
    training = [face for face in faces if photo(face) not in held]
    return training, [face for face in faces if photo(face) in held]


def of_other_photos(faces, others, use, by_name=True):
    """Faces without those of photos that others are of; warns of these.

    Args:
        faces: list of `Face`.
        others: list of `Face`, whose photos are kept apart.
        use: what for, in words.
        by_name: whether photos of one name are the same, not only one file or array: numbers in two
            folders need not be.
    """
    names = {face.photo for face in others if by_name}
    pictures = set(map(_picture, others))
    kept = [face for face in faces if face.photo not in names and _picture(face) not in pictures]
    if left := len(faces) - len(kept):
        shown = next(face.photo for face in faces if face not in kept)
        said = f"{left} of {len(faces)} further faces are left out: their photos, as {shown}"
        warnings.warn(f"{said}, are {use}.", stacklevel=3)
    return kept


def _picture(face):
    """What tells a face's picture from others: its file, whatever it is called, or its pixels."""
    is_path = isinstance(face.image, (str, os.PathLike))
    return os.path.realpath(face.image) if is_path else id(face.image)
